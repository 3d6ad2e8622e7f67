"""Scratch on an NVMe disk of this machine's own, where there is one that nobody uses.

A disk that carries anything at all (a partition table, a file system, a member of an array, a mount) is left alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LABEL = "almanac-scratch"
_SECTOR = 512
_SMALLEST = 4 * 2**30
_NO_SIGNATURE = 2
_GIB = 2**30

Run = Callable[[Sequence[str]], "tuple[int, str]"]


@dataclass(frozen=True)
class Disk:
    """A whole disk that nobody uses. ``size`` is in bytes."""

    device: str
    size: int


def run(command: Sequence[str]) -> tuple[int, str]:
    """Run a command; its exit status and what it said. A missing command is 127."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, (done.stdout + done.stderr).strip()


def unused(run: Run = run, blocks: Path = Path("/sys/block"), proc: Path = Path("/proc")) -> list[Disk]:
    """NVMe disks without anything on them, the largest first."""
    found = [Disk(f"/dev/{block.name}", _size(block)) for block in _whole(blocks) if not _in_use(block, proc)]
    large = [disk for disk in found if disk.size >= _SMALLEST and _blank(disk, run)]
    return sorted(large, key=lambda disk: (-disk.size, disk.device))


def mount_scratch(scratch: Path, run: Run = run, blocks: Path = Path("/sys/block"), proc: Path = Path("/proc")) -> str:
    """Mount scratch on an unused NVMe disk, or find it mounted; says where scratch is, in words."""
    if str(scratch) in mount_points(proc):
        return _words(scratch, "a local NVMe disk")
    known, device = run(["blkid", "-L", LABEL])  # a machine that was restarted
    candidates = [device] if known == 0 and device else [disk.device for disk in unused(run, blocks, proc)]
    complaints = []
    for candidate in candidates:
        if known != 0:
            failed, said = run(["mkfs.ext4", "-q", "-m", "0", "-L", LABEL, candidate])
            if failed:
                complaints.append(said or f"{candidate} could not be formatted")
                continue
        failed, said = run(["mount", "-t", "ext4", "-o", "noatime,nodev,nosuid", candidate, str(scratch)])
        if not failed:
            return _words(scratch, f"a local NVMe disk ({candidate})")
        complaints.append(said or f"{candidate} could not be mounted")
    why = f": {complaints[0][:200]}" if complaints else ", as there is no unused NVMe disk"
    return _words(scratch, f"the root disk{why}")


def _whole(blocks: Path) -> Iterator[Path]:
    yield from (block for block in sorted(blocks.glob("nvme*")) if (block / "size").exists())


def _in_use(block: Path, proc: Path) -> bool:
    """Partitions, holders (arrays, volumes), mounts and swap."""
    if any(block.glob(f"{block.name}p*")) or any((block / "holders").glob("*")):
        return True
    if (
        _number(block / "ro")
        or _number(block / "removable")
        or ((block / "hidden").exists() and _number(block / "hidden"))
    ):
        return True
    tables = "".join(_read(proc / table) for table in ("self/mounts", "swaps"))
    return any(line.split(" ")[0].startswith(f"/dev/{block.name}") for line in tables.splitlines())


def _blank(disk: Disk, run: Run) -> bool:
    """Whether blkid, looking at the disk itself, finds no trace of anything, and nobody holds it open for themselves."""
    status, said = run(["blkid", "--probe", disk.device])
    if status != _NO_SIGNATURE or said:
        return False
    try:
        os.close(os.open(disk.device, os.O_RDONLY | os.O_EXCL))
    except OSError:
        return False
    return True


def mount_points(proc: Path) -> set[str]:
    """Where something is mounted, as the kernel writes paths."""
    return {line.split(" ")[1] for line in _read(proc / "self/mounts").splitlines() if line.count(" ") > 1}


def _words(scratch: Path, where: str) -> str:
    found = os.statvfs(scratch)
    return f"{found.f_blocks * found.f_frsize // _GIB} GiB on {where}"


def _size(block: Path) -> int:
    return _number(block / "size") * _SECTOR


def _number(path: Path) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
