"""People's files: brought, saved, never lost, and never a way out of the home."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almanac.core.ports import Permanent, Temporary
from almanac.sites.folder import Folder
from almanac.sites.local import trees
from almanac.sites.local.people import Desk, checked

PLENTY = 2**30
AWKWARD = ["naïve ☄.txt", "-rf", "a b\nc", "quote'\"", "per%cent", "🪐" * 60, ".hidden", os.fsdecode(b"latin\xe91")]


class Seat:
    """A seat of a cluster, and what a person keeps."""

    def __init__(self, where: Path, cluster: str = "c-1") -> None:
        self.cluster = cluster
        self.kept = where / "storage/gaia/people/ada"
        control = where / cluster
        self.home = control / "node/homes/seat-1"
        self.home.mkdir(parents=True)
        self.kept.mkdir(parents=True, exist_ok=True)
        self.desk = Desk(
            Folder(control),
            "seat-1",
            control / "node",
            PurePosixPath("homes/seat-1"),
            where / "storage",
            PurePosixPath("gaia/people/ada"),
        )

    def bring(self) -> None:
        self.desk.bring()

    def save(self, most: int = PLENTY) -> list[str]:
        return self.desk.save(self.cluster, most)

    def files(self) -> dict[str, str]:
        return contents(self.kept)


def contents(root: Path) -> dict[str, str]:
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def seat(tmp_path):
    return Seat(tmp_path)


def test_a_round_trip_keeps_content_time_and_the_right_to_run(seat):
    write(seat.kept, "work/sky.ipynb", "stars")
    (seat.kept / "work/sky.ipynb").chmod(0o700)
    os.utime(seat.kept / "work/sky.ipynb", ns=(1, 1_000_000_007))
    seat.bring()
    brought = (seat.home / "work/sky.ipynb").stat()
    assert (brought.st_mtime_ns, stat.S_IMODE(brought.st_mode)) == (1_000_000_007, 0o700)
    write(seat.home, "work/sky.ipynb", "more stars")
    write(seat.home, "new/deep/er.txt", "new")
    assert seat.save() == []
    assert seat.files() == {"work/sky.ipynb": "more stars", "new/deep/er.txt": "new"}
    assert stat.S_IMODE((seat.kept / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_names_are_kept(seat, name):
    write(seat.kept, f"{name}.old", "old")
    seat.bring()
    assert (seat.home / f"{name}.old").read_text() == "old"
    write(seat.home, f"{name}/{name}", "new")
    write(seat.home, f"{name}.old", "changed")
    seat.save()
    assert seat.files() == {f"{name}/{name}": "new", f"{name}.old": "changed"}


def test_links_devices_and_sockets_are_not_followed_or_saved(seat, monkeypatch):
    seat.bring()
    (seat.home / "shadow").symlink_to("/etc/shadow")
    (seat.home / "etc").symlink_to("/etc")
    os.mkfifo(seat.home / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(seat.home)
        listener.bind("socket")
        write(seat.home, "real.txt", "real")
        seat.save()
    assert [p.name for p in seat.kept.iterdir()] == ["real.txt"]


def test_a_link_in_place_of_the_home_leads_nowhere(seat):
    seat.bring()
    seat.home.rmdir()
    seat.home.symlink_to("/etc")
    assert seat.save() == []
    assert seat.files() == {}


def test_a_link_in_place_of_a_folder_is_not_written_through(seat, tmp_path):
    write(seat.kept, "work/sky.ipynb", "stars")
    outside = tmp_path / "outside"
    outside.mkdir()
    (seat.home / "work").symlink_to(outside)
    seat.bring()
    assert list(outside.iterdir()) == []
    seat.save()
    assert seat.files() == {"work/sky.ipynb": "stars"}


def test_only_changed_files_are_written(seat, monkeypatch):
    for n in range(5):
        write(seat.kept, f"{n}.txt", str(n))
    seat.bring()
    write(seat.home, "3.txt", "three")
    written = []
    copy = trees.copy
    monkeypatch.setattr(trees, "copy", lambda *a, **k: written.append(str(a[1])) or copy(*a, **k))
    seat.save()
    seat.save()
    assert written == ["3.txt"]


def test_what_was_removed_is_removed(seat):
    write(seat.kept, "old.txt", "old")
    write(seat.kept, "changed there.txt", "1")
    seat.bring()
    (seat.home / "old.txt").unlink()
    (seat.home / "changed there.txt").unlink()
    write(seat.kept, "changed there.txt", "another booking's")
    seat.save()
    assert seat.files() == {"changed there.txt": "another booking's"}


def test_a_file_that_changed_on_both_sides_is_kept_twice(seat):
    write(seat.kept, "work/sky.tar.gz", "v1")
    seat.bring()
    write(seat.home, "work/sky.tar.gz", "from the cluster")
    write(seat.kept, "work/sky.tar.gz", "from another booking")
    for _ in range(2):
        seat.save()
        assert seat.files() == {
            "work/sky.tar.gz": "from another booking",
            "work/sky.tar (from c-1).gz": "from the cluster",
        }


def test_saving_again_later_saves_what_changed_since(seat):
    seat.bring()
    for text in ("v1", "v2", "v3"):
        write(seat.home, "sky.ipynb", text)
        seat.save()
        assert seat.files() == {"sky.ipynb": text}
    (seat.home / "sky.ipynb").unlink()
    seat.save()
    assert seat.files() == {}


def test_a_new_name_is_never_too_long(seat):
    name = "x" * 251 + ".txt"
    write(seat.kept, name, "v1")
    seat.bring()
    write(seat.home, name, "from the cluster")
    write(seat.kept, name, "from another booking")
    seat.save()
    assert sorted(seat.files().values()) == ["from another booking", "from the cluster"]


@pytest.mark.parametrize(("at_home", "in_storage"), [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a/b"), ("a/b", "a/b/c")])
def test_a_file_in_the_way_of_a_folder_is_kept_beside(seat, at_home, in_storage):
    seat.bring()
    write(seat.home, at_home, "from the cluster")
    write(seat.kept, in_storage, "from another booking")
    seat.save()
    seat.save()
    assert sorted(seat.files().values()) == ["from another booking", "from the cluster"]
    assert seat.files()[in_storage] == "from another booking"


def test_what_services_had_put_there_gives_way(seat):
    write(seat.home, "example.ipynb", "as packaged")
    write(seat.home, "other.ipynb", "as packaged")
    write(seat.kept, "example.ipynb", "as ada left it")
    seat.bring()
    assert contents(seat.home) == {"example.ipynb": "as ada left it", "other.ipynb": "as packaged"}
    seat.save()
    assert seat.files() == {"example.ipynb": "as ada left it"}
    write(seat.home, "other.ipynb", "edited")
    seat.save()
    assert seat.files()["other.ipynb"] == "edited"


def test_bringing_again_leaves_the_persons_work_alone(seat):
    write(seat.kept, "sky.ipynb", "v1")
    seat.bring()
    write(seat.home, "sky.ipynb", "at work")
    seat.bring()
    assert contents(seat.home) == {"sky.ipynb": "at work"}


@pytest.mark.parametrize("broken_at", range(3))
def test_bringing_that_was_broken_off_goes_on_and_loses_nothing(seat, monkeypatch, broken_at):
    for n in range(3):
        write(seat.kept, f"{n}.txt", "kept")
    copy, copied = trees.copy, []

    def dying(*arguments, **others):
        if len(copied) == broken_at:
            raise KeyboardInterrupt
        copied.append(copy(*arguments, **others))
        return copied[-1]

    monkeypatch.setattr(trees, "copy", dying)
    with pytest.raises(KeyboardInterrupt):
        seat.bring()
    monkeypatch.setattr(trees, "copy", copy)
    if broken_at:
        write(seat.home, "0.txt", "at work already")
    seat.bring()
    expected = {"0.txt": "at work already" if broken_at else "kept", "1.txt": "kept", "2.txt": "kept"}
    assert contents(seat.home) == expected
    seat.save()
    assert set(seat.files().values()) == {"kept", *expected.values()}


def test_a_seat_is_never_given_to_somebody_else(seat, tmp_path):
    seat.bring()
    grace = Desk(
        seat.desk.control, "seat-1", seat.desk.node, seat.desk.home, tmp_path / "storage", PurePosixPath("grace")
    )
    with pytest.raises(Permanent, match="another person's files"):
        grace.bring()


def test_too_much_is_left_out_and_named(seat):
    seat.bring()
    write(seat.home, "a small one.txt", "x" * 10)
    write(seat.home, "b huge.fits", "x" * 100)
    write(seat.home, "c small one.txt", "x" * 10)
    assert seat.save(most=50) == ["b huge.fits"]
    assert set(seat.files()) == {"a small one.txt", "c small one.txt"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_temporary_and_loses_nothing(seat, monkeypatch, number):
    write(seat.kept, "sky.ipynb", "v1")
    seat.bring()
    write(seat.home, "sky.ipynb", "v2")

    def full(*_, **__):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(trees.shutil, "copyfileobj", full)
        with pytest.raises(Temporary, match="no space left to save the files of seat-1"):
            seat.save()
    assert {p.name: p.read_text() for p in seat.kept.iterdir()} == {"sky.ipynb": "v1"}
    seat.save()
    assert seat.files() == {"sky.ipynb": "v2"}


def test_a_disk_error_is_temporary_and_named(seat, monkeypatch):
    write(seat.kept, "sky.ipynb", "v1")
    monkeypatch.setattr(trees, "copy", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(Temporary, match="Could not bring files to seat-1: Input/output error"):
        seat.bring()


def test_leftovers_of_a_killed_copy_are_removed(seat):
    write(seat.kept, ".almanac-aside-0123", "half")
    seat.bring()
    assert seat.files() == {}
    assert contents(seat.home) == {}
    write(seat.kept, "work/.almanac-aside-4567", "half")
    seat.save()
    assert seat.files() == {}


def test_what_programs_make_again_is_not_saved(seat):
    seat.bring()
    write(seat.home, ".cache/pip/x", "1")
    write(seat.home, "work/__pycache__/x.pyc", "1")
    write(seat.home, ".ipynb_checkpoints/x", "1")
    seat.save()
    assert seat.files() == {}


def test_a_home_that_was_never_made_is_no_trouble(seat):
    seat.home.rmdir()
    assert seat.save() == []


@pytest.mark.parametrize("path", ["/etc", "..", "a/../../b", ""])
def test_places_outside_the_storage_are_refused(path):
    with pytest.raises(Permanent, match="not a place in the site's storage"):
        checked(path)


NAMES = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "a.txt"])
STEPS = st.lists(st.tuples(st.sampled_from(["home", "storage", "remove", "save"]), NAMES), max_size=12)


@given(before=st.sets(NAMES), steps=STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_that_somebody_wrote_last_is_ever_lost(tmp_path_factory, before, steps):
    """After any steps and a save, the newest text of every file of either side is in the storage."""
    seat = Seat(tmp_path_factory.mktemp("seat"))
    for name in before:
        _try_to_write(seat.kept, name, f"first {name}")
    seat.bring()
    newest: dict[tuple[str, str], str] = {}
    for number, (step, name) in enumerate(steps):
        if step == "save":
            seat.save()
        elif step == "remove":
            (seat.home / name).unlink(missing_ok=True)
            newest.pop(("home", name), None)  # and what was saved of it goes too
        else:
            root = {"home": seat.home, "storage": seat.kept}[step]
            replaced = (root / name).read_text() if (root / name).is_file() else ""
            if _try_to_write(root, name, f"{step} {number}"):
                newest = {key: text for key, text in newest.items() if text != replaced}
                newest[step, name] = f"{step} {number}"
    seat.save()
    texts = set(seat.files().values())
    assert set(newest.values()) <= texts


def _try_to_write(root: Path, name: str, text: str) -> bool:
    try:
        write(root, name, text)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return False
    return True


def test_owning_a_tree_leaves_what_has_a_second_name(tmp_path):
    outside, tree = tmp_path / "outside.txt", tmp_path / "tree"
    outside.write_text("somebody else's")
    (tree / "below").mkdir(parents=True)
    (tree / "below/mine.txt").write_text("mine")
    (tree / "below/link").symlink_to(outside)
    (tree / "below/second-name").hardlink_to(outside)
    changed = []

    def own(fd: int, uid: int, gid: int) -> None:
        changed.append((Path(f"/proc/self/fd/{fd}").readlink().name, uid))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fchown", own)
        patch.setattr(os, "chown", lambda name, uid, gid, *, dir_fd, follow_symlinks: changed.append((name, uid)))
        with trees.opened(tree) as root:
            trees.own(root, 64_100)
    assert sorted(changed) == [("below", 64_100), ("link", 64_100), ("mine.txt", 64_100), ("tree", 64_100)]
