"""Small durable files, the lock, and leases."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.ports import LeaseOrder, LeaseState
from almanac.core.windows import Window
from almanac.sites.folder import Folder
from almanac.sites.local import leases, lock

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_file_is_replaced_whole_and_private(tmp_path):
    with Folder(tmp_path) as folder:
        assert folder.read_json("x.json") is None
        assert folder.stamp("x.json") is None
        folder.write_json("x.json", {"name": "\udce9"})
        before = folder.stamp("x.json")
        folder.write_json("x.json", {"name": "new"}, durable=False)
        assert folder.stamp("x.json") != before
        assert folder.read_json("x.json") == {"name": "new"}
        assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600
        folder.remove("x.json")
        folder.remove("x.json")
        assert not folder.has("x.json")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    with Folder(tmp_path) as folder:
        folder.write("x", b"old")
        with monkeypatch.context() as patched:
            patched.setattr(os, "rename", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
            with pytest.raises(OSError, match="no"):
                folder.write("x", b"new")
        assert folder.read("x") == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_a_folder_stays_in_reach_when_its_path_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    with Folder(tmp_path / "a") as folder:
        (tmp_path / "a").rename(tmp_path / "b")
        folder.write("x", b"still here")
    assert (tmp_path / "b/x").read_bytes() == b"still here"


def test_the_lock_passes_to_a_child_without_a_moment_between(tmp_path):
    path = tmp_path / "lock"
    assert not lock.held(path)
    held = lock.take(path)
    assert lock.held(path)
    assert lock.take(path, patience=0) is None
    with subprocess.Popen(["sleep", "600"], pass_fds=(held,)) as child:
        lock.release(held)
        assert lock.held(path)
        child.kill()
    assert not lock.held(path)
    again = lock.take(path)
    assert again is not None
    lock.release(again)


def test_leases_have_their_state_from_the_time(tmp_path):
    window = Window(NOW, NOW + HOUR)
    handle = leases.write(tmp_path, LeaseOrder("l-1", window, ()))
    assert leases.held(tmp_path, "l-1")
    states = [leases.seen(tmp_path, NOW + n * HOUR)[0].state for n in (-1, 0, 1)]
    assert states == [LeaseState.PENDING, LeaseState.ACTIVE, LeaseState.ENDED]
    longer = Window(NOW, NOW + 2 * HOUR)
    assert leases.write(tmp_path, LeaseOrder("l-1", longer, ())) == handle
    (seen,) = leases.seen(tmp_path, NOW)
    assert (seen.id, seen.window, seen.handle) == ("l-1", longer, handle)
    leases.remove(tmp_path, handle)
    leases.remove(tmp_path, handle)
    assert leases.seen(tmp_path, NOW) == ()
    assert not leases.held(tmp_path, "l-1")
