"""Prometheus' node exporter: which of its numbers are wanted, and how it is called for them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

PROGRAMS = ("prometheus-node-exporter", "node_exporter")
"""What distributions call it."""
NAMES = (
    "cpu_seconds_total", "load1", "memory_MemAvailable_bytes", "memory_MemTotal_bytes", "disk_io_time_seconds_total",
    "disk_read_bytes_total", "disk_written_bytes_total", "network_receive_bytes_total", "network_transmit_bytes_total",
    "pressure_cpu_waiting_seconds_total", "pressure_io_waiting_seconds_total", "pressure_memory_waiting_seconds_total",
    "filesystem_avail_bytes", "filesystem_size_bytes",
)  # fmt: skip
"""After ``node_``."""
_COLLECTORS = ("cpu", "loadavg", "meminfo", "diskstats", "netdev", "pressure", "filesystem")


def find() -> str | None:
    """Its path; None where it isn't installed."""
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


def arguments(port: int) -> Sequence[str]:
    """On loopback, with the collectors that are shown only."""
    chosen = (f"--collector.{name}" for name in _COLLECTORS)
    devices = (
        "--collector.diskstats.device-exclude=^(ram|loop|fd|dm-|nbd|zram)\\d*",
        "--collector.netdev.device-exclude=^(lo|veth.*|docker.*|br-.*)$",
        "--collector.filesystem.mount-points-exclude=^/.+",
    )
    listen = f"--web.listen-address=127.0.0.1:{port}"
    return (listen, "--collector.disable-defaults", *chosen, *devices, "--log.level=warn")


def wanted(text: str) -> str:
    """The lines of its answer that are wanted."""
    names = {f"node_{name}" for name in NAMES}
    return "".join(f"{line}\n" for line in text.splitlines() if line.partition("{")[0].partition(" ")[0] in names)
