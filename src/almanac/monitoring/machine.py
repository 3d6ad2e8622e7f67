"""The node exporter of this machine, for the clusters that run on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from almanac.monitoring.daemon import LOOPBACK, Daemon

_COLLECTORS = ("cpu", "loadavg", "meminfo", "diskstats", "netdev", "pressure", "filesystem")


def node_exporter(log_file: Path) -> Daemon:
    """The exporter as a supervised program, with the collectors that are shown only."""

    def arguments(port: int) -> Sequence[str]:
        chosen = (f"--collector.{name}" for name in _COLLECTORS)
        devices = (
            "--collector.diskstats.device-exclude=^(ram|loop|fd|dm-|nbd|zram)\\d*",
            "--collector.netdev.device-exclude=^(lo|veth.*|docker.*|br-.*)$",
            "--collector.filesystem.mount-points-exclude=^/.+",
        )
        listen = f"--web.listen-address={LOOPBACK}:{port}"
        return (listen, "--collector.disable-defaults", *chosen, *devices, "--log.level=warn")

    return Daemon("prometheus-node-exporter", "prometheus-node-exporter", arguments, lambda: None, log_file)
