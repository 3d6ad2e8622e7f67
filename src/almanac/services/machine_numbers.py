"""What machines in clouds last told of themselves: processors, memory, disks, network, as their node exporters have it.

In memory alone: each machine tells anew every few seconds, and Prometheus keeps the past.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.monitoring import sources
from almanac.monitoring.samples import BadMetrics, Sample

STALE = timedelta(seconds=20)
"""Older numbers would be told as today's."""
_FORGOTTEN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Told:
    text: str
    at: datetime


class MachineNumbers:
    """The latest of each machine."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], _Told] = {}
        self._lock = threading.Lock()

    def take(self, cluster: str, node: str, text: str, now: datetime) -> None:
        """A machine tells its numbers, in Prometheus' text format; nobody has read them yet."""
        with self._lock:
            self._told = {who: told for who, told in self._told.items() if now - told.at < _FORGOTTEN}
            self._told[cluster, node] = _Told(text, now)

    def nodes(self, cluster: str) -> list[str]:
        """The machines of a cluster that tell numbers, or did so lately."""
        with self._lock:
            return sorted(node for known, node in self._told if known == cluster)

    def samples(self, cluster: str, node: str, now: datetime) -> list[Sample]:
        """What is taken of what a machine last told.

        Raises:
            BadMetrics: that is too long ago, too much, or something else than metrics.
        """
        with self._lock:
            told = self._told.get((cluster, node))
        if told is None or now - told.at > STALE:
            raise BadMetrics(f"The machine {node} tells no numbers now.")
        return list(sources.NODE.taken(told.text))
