"""Mount units: their names and texts, and what hinders a mount said in words."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from almanac.node import mounts, runtime, systemd
from almanac.node.config import Config
from almanac.node.mounts import CantMount, Mounts, unit_name
from almanac.node.orders import Mount

GAIA = Mount("gaia-dr3", "/data/gaia-dr3", "10.0.0.5:/gaia%20dr3", "nfs", "_netdev,nosuid,nodev,ro")
CEPH = Mount("cfs", "/data/cfs", "10.0.0.1:6789:/cfs", "ceph", "name=ada,ro", "AQA1==")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch):
    """A machine on which systemd mounts what it is asked for, or says why not."""
    asked: list[tuple[str, ...]] = []
    refusals: list[str] = []
    table = tmp_path / "proc/self/mounts"
    table.parent.mkdir(parents=True)
    table.write_text("")

    def mount(unit: str) -> None:
        asked.append(("mount", unit))
        if refusals:
            raise systemd.SystemdFailed(refusals[0])
        path = next(one.path for one in (GAIA, CEPH) if unit_name(one.path) == unit)
        table.write_text(f"{table.read_text()}source {path} nfs ro 0 0\n")

    def stop(units) -> None:
        asked.extend(("stop", unit) for unit in units)
        if refusals and units:
            raise systemd.SystemdFailed(refusals[0])

    monkeypatch.setattr(systemd, "mount", mount)
    monkeypatch.setattr(systemd, "stop", stop)
    monkeypatch.setattr(systemd, "reload", lambda: asked.append(("reload",)))
    monkeypatch.setattr(mounts, "ensure_mounter", lambda _: None)
    (tmp_path / "units").mkdir()
    (tmp_path / "units/proc-fs.mount").write_text("[Unit]\nDescription=The distribution's own\n")
    config = Config("", "c-1", "worker-1", "", units=str(tmp_path / "units"), secrets=str(tmp_path / "secrets"))
    return config, tmp_path, asked, refusals, table


def mounts_of(machine) -> Mounts:
    return Mounts(machine[0], machine[1] / "proc")


@pytest.mark.parametrize("path", ["/data/gaia-dr3", "/data/a", "/srv/a b/c.d:e", "/data/\N{GREEK SMALL LETTER ALPHA}"])
def test_units_are_named_as_systemd_names_them(path):
    if shutil.which("systemd-escape"):
        told = subprocess.run(["systemd-escape", "--path", "--suffix=mount", path], capture_output=True, check=True)
        assert unit_name(path) == told.stdout.decode().strip()
    assert unit_name("/data/gaia-dr3") == r"data-gaia\x2ddr3.mount"


def test_what_is_ordered_is_mounted_once_and_its_secret_is_for_root_only(machine):
    _, root, asked, *_ = machine
    ours = mounts_of(machine)
    ours.take((GAIA, CEPH))
    assert asked == [("reload",), ("mount", unit_name(GAIA.path)), ("mount", unit_name(CEPH.path))]
    text = (root / "units" / unit_name(GAIA.path)).read_text()
    assert "What=10.0.0.5:/gaia%%20dr3\nWhere=/data/gaia-dr3\nType=nfs\nOptions=_netdev,nosuid,nodev,ro\n" in text
    secret = root / "secrets/cfs.key"
    assert (secret.read_text(), stat.S_IMODE(secret.stat().st_mode)) == ("AQA1==", 0o600)
    text = (root / "units" / unit_name(CEPH.path)).read_text()
    assert f"Options=name=ada,ro,secretfile={secret}\n" in text
    assert "AQA1" not in text
    assert "AQA1" not in repr(CEPH)
    assert ours.said() == "gaia-dr3 at /data/gaia-dr3, cfs at /data/cfs"
    mounts_of(machine).take((GAIA, CEPH))
    assert len(asked) == 3


def test_what_is_not_ordered_any_more_goes_with_its_secret_and_other_units_stay(machine):
    _, root, asked, *_ = machine
    mounts_of(machine).take((GAIA, CEPH))
    mounts_of(machine).take((GAIA,))
    assert ("stop", unit_name(CEPH.path)) in asked
    assert not list((root / "secrets").iterdir())
    assert mounts_of(machine).end() == ""
    assert [path.name for path in (root / "units").iterdir()] == ["proc-fs.mount"]


def test_a_mount_that_fails_names_the_data_and_the_machine(machine):
    refusals = machine[3]
    refusals.append("mount.nfs: Connection timed out for 10.0.0.5:/gaia.")
    ours = mounts_of(machine)
    words = "gaia-dr3 can't be mounted on worker-1: mount.nfs: Connection timed out for 10.0.0.5:/gaia."
    with pytest.raises(CantMount) as raised:
        ours.take((GAIA,))
    assert str(raised.value) == words
    refusals.clear()
    ours.take((GAIA,))


def test_what_was_lost_is_mounted_again_and_until_then_said(machine, monkeypatch):
    *_, refusals, table = machine
    now = [100.0]
    monkeypatch.setattr(mounts.time, "monotonic", lambda: now[0])
    ours = mounts_of(machine)
    ours.take((GAIA,))
    assert ours.mend() == ""
    table.write_text("")
    refusals.append("the server is away")
    now[0] += 60
    assert ours.mend() == "gaia-dr3 can't be mounted on worker-1: the server is away."
    refusals.clear()
    assert ours.mend() != ""  # not tried again at once
    now[0] += 60
    assert ours.mend() == ""


def test_what_can_not_be_unmounted_is_told_and_hinders_nothing(machine):
    mounts_of(machine).take((GAIA,))
    machine[3].append("target is busy")
    assert mounts_of(machine).end() == "target is busy"


def test_a_helper_that_is_missing_is_installed_or_named(monkeypatch):
    there: set[str] = set()
    installs: list[tuple[str, ...]] = []
    monkeypatch.setattr(runtime.shutil, "which", lambda name: f"/sbin/{name}" if name in there else None)
    monkeypatch.setattr(runtime, "_packages", installs.extend)
    runtime.ensure_mounter("tmpfs")
    with pytest.raises(runtime.CantInstall, match=r"no mount\.nfs, and its package could not be installed"):
        runtime.ensure_mounter("nfs")
    there.add("apt-get")
    with pytest.raises(
        runtime.CantInstall, match=r"no mount\.ceph, and the package ceph-common could not be installed"
    ):
        runtime.ensure_mounter("ceph")
    assert installs == [("ceph-common",)]
    there.add("mount.ceph")
    runtime.ensure_mounter("ceph")
