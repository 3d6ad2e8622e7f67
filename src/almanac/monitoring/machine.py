"""The node exporter of this machine, for the clusters that run on it."""

from __future__ import annotations

from pathlib import Path

from almanac.monitoring.daemon import Daemon
from almanac.node.exporter import PROGRAMS, arguments


def node_exporter(log_file: Path) -> Daemon:
    """The exporter as a supervised program."""
    return Daemon(PROGRAMS[0], PROGRAMS[0], arguments, lambda: None, log_file)
