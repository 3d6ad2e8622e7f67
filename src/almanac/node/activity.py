"""When this machine was last used, judged by its services' processor time."""

from __future__ import annotations

import time

_EVERY_S = 5.0
_SETTLES_WITHIN_S = 60.0


class Activity:
    """Samples how much processor time services have used.

    Attributes:
        last: when use was last above the threshold, by ``time.monotonic``; None if never.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self._used: float | None = None
        self._looked = 0.0
        self._ready_at = 0.0
        self._calm_once = False

    def look(self, used_s: float | None, idle_cores: float, settled: bool) -> None:
        """Sample, if it is time to. Starting up isn't use: counting begins after a first calm spell, or after a minute."""
        now = time.monotonic()
        if used_s is None or not settled or now - self._looked < _EVERY_S:
            return
        before, elapsed = self._used, now - self._looked
        self._used, self._looked = used_s, now
        if before is None:
            self._ready_at = now
        elif used_s >= before:  # less: a service ended, and what it had used is forgotten
            self.judge((used_s - before) / elapsed, idle_cores, now)

    def judge(self, cores: float, idle_cores: float, now: float) -> None:
        """Take note of a mean use in cores."""
        if cores <= idle_cores:
            self._calm_once = True
        elif self._calm_once or now - self._ready_at > _SETTLES_WITHIN_S:
            self.last = now

    def idle_s(self) -> float | None:
        """How long ago it was used; None if never."""
        return None if self.last is None else time.monotonic() - self.last
