"""What one run of machines owns on this host, found by its name: so that the next run can clear up after one that was killed."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from tests.support.machines import cgroups, network
from tests.support.machines.shell import ToolFailed, run

RUNS = Path("/run/almanac-machines")


def begin() -> str:
    """Clear up after runs whose process is gone, and begin one; returns its name."""
    RUNS.mkdir(mode=0o711, exist_ok=True)
    for left in [path.name for path in RUNS.iterdir() if not path.name.startswith(".") and not _owned(path)]:
        clear(left)
    name = secrets.token_hex(3)
    making = RUNS / f".{name}"
    making.mkdir(mode=0o711)
    (making / "owner").write_text(_identity(os.getpid()))
    making.rename(RUNS / name)  # with its owner from the first moment that others see it
    run("mount", "-t", "tmpfs", "-o", "mode=0711", "machines", str(directory(name)))
    return name


def directory(name: str) -> Path:
    """Where a run's machines have their disks: in memory, so that nothing of them outlives this host."""
    disks = RUNS / name / "disks"
    disks.mkdir(mode=0o711, exist_ok=True)
    return disks


def clear(name: str) -> None:
    """End all that a run has left, in an order in which nothing is in use any more."""
    cgroups.end(name)
    network.clear(name)
    for mount in reversed(_mounts_below(RUNS / name)):
        with contextlib.suppress(ToolFailed):
            run("umount", "--lazy", mount)
    for propagated in Path("/run/systemd/nspawn/propagate").glob(f"alm-{name}-*"):
        propagated.rmdir()
    shutil.rmtree(RUNS / name)


def _mounts_below(path: Path) -> list[str]:
    mounts = [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [mount for mount in mounts if mount.startswith(f"{path}/")]


def _owned(path: Path) -> bool:
    """Whether the run's process lives."""
    identity = (path / "owner").read_text()
    return identity == _identity(int(identity.split(" ")[0]))


def _identity(pid: int) -> str:
    """A process's id and start time, which no other process ever has; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return ""
    return f"{pid} {stat.rpartition(')')[2].split()[19]}"
