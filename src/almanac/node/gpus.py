"""GPUs of this machine: counted by their driver, or, where it is missing, by their place on the bus; how busy they are."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_DISPLAYS = ("0x0300", "0x0302")
_NVIDIA = "0x10de"
_MIB = 2**20
NUMBERS = {"busy_ratio": 0.01, "memory_used_bytes": _MIB, "memory_bytes": _MIB}
"""Metric, after ``node_gpu_`` -> what the driver's number is multiplied by."""
_ASKED = "index,utilization.gpu,memory.used,memory.total"
_PATIENCE_S = 3


def count_by_driver() -> int:
    """GPUs that NVIDIA's driver knows; 0 without a driver."""
    try:
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines()) if told.returncode == 0 else 0


def numbers() -> str:
    """How busy each GPU is, and its memory, in Prometheus' text format; empty without a driver that says so in time."""
    if shutil.which("nvidia-smi") is None:
        return ""
    command = ["nvidia-smi", f"--query-gpu={_ASKED}", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(written for line in told.stdout.splitlines() for written in _written(line))


def _written(line: str) -> Iterator[str]:
    """What isn't known of a GPU (``[N/A]``, as of one that is split up) is left out."""
    gpu, *values = (part.strip() for part in line.split(","))
    for (name, factor), value in zip(NUMBERS.items(), values):
        if value.isdigit():
            yield f'node_gpu_{name}{{gpu="{gpu}"}} {int(value) * factor}\n'


def count_on_bus(devices: Path = Path("/sys/bus/pci/devices")) -> int:
    """NVIDIA's display and 3D controllers."""
    return sum(
        _read(device / "class")[:6] in _DISPLAYS and _read(device / "vendor") == _NVIDIA for device in devices.glob("*")
    )


def find() -> tuple[int, str]:
    """How many GPUs Spark can use here, and what is wrong with the others, in words."""
    known, there = count_by_driver(), count_on_bus()
    if known or not there:
        return known, ""
    return 0, f"This machine has {there} GPU(s) but no driver for them: its image needs NVIDIA's."


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
