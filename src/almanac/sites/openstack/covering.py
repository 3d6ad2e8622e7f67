"""Whether leases cover an order: pure.

What one lease can't do, several do together: one beside it for more nodes, one after it for more time. Between a lease and
the one that follows it lies a minute, since Blazar refuses those that touch.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from almanac.core.windows import Window
from almanac.sites.openstack.blazar import BlazarLease

JOINT = timedelta(minutes=1)
"""Least time between two leases on the same host."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """So many nodes are missing over a window."""

    window: Window
    missing: int


def whole_minutes(window: Window, early: timedelta) -> Window:
    """The window in Blazar's whole minutes: widened, and begun a bit early, as Blazar starts leases one by one."""
    start, end = window.start - early, window.end
    down = start.replace(second=0, microsecond=0)
    up = end.replace(second=0, microsecond=0)
    return Window(down, up if up == end else up + _MINUTE)


def gap(early: timedelta) -> timedelta:
    """Least time between two orders' windows so that their leases don't touch: ``whole_minutes`` widens both."""
    return JOINT + _MINUTE + -(-early // _MINUTE) * _MINUTE


def shortfalls(parts: Sequence[BlazarLease], window: Window, amount: int, now: datetime) -> list[Shortfall]:
    """Where less than ``amount`` is held in what is left of a window; joints between leases don't count.

    Args:
        parts: leases that hold what they say.
        window: in whole minutes.
        amount: nodes wanted throughout.
        now: what lies before doesn't matter any more.
    """
    begin = max(window.start, now)
    if begin >= window.end:
        return []
    edges = {begin, window.end}
    edges |= {edge for part in parts for edge in (part.window.start, part.window.end) if begin < edge < window.end}
    instants = sorted(edges)
    found: list[Shortfall] = []
    for start, end in pairwise(instants):
        missing = amount - sum(part.amount for part in parts if part.window.contains(start))
        if missing <= 0:
            continue
        if found and found[-1].missing == missing and found[-1].window.end == start:
            found[-1] = Shortfall(Window(found[-1].window.start, end), missing)
        else:
            found.append(Shortfall(Window(start, end), missing))
    return [one for one in found if not _is_joint(one, parts)]


def _is_joint(one: Shortfall, parts: Sequence[BlazarLease]) -> bool:
    """Whether a lease ends where it begins and another follows, after no more than Blazar asks for."""
    if one.window.duration > JOINT:
        return False
    return any(part.window.start == one.window.end for part in parts)


def matches(part: BlazarLease, window: Window, amount: int, now: datetime) -> bool:
    """Whether one lease is just what is wanted; when it began is no matter once both beginnings are past."""
    begun = part.window.start <= now and window.start <= now
    return part.amount == amount and part.window.end == window.end and (begun or part.window.start == window.start)


def surplus(
    parts: Sequence[BlazarLease], window: Window, amount: int, now: datetime, occupied: Container[str]
) -> list[BlazarLease]:
    """What has started or is to follow and isn't needed any more: the rest covers the order, and no machine stands in it.

    Args:
        parts: leases that hold what they say.
        window: in whole minutes.
        amount: nodes wanted throughout.
        now: once the window is over all of it ends anyway.
        occupied: reservations in which machines stand.
    """
    if window.end <= now or not any(part.started for part in parts):
        return []
    kept = list(parts)
    for part in sorted(parts, key=lambda one: one.window.start, reverse=True):
        rest = [one for one in kept if one is not part]
        if part.reservation not in occupied and not shortfalls(rest, window, amount, now):
            kept = rest
    return [part for part in parts if part not in kept]
