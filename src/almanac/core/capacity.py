"""The capacity calendar of one site: what is free when, and when and where nodes fit.

What is promised, for a request of node groups over a window (``packing`` says how nodes are given hosts):

- *Sound, always*: placements fit beside every claim, and ``earliest`` and ``starts`` name only starts at which
  ``place`` succeeds.
- *Complete* (an answer is found whenever there is one, and ``earliest`` is the earliest) when the groups are of one
  flavor, when all but one node are (a head and its workers), and at a site with one host (a quota is one). Other
  mixtures on several hosts are packed greedily: a packing may be missed, but ``earliest`` and ``starts`` still agree
  with ``place`` at every instant.

Windows are half-open, so back-to-back claims are fine. Where a site wants a gap between two leases, every claim takes
its host until its end + gap. Claims on hosts that the site doesn't have (any more) take nothing.

Not safe for threads that change it while others ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np

from almanac.core import packing, sweep
from almanac.core.packing import Demand, Placement
from almanac.core.resources import RESOURCE_NAMES, Claim, Host, NodeGroup, Resources
from almanac.core.steps import Ints, Pieces, Steps
from almanac.core.windows import Window, utc

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_FIRST_SLAB = 3_600_000_000
"""Microseconds. Searches look an hour ahead at first, then twice as far each time: the usual answer is near."""


@dataclass(frozen=True, slots=True)
class StartRange:
    """Starts that would do: every instant from ``first`` to ``last``, both included."""

    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Why a request doesn't fit.

    Attributes:
        limiting: the resource that is shortest, one of ``RESOURCE_NAMES``, measured in nodes' worth.
        interval: when it is short: the first stretch of the window at every instant of which the request has no room;
            the whole window when there is room at each instant, but not on the same hosts throughout.
        short: how much of it, in the resource's unit, would have to come free throughout the interval, on the best
            hosts.
        all_short: the same for every resource.
        ever: whether the site could hold the request if nothing were booked; if not, the rest is said of the empty
            site.
    """

    limiting: str
    interval: Window
    short: int
    all_short: Resources
    ever: bool


class Calendar:
    """One site's capacity over time.

    Args:
        hosts: the site's hosts; their order breaks ties.
        claims: what is taken.
        gap: least time between two claims that can't share a host.
    """

    def __init__(self, hosts: Sequence[Host], claims: Iterable[Claim] = (), gap: timedelta = timedelta(0)) -> None:
        self._names = [host.name for host in hosts]
        self._rows = {name: row for row, name in enumerate(self._names)}
        self._gap = gap // _TICK
        known = [claim for claim in claims if claim.host in self._rows]
        self._steps = Steps(
            _matrix([host.resources for host in hosts]),
            np.array([self._rows[claim.host] for claim in known], np.int64),
            np.array([_ticks(claim.window.start) for claim in known], np.int64),
            np.array([_ticks(claim.window.end) + self._gap for claim in known], np.int64),
            _matrix([claim.resources for claim in known]),
        )

    def add(self, claim: Claim) -> None:
        """Take what a claim takes. Whether it fits isn't checked: capacity may have shrunk under claims that stand."""
        self._change(claim, -1)

    def remove(self, claim: Claim) -> None:
        """Give back what a claim took.

        Raises:
            ValueError: the calendar has no such claim; nothing was changed.
        """
        try:
            self._change(claim, 1)
        except ValueError:
            raise ValueError(f"claim of {claim.holder_id} on {claim.host} is not in the calendar") from None

    def free(self, window: Window) -> dict[str, Resources]:
        """What a claim over the window could take at most, by host name."""
        least = np.maximum(self._least(window), 0)
        return {name: Resources(*map(int, row)) for name, row in zip(self._names, least, strict=True)}

    def place(self, groups: Sequence[NodeGroup], window: Window) -> tuple[Placement, ...] | None:
        """Choose hosts for the nodes of all groups over a window.

        Returns:
            One placement per group and host, in the order of the groups; None when there is no room.
        """
        packed = packing.pack(self._least(window), packing.demands(groups))
        return None if packed is None else packing.deal(groups, packed, self._names)

    def largest(self, group: NodeGroup, window: Window, beside: Sequence[NodeGroup] = ()) -> int:
        """The most nodes of a group's flavor that fit over a window beside other groups of fixed size.

        Args:
            group: says flavor and role; its count isn't looked at.
            window: when.
            beside: the other groups.

        Returns:
            0 when not a single node fits, or the other groups don't.
        """
        free = self._least(window)

        def fits(count: int) -> bool:
            return (
                packing.pack(free, packing.demands((*beside, NodeGroup(group.role, group.flavor, count)))) is not None
            )

        bound = int(sweep.fitting(free, _vector(group.flavor.resources), packing.MANY).sum())
        return packing.most(fits, bound)

    def earliest(
        self,
        groups: Sequence[NodeGroup],
        duration: timedelta,
        not_before: datetime,
        not_after: datetime | None = None,
    ) -> datetime | None:
        """The earliest start of a claim over ``duration`` for all groups.

        Args:
            groups: what to place.
            duration: how long.
            not_before: the first start that would do.
            not_after: the last start that would do; None: any.

        Returns:
            None when they don't fit from any such start.
        """
        last = None if not_after is None else _ticks(not_after)
        found = next(self._starts(groups, duration, _ticks(not_before), last), None)
        return None if found is None else _instant(found[0])

    def starts(
        self, groups: Sequence[NodeGroup], duration: timedelta, not_before: datetime, not_after: datetime
    ) -> tuple[StartRange, ...]:
        """Every start of a claim over ``duration`` for all groups, as ranges in the order of time.

        Args:
            groups: what to place.
            duration: how long.
            not_before: the first start that would do.
            not_after: the last start that would do.
        """
        merged: list[sweep.Range] = []
        for first, stop in self._starts(groups, duration, _ticks(not_before), _ticks(not_after)):
            if merged and merged[-1][1] == first:
                first = merged.pop()[0]  # noqa: PLW2901  # two slabs touch in the middle of a range
            merged.append((first, stop))
        return tuple(StartRange(_instant(first), _instant(stop - 1)) for first, stop in merged)

    def latest_end(self, claims: Sequence[Claim], limit: datetime) -> datetime:
        """How long the claims of one holder could go on, all on the hosts that they have.

        Args:
            claims: claims in the calendar, at least one, all with the same window.
            limit: don't look further.

        Returns:
            The latest common end up to ``limit``; their present end when they can't go on.

        Raises:
            ValueError: claims with different windows, or none.
        """
        if len({claim.window for claim in claims}) != 1:
            raise ValueError("claims that are to go on together share one window")
        end = _ticks(claims[0].window.end)
        latest = _ticks(limit)
        taken: dict[int, Ints] = {}
        for claim in claims:
            if (row := self._rows.get(claim.host)) is None:
                return claim.window.end
            taken[row] = taken.get(row, 0) + _vector(claim.resources)
        for row, need in taken.items():
            # Until end + gap the claims themselves hold the host.
            blocked = self._steps.first_below(row, need, end + self._gap)
            latest = latest if blocked is None else min(latest, blocked - self._gap)
        return _instant(max(end, latest))

    def shortfall(self, groups: Sequence[NodeGroup], window: Window) -> Shortfall | None:
        """What a request lacks over a window; None when it fits."""
        wanted = packing.demands(groups)
        start, end = self._span(window)
        if packing.pack(self._steps.least(start, end), wanted) is not None:
            return None
        ever = packing.pack(self._steps.capacity, wanted) is not None
        free = self._steps.capacity
        if ever:
            start, end = self._first_crowded(groups, start, end)
            free = self._steps.least(start, end)
        lacking, limiting = packing.lacking(free, self._steps.capacity, wanted)
        in_gap = start >= _ticks(window.end)
        return Shortfall(
            RESOURCE_NAMES[limiting],
            Window(_instant(start), _instant(end) if in_gap else min(_instant(end), window.end)),
            int(lacking[limiting]),
            Resources(*map(int, lacking)),
            ever,
        )

    # --- the search --------------------------------------------------------------------------------------------------

    def _starts(
        self, groups: Sequence[NodeGroup], duration: timedelta, lo: int, hi: int | None
    ) -> Iterator[sweep.Range]:
        """The ranges of starts in ``[lo, hi]``, searched slab by slab. A range may be cut in two where slabs touch."""
        wanted = self._wanted(groups)
        empty = self._steps.capacity
        if any(sweep.fitting(empty, each.need, each.count).sum() < each.count for each in wanted):
            return
        length = duration // _TICK + self._gap
        # From the last change on nothing changes any more, so one start there stands for all later ones.
        horizon = max(lo, self._steps.horizon())
        last = horizon if hi is None else min(hi, horizon)
        width = _FIRST_SLAB
        while lo <= last:
            top = min(lo + width - 1, last)
            for first, stop in self._starts_within(wanted, length, lo, top):
                yield first, hi + 1 if stop > horizon and hi is not None else stop
            lo, width = top + 1, 2 * width

    def _wanted(self, groups: Sequence[NodeGroup]) -> tuple[Demand, ...]:
        """What is to fit at once: on a single host that is one sum."""
        wanted = packing.demands(groups)
        return (packing.together(wanted),) if len(self._names) == 1 else wanted

    def _starts_within(self, wanted: Sequence[Demand], length: int, lo: int, hi: int) -> Iterator[sweep.Range]:
        """The ranges of starts in ``[lo, hi]``."""
        pieces = self._steps.pieces(lo, hi + length)
        if len(wanted) == 1:
            return _starts_of_one(pieces, wanted[0], length)
        if len(wanted) == 2 and wanted[0].count == 1:
            one, others = wanted
            counts = sweep.fitting(pieces.free, others.need, others.count)
            alone = sweep.stays(pieces, counts, length)
            counts = sweep.fitting_beside(pieces.free, one.need, others.need, others.count)
            return sweep.enough_beside(alone, sweep.stays(pieces, counts, length), others.count)
        return self._starts_tried(wanted, length, lo, hi)

    def _starts_tried(self, wanted: Sequence[Demand], length: int, lo: int, hi: int) -> Iterator[sweep.Range]:
        """The same by trial: what fits is constant between two neighbouring events, so one start of each is tried."""
        pieces = self._steps.pieces(lo, hi + length)
        events = np.unique(np.concatenate((pieces.start, pieces.start - length + 1, [lo, hi + 1])))
        events = events[(events >= lo) & (events <= hi + 1)]
        maybe = np.ones(len(events) - 1, np.bool_)
        for demand in wanted:
            bounds = np.array([*chain.from_iterable(_starts_of_one(pieces, demand, length))], np.int64)
            maybe &= bounds.searchsorted(events[:-1], side="right") % 2 == 1
        for index in np.flatnonzero(maybe):
            first, stop = int(events[index]), int(events[index + 1])
            if packing.pack(self._steps.least(first, first + length), wanted) is not None:
                yield first, stop

    def _first_crowded(self, groups: Sequence[NodeGroup], start: int, end: int) -> sweep.Range:
        """The first stretch of ``[start, end)`` without room at any instant; all of it when there is none."""
        crowded_from = start
        for first, stop in self._starts_within(self._wanted(groups), 1, start, end - 1):
            if first > crowded_from:
                return crowded_from, first
            crowded_from = stop
        return (crowded_from, end) if crowded_from < end else (start, end)

    # --- time and rows -----------------------------------------------------------------------------------------------

    def _span(self, window: Window) -> sweep.Range:
        return _ticks(window.start), _ticks(window.end) + self._gap

    def _least(self, window: Window) -> Ints:
        return self._steps.least(*self._span(window))

    def _change(self, claim: Claim, sign: int) -> None:
        row = self._rows.get(claim.host)
        if row is not None:
            self._steps.change(row, *self._span(claim.window), sign * _vector(claim.resources))


def _starts_of_one(pieces: Pieces, wanted: Demand, length: int) -> Iterator[sweep.Range]:
    """The ranges of starts for nodes of one flavor."""
    counts = sweep.fitting(pieces.free, wanted.need, wanted.count)
    return sweep.enough(sweep.stays(pieces, counts, length), wanted.count)


def _ticks(instant: datetime) -> int:
    return (utc(instant) - _EPOCH) // _TICK


def _instant(ticks: int) -> datetime:
    return _EPOCH + ticks * _TICK


def _vector(resources: Resources) -> Ints:
    return np.array(resources.vector, np.int64)


def _matrix(resources: Sequence[Resources]) -> Ints:
    return np.array([each.vector for each in resources], np.int64).reshape(-1, len(RESOURCE_NAMES))
