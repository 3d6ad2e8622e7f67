"""When a cluster was last used, judged by its processor time. Standard library only: the keeper loads this module."""

from __future__ import annotations

import os
import time

from almanac.sites.local import processes

_EVERY = 5.0
_SETTLES_WITHIN = 60.0


class Activity:
    """Samples the processor time of everything below this process.

    Attributes:
        last: when use was last above the threshold, seconds since 1970; None if never.
    """

    def __init__(self, idle_cpu_cores: float, last: float | None = None) -> None:
        self.last = last
        self._threshold = idle_cpu_cores
        self._used: dict[tuple[int, str], float] = {}
        self._looked = 0.0
        self._ready_at: float | None = None
        self._calm_once = False

    def look(self, settled: bool) -> None:
        """Sample, if it is time to. Starting up isn't use: counting begins after the first calm spell, or after a minute."""
        now = time.monotonic()
        if not settled or now - self._looked < _EVERY:
            return
        used = processes.cpu_seconds(os.getpid())
        spent = sum(seconds - self._used.get(key, 0.0) for key, seconds in used.items())
        first, elapsed = not self._used, now - self._looked
        self._used, self._looked = used, now
        if first:
            self._ready_at = now
            return
        self.judge(spent / elapsed, now - (self._ready_at or now))

    def judge(self, cores: float, ready_for: float) -> None:
        """Take note of a mean use in cores, ``ready_for`` seconds after everything was up."""
        if cores <= self._threshold:
            self._calm_once = True
        elif self._calm_once or ready_for > _SETTLES_WITHIN:
            self.last = time.time()
