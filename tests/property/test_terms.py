"""Series, their exceptions, the waiting list, approvals and daylight saving, lived at random.

Whatever people ask for and whenever Almanac is killed: nothing is overbooked, no occurrence is lost or comes twice, each is at
the local time that it was asked for, and the ledger balances. And a series' verdicts are what booking each occurrence alone says.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.support import truths
from tests.support.rig import ADA, LENA, PROFILES, T0, Rig

from almanac.core.bookings import BookingTarget
from almanac.core.catalogue import Above
from almanac.core.errors import AlmanacError
from almanac.core.local_time import settle
from almanac.core.series import Edit, Frequency, Policy, Recurrence, Schedule, Scope, occurrences
from almanac.core.windows import Window
from almanac.services.requests import BookingRequest
from almanac.services.series import SeriesChange, SeriesRequest
from almanac.services.series_views import Finding, VerdictView
from almanac.services.waiting import WaitRequest
from almanac.sites.simulated import Killed

T = TypeVar("T")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIMITED = (replace(PROFILES[0], approve_above=Above(seats=5)), PROFILES[1])

zones = st.sampled_from(["Europe/Madrid", "America/New_York", "Australia/Lord_Howe"])
CHANGES = {
    "America/New_York": date(2026, 3, 8),
    "Europe/Madrid": date(2026, 3, 29),
    "Australia/Lord_Howe": date(2026, 4, 5),
}
"""The days of the coming weeks on which clocks change: forward, forward, and half an hour back."""
clocks = st.sampled_from([time(1, 45), time(2), time(2, 30), time(10), time(23, 30)])
lengths = st.sampled_from([HOUR, 12 * HOUR, 12 * HOUR])
seats = st.sampled_from([1, 5, 5, 6])
"""Five have all of the cave; six need an approval too."""
sites = st.sampled_from(["cave", "cave", "cave", None])
scopes = st.sampled_from(Scope)
policies = st.sampled_from(Policy)
Wish = tuple[Any, ...]
"""What to do with a series or one of its bookings, and how."""
wishes = st.one_of(
    *(st.tuples(st.just(name)) for name in ("cancel all", "cancel", "release", "approve", "approve", "decline")),
    *(
        st.tuples(
            st.just("edit"),
            st.none() | st.tuples(st.integers(-1, 1), clocks),
            st.none() | lengths,
            st.none() | seats,
            policies,
            st.sampled_from([ADA, LENA]),
        )
        for _ in range(4)
    ),
)
passing = st.sampled_from([timedelta(minutes=10), timedelta(minutes=31), 5 * HOUR, 3 * DAY])


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """A few days around a change of the clocks."""
    zone = draw(zones)
    day = CHANGES[zone] - draw(st.integers(0, 3)) * DAY
    frequency = draw(st.sampled_from([Frequency.DAILY, Frequency.DAILY, Frequency.WEEKLY]))
    rule = Recurrence(frequency, draw(st.integers(1, 2)), times=draw(st.integers(1, 5)))
    plain = Schedule(datetime.combine(day, draw(clocks)), draw(lengths), zone, rule)
    days = [each.date for each in occurrences(plain)]
    left_out = frozenset(draw(st.sets(st.sampled_from(days), max_size=1)))
    moved = {
        each: datetime.combine(each + draw(st.integers(-1, 1)) * DAY, draw(clocks))
        for each in draw(st.sets(st.sampled_from(days), max_size=1)) - left_out
    }
    return replace(plain, left_out=left_out, moved=moved)


def in_zone(schedule: Schedule, zone: str) -> Schedule:
    """The same around the change of another zone's clocks, so that series are in each other's way."""
    by = CHANGES[zone] - CHANGES[schedule.zone]
    return replace(
        schedule,
        zone=zone,
        first=schedule.first + by,
        left_out=frozenset(day + by for day in schedule.left_out),
        moved={day + by: start + by for day, start in schedule.moved.items()},
    )


requests = st.builds(SeriesRequest, profile=st.just("spark"), schedule=schedules(), seats=seats, site=sites)


def answer(rig: Rig, request: BookingRequest) -> tuple[object, ...]:
    """What booking says: when and where, or why not and what instead."""
    try:
        made = rig.app.bookings.book(ADA, request, rig.clock())
    except AlmanacError as error:
        return error.code, error.message, error.hint, tuple(error.details.get("refusal", {}).get("alternatives", ()))
    return made.start, made.end, made.site, made.approval


def answer_of(told: VerdictView) -> tuple[object, ...]:
    """What a verdict says, likewise."""
    if told.finding is Finding.REFUSED:
        return told.code, told.message, told.hint, told.alternatives
    return told.start, told.end, told.site, told.approval


@given(others=st.lists(requests, max_size=3), request=requests, hours=st.none() | st.integers(1, 120))
@settings(max_examples=settings.default.max_examples // 3)
def test_the_verdicts_are_what_booking_each_alone_would_say(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, others, request, hours
) -> None:
    path = shutil.copy(sqlite_template, tmp_path_factory.mktemp("series") / "almanac.db")
    rig = Rig(f"sqlite:///{path}", LIMITED)
    try:
        if hours is not None:
            rig.grant("cave", hours)
        for other in others:
            booked(rig, replace(other, schedule=in_zone(other.schedule, request.schedule.zone)))
        plan = rig.app.series.plan(ADA, request, rig.clock())
        wanted = [each for each in occurrences(request.schedule, request.seats) if not each.left_out]
        verdicts = {each.date: each for each in plan.verdicts}
        assert len(verdicts) == len(plan.verdicts) == len(wanted)
        for each in sorted(wanted, key=lambda one: one.window.start):
            told = verdicts[each.date]
            alone = BookingRequest("spark", each.window.duration, each.window.start, each.seats, site=request.site)
            assert answer(rig, alone) == answer_of(told)
    finally:
        rig.close()


def booked(rig: Rig, request: SeriesRequest) -> None:
    """Make a series, if any of it fits."""
    with suppress(AlmanacError):
        rig.app.series.make(ADA, request, Policy.WHAT_FITS, rig.clock())


class Terms(RuleBasedStateMachine):
    """A life of series in one time zone. ``dates`` are those that each series was asked for."""

    series = Bundle("series")
    waits = Bundle("waits")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.rig = Rig(url, LIMITED)
        self.dates: dict[str, list[date]] = {}
        self.requests: dict[str, SeriesRequest] = {}
        self.keys = 0
        self.zone = ""

    # --- people ----------------------------------------------------------------------------------------------------------

    @initialize(
        target=series,
        hours=st.none() | st.integers(40, 400),
        zone=zones,
        first=st.lists(requests, min_size=2, max_size=3),
    )
    def begin(self, hours: int | None, zone: str, first: list[SeriesRequest]):
        self.zone = zone
        if hours is not None:
            self.rig.grant("cave", hours)
        return multiple(*(made for request in first if (made := self.made(request, Policy.WHAT_FITS))))

    @rule(target=series, request=requests, policy=policies, killed_after=st.none() | st.integers(0, 2))
    def make(self, request: SeriesRequest, policy: Policy, killed_after: int | None):
        made = self.made(request, policy, killed_after)
        return multiple() if made is None else made

    def made(self, request: SeriesRequest, policy: Policy, killed_after: int | None = None) -> str | None:
        self.keys += 1
        request = replace(request, schedule=in_zone(request.schedule, self.zone))
        key = f"key {self.keys}"
        made = self.asked(lambda: self.rig.app.series.make(ADA, request, policy, self.rig.clock(), key), killed_after)
        if made is None:
            return None
        self.requests[made.id] = request
        self.dates[made.id] = [each.date for each in occurrences(request.schedule)]
        refused = [each for each in made.occurrences if each.state == "refused"]
        assert policy is Policy.WHAT_FITS or not refused
        for each in made.occurrences:
            if each.date not in request.schedule.left_out and each.date not in request.schedule.moved:
                local = datetime.combine(each.date, request.schedule.first.time())
                if each.booking and each.start > self.rig.clock() + HOUR:
                    assert each.start == settle(local, ZoneInfo(request.schedule.zone)).at
        return made.id

    @rule(which=series, wish=wishes, scope=scopes, pick=st.integers(0, 4), killed_after=st.none() | st.integers(0, 1))
    def change(self, which: str, wish: Wish, scope: Scope, pick: int, killed_after: int | None) -> None:
        day = self.dates[which][pick % len(self.dates[which])]
        name, *how = wish
        if name == "edit":
            self.edit(which, scope, day, how, killed_after)
        elif name == "cancel all":
            self.asked(lambda: self.rig.app.series.cancel(ADA, which, scope, day, self.rig.clock()), killed_after)
        else:
            found = self.rig.app.series.get(ADA, which, self.rig.clock()).occurrences
            booking = next((each.booking for each in found if each.date == day), None)
            if booking is not None:
                self.asked(self.wished(booking, name), killed_after)
        self.another_almanac_sees_the_same(which)

    def edit(self, which: str, scope: Scope, day: date, how: Sequence[Any], killed_after: int | None) -> None:
        move, length, size, policy, caller = how
        now = self.rig.clock()
        start = None if move is None else datetime.combine(day + move[0] * DAY, move[1])
        change = SeriesChange(scope, day, Edit(start, length, size))
        plan = self.asked(lambda: self.rig.app.series.plan_edit(caller, which, change, now))
        before = self.rig.app.series.get(ADA, which, now)
        after = self.asked(lambda: self.rig.app.series.edit(caller, which, change, policy, now), killed_after)
        if after is None or plan is None:
            return
        if killed_after is None:
            assert [replace(each, booking=None) for each in after.plan.verdicts] == list(plan.verdicts)
        keep = {each.date for each in plan.verdicts if each.finding in {Finding.REFUSED, Finding.STAYS}}
        keep |= set(self.dates[which]) - {each.date for each in plan.verdicts}
        if killed_after is None:
            kept = [each for each in before.occurrences if each.date in keep]
            assert [each for each in after.occurrences if each.date in keep] == kept

    def another_almanac_sees_the_same(self, which: str) -> None:
        """What this one remembers of claims is what the database has."""
        request, now = replace(self.requests[which], seats=5), self.rig.clock()
        other = self.rig.another()
        seen = [app.series.plan(ADA, request, now) for app in (self.rig.app, other)]
        other.database.close()
        assert seen[0] == seen[1]

    @rule(target=waits, schedule=schedules(), size=seats, site=sites, room=st.sampled_from([0, 0, 6, 48]))
    def wait(self, schedule: Schedule, size: int, site: str | None, room: int):
        first = occurrences(in_zone(schedule, self.zone))[0].window
        within = Window(first.start, first.end + room * HOUR)
        request = WaitRequest("spark", first.duration, within, size, site=site)
        made = self.asked(lambda: self.rig.app.waiting.wait(ADA, request, self.rig.clock()))
        return multiple() if made is None else made.id

    @rule(which=waits, wish=st.sampled_from(["accept", "accept", "cancel", "withdraw", "approve", "decline"]))
    def answer(self, which: str, wish: str) -> None:
        entry = self.rig.app.waiting.get(ADA, which, self.rig.clock())
        if wish == "withdraw":
            self.asked(lambda: self.rig.app.waiting.withdraw(ADA, which, self.rig.clock()))
        elif entry.offer is not None:
            self.asked(self.wished(entry.offer, wish))

    def wished(self, booking: str, wish: str) -> Callable[[], object]:
        app, now = self.rig.app, self.rig.clock()
        if wish == "approve":
            return lambda: app.approvals.approve(LENA, booking, now)
        if wish == "decline":
            return lambda: app.approvals.decline(LENA, booking, "no", now)
        return lambda: getattr(app.bookings, wish)(ADA, booking, now)

    def asked(self, ask: Callable[[], T], killed_after: int | None = None) -> T | None:
        """Ask; None when it is refused. If Almanac is killed meanwhile, ask again."""
        if killed_after is not None:
            self.rig.fuse.light(killed_after)
        try:
            return self.answered(ask)
        except Killed:
            self.rig.restart()
            return self.answered(ask)
        finally:
            self.rig.fuse.put_out()

    @staticmethod
    def answered(ask: Callable[[], T]) -> T | None:
        try:
            return ask()
        except AlmanacError as error:
            refused = error
        assert refused.status < 500, repr(refused)
        assert refused.message
        return None

    # --- time ------------------------------------------------------------------------------------------------------------

    @rule(by=passing, killed_after=st.none() | st.integers(0, 9))
    def time_passes(self, by: timedelta, killed_after: int | None) -> None:
        self.rig.clock.advance(by)
        if killed_after is not None:
            self.rig.fuse.light(killed_after)
        try:
            self.rig.tick()
        except Killed:
            self.rig.restart()
        self.rig.fuse.put_out()
        self.rig.tick()

    # --- what must be true -----------------------------------------------------------------------------------------------

    @invariant()
    def sound(self) -> None:
        truths.never_overbooked(self.rig)
        truths.claims_cover_bookings(self.rig)
        truths.ledger_balances(self.rig)
        truths.events_explain(self.rig)

    @invariant()
    def no_occurrence_is_lost_or_comes_twice(self) -> None:
        with self.rig.app.database.read() as unit:
            known = {each.id: unit.series.occurrences(each.id) for each in unit.series.list()}
            standing = [
                b for b in truths.everything(unit) if b.target in {BookingTarget.CONFIRMED, BookingTarget.OFFERED}
            ]
            offers = {each.offer_id for each in unit.waiting.list()}
        assert known.keys() == self.dates.keys()
        for series, rows in known.items():
            assert [row.date for row in rows] == self.dates[series]
        ids = [row.booking_id for rows in known.values() for row in rows if row.booking_id]
        assert len(ids) == len(set(ids))
        strays = {booking.id for booking in standing} - set(ids) - offers
        assert not strays, f"in no series, and nobody waited for it: {strays}"
        windows = {booking.id: booking.window for booking in standing}
        for row in (row for rows in known.values() for row in rows):
            if row.booking_id in windows:
                assert windows[row.booking_id] == row.window
                assert not row.left_out or row.window.start <= self.rig.clock()

    @invariant()
    def the_line_is_in_order(self) -> None:
        with self.rig.app.database.read() as unit:
            line = unit.waiting.open()
            offers = unit.bookings.some([each.offer_id for each in line if each.offer_id])
        for entry in line:
            assert entry.closed_at is None
            if entry.offer_id is not None:
                window = offers[entry.offer_id].window
                assert entry.within.start <= window.start
                assert window.end <= entry.within.end
                assert offers[entry.offer_id].seats == entry.seats

    def teardown(self) -> None:
        self.rig.close()


@pytest.mark.timeout(7200)
def test_a_term_full_of_changes(sqlite_template: Path, tmp_path: Path) -> None:
    lives = 0

    def live() -> Terms:
        nonlocal lives
        lives += 1
        path = tmp_path / f"{lives}.db"
        path.write_bytes(sqlite_template.read_bytes())
        return Terms(f"sqlite:///{path}")

    assert T0.date() < min(CHANGES.values())
    bounds = settings(max_examples=settings.default.max_examples // 2, stateful_step_count=30)
    run_state_machine_as_test(live, settings=bounds)
