"""What this machine is."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any


def facts() -> dict[str, Any]:
    """Cores, memory and system; what is found later (scratch, GPUs) is added later."""
    return {"cores": os.cpu_count() or 1, "memory_mib": _memory_mib(), "system": _system()}


def _memory_mib(table: Path = Path("/proc/meminfo")) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", table.read_text(), re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _system(release: Path = Path("/etc/os-release")) -> str:
    try:
        found = re.search(r'^PRETTY_NAME="?([^"\n]*)', release.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1][:200] if found else platform.system()


def make_open(directory: Path) -> None:
    """Make a directory, and those above it that are missing, so that every user may pass, whatever the umask."""
    for path in reversed([path for path in (directory, *directory.parents) if not path.exists()]):
        path.mkdir()
        path.chmod(0o755)
