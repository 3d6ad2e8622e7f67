"""GPUs of this machine: counted by their driver, or, where it is missing, by their place on the PCI bus."""

from __future__ import annotations

import subprocess
from pathlib import Path

_DISPLAYS = ("0x0300", "0x0302")
_NVIDIA = "0x10de"


def count_by_driver() -> int:
    """GPUs that NVIDIA's driver knows; 0 without a driver."""
    try:
        told = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in told.stdout.splitlines()) if told.returncode == 0 else 0


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
