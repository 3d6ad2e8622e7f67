"""Rules in time: when a build starts, when people are warned, when an unused platform is given back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from almanac.core.catalogue import Profile
from almanac.core.windows import Window

ENOUGH_BUILDS = 5
"""Measured builds below which the site's own estimate is used."""


def build_lead(measured_s: Sequence[float], estimate: timedelta) -> timedelta:
    """How long before the bell a build starts: the p95 of measured builds (nearest rank) plus a margin of 25 %, at least 5 s.

    Args:
        measured_s: durations of past builds of the profile at the site, in seconds.
        estimate: the site's own p95, used until there are enough measurements.
    """
    p95 = estimate
    if len(measured_s) >= ENOUGH_BUILDS:
        ordered = sorted(measured_s)
        p95 = timedelta(seconds=ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)])
    return p95 + max(p95 / 4, timedelta(seconds=5))


class Reason(StrEnum):
    """Why people are warned, or a booking ends."""

    END = "end"
    IDLE = "idle"
    NO_SHOW = "no_show"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is due for a running booking: nothing before ``warn_at``; ended at ``end_at`` for ``reason``."""

    reason: Reason
    warn_at: datetime
    end_at: datetime

    def warning(self, booking: str) -> str:
        """What people are told from ``warn_at`` on, with what keeps the booking."""
        end = f"{self.end_at:%H:%M} UTC"
        if self.reason is Reason.END:
            return f"It ends at {end}. To keep it: almanac extend {booking} --by 1h"
        if self.reason is Reason.IDLE:
            return f"It looks unused and will be released at {end}. Run something in it to keep it."
        return f"Nobody has used it yet; it will be released at {end}. Run something in it to keep it."


def verdict(profile: Profile, window: Window, ready_at: datetime | None, last_active: datetime | None) -> Verdict:
    """The first reason for which a booking would end, if nothing changes.

    Args:
        profile: its rules on idleness and no-shows.
        window: the booking's window.
        ready_at: when its cluster became usable; None before.
        last_active: when somebody last used it; None if never.
    """
    ends = [(window.end, Reason.END)]
    if ready_at is not None:
        usable = max(ready_at, window.start)
        if last_active is not None and profile.idle_after is not None:
            ends.append((max(last_active, usable) + profile.idle_after, Reason.IDLE))
        if last_active is None and profile.no_show_after is not None:
            ends.append((usable + profile.no_show_after, Reason.NO_SHOW))
    end_at, reason = min(ends)
    return Verdict(reason, end_at - profile.warn_before, end_at)
