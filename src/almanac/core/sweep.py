"""When do enough nodes fit? One sweep over the breakpoints of the step functions; no grid, exact.

On one host, ``k(t)`` nodes fit at the instant t, and ``m(t) = min of k over [t, t + d)`` nodes could stay for a
duration d from t on. The set ``{t: m(t) >= j}`` is made of every stretch ``[a, b)`` with ``k >= j`` that is at least
d long, cut to the starts ``[a, b - d]``; and ``m`` is the sum of these sets' indicators over the levels ``j = 1, 2,
...``. So each such stretch is one event up at ``a`` and one down just after ``b - d``, and the events of all hosts,
summed in the order of time, tell how many nodes could start where. Levels at which no ``k`` changes are taken
together, as one stretch of greater weight.

Starts are whole microseconds and come as half-open ranges ``[first, stop)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from almanac.core.steps import Flags, Ints, Pieces

Range = tuple[int, int]


class Stays(NamedTuple):
    """Starts from which nodes could stay on a host; overlapping stays of a row add up.

    Attributes:
        row: the host, shape (n,).
        first: the first start, shape (n,).
        stop: the microsecond after the last start, shape (n,).
        weight: how many nodes, shape (n,).
    """

    row: Ints
    first: Ints
    stop: Ints
    weight: Ints


def fitting(free: Ints, need: Ints, most: int) -> Ints:
    """How many nodes fit into what is free: min over the resources of floor(free / need), between 0 and ``most``.

    Args:
        free: shape (n, resources); may be negative where too much was taken.
        need: what one node takes, shape (resources,).
        most: more than this many are not told apart.
    """
    counts = np.full(len(free), most, np.int64)
    for resource in np.flatnonzero(need):
        np.minimum(counts, free[:, resource] // need[resource], out=counts)
    return np.maximum(counts, 0, out=counts)


def fitting_beside(free: Ints, one: Ints, need: Ints, most: int) -> Ints:
    """One more than how many nodes fit beside a single other node ``one``; 0 where that one doesn't fit itself."""
    beside = fitting(free - one, need, most) + 1
    return np.where(fitting(free, one, 1) > 0, beside, 0)


def stays(pieces: Pieces, counts: Ints, duration: int) -> Stays:
    """The stays of a duration, given how many nodes fit in each piece (the module's text says how)."""
    row, start, end = pieces.row, pieces.start, pieces.end
    found: list[Stays] = []
    below = 0
    for level in np.flatnonzero(np.bincount(counts)):
        if level == 0:
            continue
        keep = counts >= level
        if not keep.any():
            break
        row, start, end, counts = row[keep], start[keep], end[keep], counts[keep]
        fresh = np.ones(len(row), np.bool_)
        np.logical_or(row[1:] != row[:-1], start[1:] != end[:-1], out=fresh[1:])
        heads = np.flatnonzero(fresh)
        tails = np.append(heads[1:], len(row)) - 1
        long = end[tails] - start[heads] >= duration
        heads_kept, tails_kept = heads[long], tails[long]
        weight = np.full(len(heads_kept), level - below, np.int64)
        found.append(Stays(row[heads_kept], start[heads_kept], end[tails_kept] - duration + 1, weight))
        # What is too short at this level is too short at every higher one.
        keep = np.repeat(long, tails - heads + 1)
        row, start, end, counts = row[keep], start[keep], end[keep], counts[keep]
        below = int(level)
    return Stays(*(np.concatenate(parts) for parts in zip(*found, strict=True))) if found else _NO_STAYS


def enough(found: Stays, wanted: int) -> Iterator[Range]:
    """The starts at which the stays of all hosts add up to ``wanted`` nodes."""
    time = np.concatenate((found.first, found.stop))
    change = np.concatenate((found.weight, -found.weight))
    order = np.argsort(time, kind="stable")
    return _ranges(time[order], np.cumsum(change[order]) >= wanted)


def enough_beside(alone: Stays, beside: Stays, wanted: int) -> Iterator[Range]:
    """The starts at which one single node fits somewhere and ``wanted`` others beside it, on its host and elsewhere.

    With the single node on host h, ``sum of m - loss(h)`` others fit, where ``loss(h)`` is how many of them it keeps
    off its host. So they all fit when the sum, less the smallest loss of any host that the single node fits on, is
    enough.

    Args:
        alone: stays of the others where the single node isn't, counted by ``fitting``.
        beside: stays of the others where it is, counted by ``fitting_beside``.
        wanted: how many others.
    """
    time, many, loss = _losses(alone, beside)
    losses, column = np.unique(loss, return_inverse=True)
    # On how many hosts the single node would cost so much: one column per loss. The last, _NEVER, doesn't count.
    hosts = np.zeros((len(time), len(losses)), np.int64)
    hosts[np.arange(len(time)), column] += 1
    hosts[np.arange(1, len(time)), column[:-1]] -= 1
    order = np.argsort(time, kind="stable")
    total = np.cumsum(np.diff(many, prepend=0)[order])
    present = np.cumsum(hosts[order], axis=0) > 0
    present[:, losses == _NEVER] = False
    least = np.where(present.any(axis=1), losses[present.argmax(axis=1)], _NEVER) if len(time) else total
    return _ranges(time[order], total - least >= wanted)


_NEVER = 1 << 40
"""The loss where the single node doesn't fit: more than any sum."""

_NO_STAYS = Stays(*(np.zeros(0, np.int64) for _ in range(4)))


def _losses(alone: Stays, beside: Stays) -> tuple[Ints, Ints, Ints]:
    """Host by host and in time: from when on, how many others fit, and how many fewer beside the single node."""
    row = np.concatenate((alone.row, alone.row, beside.row, beside.row))
    time = np.concatenate((alone.first, alone.stop, beside.first, beside.stop))
    change = np.zeros((len(row), 2), np.int64)
    change[: 2 * len(alone.row), 0] = np.concatenate((alone.weight, -alone.weight))
    change[2 * len(alone.row) :, 1] = np.concatenate((beside.weight, -beside.weight))
    order = np.lexsort((time, row))
    row, time = row[order], time[order]
    # Every stay ends, so a host's sums are back at zero when the next host's begin.
    sums = np.cumsum(change[order], axis=0)
    last = np.ones(len(row), np.bool_)
    np.logical_or(row[1:] != row[:-1], time[1:] != time[:-1], out=last[:-1])
    many, joint = sums[last, 0], sums[last, 1]
    return time[last], many, np.where(joint > 0, many - joint + 1, _NEVER)


def _ranges(time: Ints, good: Flags) -> Iterator[Range]:
    """The ranges of time in which the state is good; the last state at a time counts. The very last is bad."""
    last = np.ones(len(time), np.bool_)
    np.not_equal(time[1:], time[:-1], out=last[:-1])
    time, good = time[last], good[last]
    turns = np.flatnonzero(np.diff(good, prepend=False))
    for first, stop in zip(turns[::2], turns[1::2], strict=True):
        yield int(time[first]), int(time[stop])
