"""Many make series and bookings of the same dates at once, from two Almanacs on one database."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from tests.support import truths
from tests.support.rig import ADA, Rig

from almanac.core.bookings import BookingTarget
from almanac.core.errors import AlmanacError
from almanac.core.series import Edit, Frequency, Policy, Recurrence, Schedule, Scope
from almanac.core.windows import Window
from almanac.services.requests import BookingRequest
from almanac.services.series import SeriesChange, SeriesRequest
from almanac.services.waiting import WaitRequest

HOUR = timedelta(hours=1)
FIRST = datetime.fromisoformat("2026-03-03T10:00")
DATES = 4
WHOLE_CAVE = 6


def term() -> SeriesRequest:
    schedule = Schedule(FIRST, HOUR, "UTC", Recurrence(Frequency.DAILY, times=DATES))
    return SeriesRequest("spark", schedule, WHOLE_CAVE, site="cave")


def all_at_once(*tasks: Callable[[], object]) -> None:
    def run(task: Callable[[], object]) -> None:
        with suppress(AlmanacError):
            task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        list(threads.map(run, tasks))


def standing(rig: Rig) -> list[Window]:
    with rig.app.database.read() as unit:
        return sorted(each.window for each in truths.everything(unit) if each.target is BookingTarget.CONFIRMED)


def sound(rig: Rig) -> None:
    truths.never_overbooked(rig)
    truths.claims_cover_bookings(rig)
    truths.ledger_balances(rig)
    truths.events_explain(rig)


def test_each_date_goes_to_one_of_many(rig):
    other, now = rig.another(), rig.clock()
    starts = [(FIRST + timedelta(days=number)).replace(tzinfo=UTC) for number in range(DATES)]
    tasks: list[Callable[[], object]] = []
    for app in (rig.app, other):
        tasks += [lambda app=app: app.series.make(ADA, term(), Policy.WHAT_FITS, now) for _ in range(2)]
        tasks += [lambda app=app: app.series.make(ADA, term(), Policy.ALL_OR_NOTHING, now)]
        tasks += [lambda app=app: app.series.plan(ADA, term(), now)]
        tasks += [
            lambda app=app, start=start: app.bookings.book(
                ADA, BookingRequest("spark", HOUR, start, WHOLE_CAVE, site="cave"), now
            )
            for start in starts[:2]
        ]
    all_at_once(*tasks)
    assert standing(rig) == [Window.lasting(start, HOUR) for start in starts]
    sound(rig)
    other.database.close()


def test_one_request_sent_twice_at_once_makes_one_series(rig):
    other, now = rig.another(), rig.clock()
    apps = (rig.app, other) * 3
    all_at_once(*(lambda app=app: app.series.make(ADA, term(), Policy.WHAT_FITS, now, "key") for app in apps))
    assert len(rig.app.series.list(ADA, now, mine=True)) == 1
    assert len(standing(rig)) == DATES
    other.database.close()


def test_edits_cancellations_and_the_waiting_list_at_once(rig):
    other, now = rig.another(), rig.clock()
    made = rig.app.series.make(ADA, term(), Policy.ALL_OR_NOTHING, now)
    within = Window.lasting(made.occurrences[1].start, HOUR)
    waits = [
        rig.app.waiting.wait(ADA, WaitRequest("spark", HOUR, within, WHOLE_CAVE, site="cave"), now) for _ in range(2)
    ]
    for hour in (12, 10):
        change = SeriesChange(Scope.ALL, made.occurrences[0].date, Edit(start=FIRST.replace(hour=hour)))
        tasks = [
            lambda app=app, change=change: app.series.edit(ADA, made.id, change, Policy.WHAT_FITS, now)
            for app in (rig.app, other)
        ]
        looks = [lambda app=app: app.waiting.look(now) for app in (rig.app, other)]
        all_at_once(*tasks, *looks, lambda: other.series.cancel(ADA, made.id, Scope.ONE, made.occurrences[3].date, now))
        sound(rig)
    rig.app.waiting.look(now)
    found = rig.app.series.get(ADA, made.id, now)
    assert [each.date for each in found.occurrences] == [each.date for each in made.occurrences]
    assert found.occurrences[3].state == "left_out"
    states = sorted(rig.app.waiting.get(ADA, each.id, now).state for each in waits)
    assert states == ["offered", "waiting"]
    other.database.close()
