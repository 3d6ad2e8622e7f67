"""What this machine has to offer, as one host."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from almanac.core.resources import Host, Resources

_MEMORY_CAPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def find_host(scratch: Path, cpu_allocation_ratio: float, memory_reserve_mib: int, disk_reserve_gib: int) -> Host:
    """This machine.

    Args:
        scratch: where clusters keep their files; its free space counts.
        cpu_allocation_ratio: cores offered per core: interactive clusters wait more than they compute.
        memory_reserve_mib: kept for the machine and for Almanac itself, in MiB.
        disk_reserve_gib: kept free, in GiB.
    """
    cores = len(os.sched_getaffinity(0))
    memory = max(0, memory_mib() - memory_reserve_mib)
    disk = max(0, shutil.disk_usage(scratch).free // 2**30 - disk_reserve_gib)
    return Host(socket.gethostname(), Resources(int(cores * cpu_allocation_ratio), memory, disk, gpus()))


def memory_mib() -> int:
    """The machine's memory, or what a container may use of it, in MiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for cap in _MEMORY_CAPS:
        try:
            total = min(total, int(cap.read_text()))
        except (OSError, ValueError):
            continue
    return total // 2**20


def gpus() -> int:
    """The number of NVIDIA GPUs; 0 without a working ``nvidia-smi``."""
    if shutil.which("nvidia-smi") is None:
        return 0
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()) if done.returncode == 0 else 0
