"""Demand history: Almanac's own, written down hour by hour, and imported traces beside it.

An hour is written once, when it is over: what was used in a past hour doesn't change any more. So years of it cost one
short write an hour, and reading them is reading rows of numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from almanac.core.bookings import Booking
from almanac.core.demand_hours import DemandHour, Kind, Use, by_the_hour, floor_hour, places
from almanac.core.errors import BadRequest
from almanac.core.unmet import Got, Want, left_wanting
from almanac.core.windows import Window
from almanac.forecasting.forecast import MEMORY
from almanac.forecasting.profiles import WEEK
from almanac.forecasting.series import HOUR, Series
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.names import checked_name
from almanac.storage.database import Database
from almanac.storage.rows import DemandSpanRow, EventRow, PeakRow
from almanac.storage.unit import Unit

log = logging.getLogger(__name__)

OWN = "almanac"
"""The source of Almanac's own hours."""
SILENT_AFTER = timedelta(minutes=10)
"""Whoever wanted something while nobody looked for so long couldn't ask for it: an outage."""
_LOOK_EVERY = timedelta(minutes=1)
_AT_ONCE = timedelta(weeks=4)
"""So much is written down in one transaction, when Almanac finds years of bookings that nobody has counted."""
_LONGEST = timedelta(days=62)
"""Longer than any booking that a profile allows, unless it allows more."""


class DemandHistory:
    """What was asked for, by profile and hour."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._looked: datetime | None = None

    # --- writing it down ---

    def record(self, now: datetime) -> bool:
        """Write down the hours that are over. For the loop: most calls do nothing.

        Returns:
            Whether there is more to write down.
        """
        if self._looked is not None and timedelta(0) <= now - self._looked < _LOOK_EVERY:
            return False
        with self._database.read() as unit:
            known = unit.demand.spans().get(OWN)
            span = known or _first(unit.bookings.first_start(), now)
            until = max(span.until, min(floor_hour(now), span.until + _AT_ONCE))
            if until > span.until:
                within = Window(span.until, until)
                used = unit.bookings.used(within, span.until - self._longest())
                unmet = left_wanting(_wants(unit, within, self._catalogue), map(_got, used))
                hours = by_the_hour([*map(self._use, used), *map(self._unmet, unmet)], within)
            else:
                hours = []
        with self._database.write() as unit:
            if unit.demand.spans().get(OWN) != known:
                return True  # another Almanac was quicker
            if now - span.watched_at > SILENT_AFTER:
                unit.demand.add_gap(OWN, Window(span.watched_at, now))
            unit.demand.add(OWN, hours)
            unit.demand.set_span(replace(span, until=until, watched_at=now))
        done = until == floor_hour(now)
        self._looked = now if done else None
        return not done

    def _longest(self) -> timedelta:
        return max((2 * profile.max_duration for profile in self._catalogue.all_profiles), default=_LONGEST) + _LONGEST

    def _use(self, booking: Booking) -> Use:
        profile = self._catalogue.profile_or_plain(booking.profile)
        smallest = 1 + profile.workers_for(1)
        end = min(booking.ended_at or booking.window.end, booking.window.end)
        window = Window(booking.window.start, end)
        return Use(booking.profile, places(1 + booking.workers, smallest), booking.created_at, window)

    def _unmet(self, want: Want) -> Use:
        smallest = 1 + self._catalogue.profile_or_plain(want.profile).workers_for(1)
        return Use(want.profile, places(1 + want.workers, smallest), want.asked_at, want.window)

    # --- traces ---

    def put(
        self, caller: Caller, source: str, profile: str, demand: Mapping[Kind, Series], now: datetime
    ) -> DemandSpanRow:
        """Take demand from elsewhere as a profile's, in place of what that source told before.

        It counts for hours before Almanac's own begin; of several sources the sum does.

        Args:
            caller: an operator.
            source: a name for it.
            profile: whose places it is counted in.
            demand: by kind; all over the same hours.
            now: aware UTC.

        Raises:
            Forbidden: not an operator.
            BadRequest: not a name, Almanac's own, no hours, or kinds over different hours.
            UnknownProfile: there is none of that name.
        """
        caller.can_operate()
        self._catalogue.profile(profile)
        if checked_name(source) == OWN:
            raise BadRequest(f"{OWN} is Almanac's own demand.", hint="Choose another name.")
        lengths = {(series.start, len(series)) for series in demand.values()}
        if len(lengths) != 1 or not next(iter(lengths))[1]:
            raise BadRequest("There are no hours in it, or not the same ones for each kind.", hint="Import it again.")
        some = next(iter(demand.values()))
        span = DemandSpanRow(source, profile, some.start, some.end, now)
        known = np.logical_and.reduce([series.known for series in demand.values()])
        told = f"Demand of {profile} was imported as {source}: {len(some) / WEEK:.1f} weeks."
        with self._database.write() as unit:
            unit.demand.forget(source)
            for kind, series in demand.items():
                unit.demand.add(source, _hours(profile, kind, series))
            for gap in _unknown(some.start, known):
                unit.demand.add_gap(source, gap)
            unit.demand.set_span(span)
            unit.events.append(EventRow(now, "demand", caller.person, told))
        return span

    def take(
        self,
        caller: Caller,
        source: str,
        profile: str,
        start: datetime,
        demand: Mapping[Kind, Sequence[int | None]],
        now: datetime,
    ) -> DemandSpanRow:
        """``put`` for what came as lists of hours, None where it isn't known; a kind that isn't told of was none.

        Raises:
            BadRequest: a start within an hour, hours to come, and as ``put``.
        """
        caller.can_operate()
        length = max(len(values) for values in demand.values())
        if start + length * HOUR > floor_hour(now):
            raise BadRequest(
                "Demand of hours that aren't over isn't known.",
                hint="Import it up to the last full hour, or moved into the past: almanac admin demand import --recent.",
            )
        given = {kind: _series(start, values) for kind, values in demand.items()}
        for kind in set(Kind) - set(given):
            known = next(iter(given.values()))
            given[kind] = Series(known.start, np.zeros(len(known)), known.known)
        return self.put(caller, source, profile, given, now)

    def sources(self, caller: Caller) -> list[DemandSpanRow]:
        """Where demand is known from, by name.

        Raises:
            Forbidden: not an operator.
        """
        caller.can_operate()
        with self._database.read() as unit:
            return list(unit.demand.spans().values())

    def imports(self) -> tuple[DemandSpanRow, ...]:
        """The traces that count beside Almanac's own demand: others once one is imported, imported again, or forgotten."""
        with self._database.read() as unit:
            return tuple(span for span in unit.demand.spans().values() if span.source != OWN)

    def forget(self, caller: Caller, source: str, now: datetime) -> None:
        """Let go of an imported trace; not knowing it is fine.

        Raises:
            Forbidden: not an operator.
            BadRequest: Almanac's own demand isn't let go of.
        """
        caller.can_operate()
        if source == OWN:
            raise BadRequest("Almanac's own demand is kept.", hint="Name an imported trace.")
        with self._database.write() as unit:
            if source in unit.demand.spans():
                unit.demand.forget(source)
                unit.events.append(EventRow(now, "demand", caller.person, f"Demand from {source} was forgotten."))

    # --- reading it ---

    def profiles(self) -> tuple[str, ...]:
        """Those for which there was ever demand."""
        with self._database.read() as unit:
            return tuple(unit.demand.profiles())

    def peaks(self, profile: str, kind: Kind, now: datetime) -> Series:
        """The most places at once in each hour, as far back as a forecast looks, until the last hour that is over."""
        return self._told(profile, kind, now, lambda row: row.peak)

    def arrivals(self, profile: str, kind: Kind, now: datetime) -> Series:
        """Places begun in each hour, likewise; of a trace that tells only of places at once, those."""
        return self._told(profile, kind, now, lambda row: row.arrivals)

    def _told(self, profile: str, kind: Kind, now: datetime, of: Callable[[PeakRow], int]) -> Series:
        since = floor_hour(now) - MEMORY * HOUR
        with self._database.read() as unit:
            spans = [s for s in unit.demand.spans().values() if s.profile in {"", profile} and s.until > since]
            rows = unit.demand.hours(profile, kind, since)
            gaps = unit.demand.gaps(since)
        own = next((span for span in spans if span.source == OWN), None)
        end = own.until if own else floor_hour(now)
        start = min([end, *(max(since, span.start) for span in spans)])
        total = _Total(start, (end - start) // HOUR)
        for span in spans:
            if span.source != OWN:
                cut = own.start if own else end
                total.add(_one(span, rows, gaps, of), cut)
        if own:
            total.add(_one(own, rows, gaps, of), end)
        return total.series()


def _wants(unit: Unit, within: Window, catalogue: Catalogue) -> Iterator[Want]:
    """What was refused, and what waits for as long as it would last, or until it waits no more."""
    for wish in unit.demand.wishes(within):
        yield Want(wish.person, wish.profile, wish.workers, wish.asked_at, wish.window)
    for entry in unit.waiting.wanted(within):
        end = min(entry.within.start + entry.duration, entry.closed_at or entry.within.end)
        if end > entry.within.start:
            workers = catalogue.profile_or_plain(entry.profile).workers_for(entry.seats)
            window = Window(entry.within.start, end)
            yield Want(entry.owner, entry.profile, workers, entry.asked_at, window)


def _got(booking: Booking) -> Got:
    return Got(booking.owner, booking.profile, booking.created_at, booking.window.start)


def _first(begun: datetime | None, now: datetime) -> DemandSpanRow:
    """Bookings that are older than this count since the first; how long nobody looked before isn't known."""
    start = floor_hour(min(begun or now, now))
    return DemandSpanRow(OWN, "", start, start, now)


def _one(
    span: DemandSpanRow, rows: Iterable[PeakRow], gaps: Iterable[tuple[str, Window]], of: Callable[[PeakRow], int]
) -> Series:
    """A source's own series."""
    hours = (span.until - span.start) // HOUR
    values = np.zeros(hours)
    for row in rows:
        if row.source == span.source:
            values[(row.hour - span.start) // HOUR] = of(row)
    series = Series(span.start, values, np.ones(hours, np.bool_))
    return series.without(gap for source, gap in gaps if source == span.source)


class _Total:
    """The sum of several sources; an hour is known when all that tell of it know it, and one does."""

    def __init__(self, start: datetime, hours: int) -> None:
        self._start = start
        self._values = np.zeros(hours)
        self._told = np.zeros(hours, np.bool_)
        self._doubted = np.zeros(hours, np.bool_)

    def add(self, series: Series, end: datetime) -> None:
        """Add what a source says of the hours until ``end``."""
        offset = (series.start - self._start) // HOUR
        first = max(offset, 0)
        stop = min(offset + len(series), (end - self._start) // HOUR)
        if first >= stop:
            return
        here, there = slice(first, stop), slice(first - offset, stop - offset)
        self._values[here] += series.values[there]
        self._told[here] = True
        self._doubted[here] |= ~series.known[there]

    def series(self) -> Series:
        """All together."""
        return Series(self._start, self._values, self._told & ~self._doubted)


def _series(start: datetime, values: Sequence[int | None]) -> Series:
    known = np.array([value is not None for value in values], np.bool_)
    return Series(start, np.array([value or 0 for value in values], np.float64), known)


def _hours(profile: str, kind: Kind, series: Series) -> Iterable[DemandHour]:
    for hour in np.flatnonzero(series.known & (series.values > 0)):
        peak = int(np.ceil(series.values[hour]))
        yield DemandHour(profile, kind, series.start + int(hour) * HOUR, peak, peak)


def _unknown(start: datetime, known: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterable[Window]:
    """The stretches of hours that aren't known."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], ~known, [False]))))
    for first, stop in zip(edges[::2], edges[1::2], strict=True):
        yield Window(start + int(first) * HOUR, start + int(stop) * HOUR)
