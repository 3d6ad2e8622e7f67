"""When to look at which site: at every tick while something is on the move there, else as rarely as the site asks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from almanac.core.bookings import Phase
from almanac.storage.rows import ClusterRow, ClusterTarget, LeaseRow, LeaseTarget

_MOVING = {Phase.STARTING, Phase.STOPPING}


class Pace:
    """Remembers when each site was last looked at. A cloud that every Almanac asks four things a second isn't a happy one."""

    def __init__(self) -> None:
        self._looked: dict[str, datetime] = {}

    def looked(self, site: str, began: datetime) -> None:
        """Note a look that the site answered, and when it began."""
        self._looked[site] = began

    def is_due(self, site: str, every: timedelta, now: datetime) -> bool:
        """Whether it is time to look again, whatever happens there."""
        looked = self._looked.get(site)
        return looked is None or now - looked >= every

    def stirred(self, rows: Iterable[LeaseRow | ClusterRow], now: datetime) -> set[str]:
        """The sites where something is on the move, was asked for, or is due, since they were looked at."""
        return {row.site for row in rows if row.site in self._looked and _stirs(row, self._looked[row.site], now)}


def _stirs(row: LeaseRow | ClusterRow, looked: datetime, now: datetime) -> bool:
    if row.changed_at >= looked:
        return True
    waits = row.not_before is not None and row.not_before > now
    return not waits and (_lease_moves(row) if isinstance(row, LeaseRow) else _cluster_moves(row, now))


def _lease_moves(row: LeaseRow) -> bool:
    return row.target is LeaseTarget.RETURNED or row.phase in {*_MOVING, Phase.ABSENT}


def _cluster_moves(row: ClusterRow, now: datetime) -> bool:
    """Once its build is due, each tick looks for its lease to be active."""
    if row.target is ClusterTarget.GONE or row.phase in _MOVING:
        return True
    return row.phase is Phase.ABSENT and row.build_at <= now
