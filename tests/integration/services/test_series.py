"""Series: a verdict on each date, then all that fit or nothing; edits and cancellations of one, the following or all."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.support import truths
from tests.support.rig import ADA, MINUTE, PROFILES, T0, Rig

from almanac.core.errors import BadRequest, BadWindow, Forbidden, NoCapacity, NotFound, UnknownProfile, WrongState
from almanac.core.series import Edit, Frequency, Policy, Recurrence, Schedule, Scope
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.services.series import SeriesChange, SeriesRequest

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MADRID = "Europe/Madrid"
WHAT_FITS, ALL_OR_NOTHING = Policy.WHAT_FITS, Policy.ALL_OR_NOTHING
LENA = Caller("lena", roles={"gaia": Role.LEAD})
STRANGER = Caller("eve", roles={"euclid": Role.LEAD})
FIRST = datetime.fromisoformat("2026-03-03T10:00")


def schedule(times: int = 4, **more) -> Schedule:
    """Tuesdays at ten in Madrid, over the night in which its clocks go forward."""
    weekly = Recurrence(Frequency.WEEKLY, times=times)
    return Schedule(**{"first": FIRST, "length": 2 * HOUR, "zone": MADRID, "recurrence": weekly, **more})


def asked(**more) -> SeriesRequest:
    """All of the cave."""
    return SeriesRequest(**{"profile": "spark", "schedule": schedule(5), "seats": 6, "site": "cave", **more})


def make(rig: Rig, policy: Policy = WHAT_FITS, key: str | None = None, **more):
    return rig.app.series.make(ADA, asked(**more), policy, rig.clock(), key)


def in_the_way(rig: Rig, day: int):
    """Somebody has the cave from half past ten on that day of March."""
    start = datetime(2026, 3, day, 10, 30, tzinfo=ZoneInfo(MADRID))
    request = BookingRequest("spark", HOUR, start, 6, site="cave")
    return rig.app.bookings.book(ADA, request, rig.clock())


def states(view) -> list[str]:
    return [each.state for each in view.occurrences]


def findings(plan) -> list[str]:
    return [each.finding.value for each in plan.verdicts]


def sound(rig: Rig) -> None:
    truths.never_overbooked(rig)
    truths.claims_cover_bookings(rig)
    truths.ledger_balances(rig)
    truths.events_explain(rig)


def test_ten_stays_ten_across_daylight_saving(rig):
    made = make(rig)
    local = [each.start.astimezone(ZoneInfo(MADRID)) for each in made.occurrences]
    assert [f"{each:%H:%M}" for each in local] == ["10:00"] * 5
    assert [each.start.hour for each in made.occurrences] == [9, 9, 9, 9, 8]
    assert made.plan.summary == "5 of 5 fit."
    assert made.rule == "weekly 5 times at 10:00 (Europe/Madrid)"
    assert states(made) == ["booked"] * 5
    for each in made.occurrences:
        booking = rig.app.bookings.get(ADA, each.booking, rig.clock())
        assert (booking.start, booking.end, booking.series) == (each.start, each.end, made.id)
    sound(rig)


def test_what_became_of_a_series_is_told_once(rig):
    made = make(rig)
    rig.app.series.edit(ADA, made.id, SeriesChange(Scope.ALL, None, Edit(seats=1)), WHAT_FITS, rig.clock())
    rig.app.series.cancel(LENA, made.id, Scope.ALL, None, rig.clock())
    with rig.app.database.read() as unit:
        told = [event for event in unit.events.since(0) if event.data.get("series") == made.id]
    assert [(event.kind, event.actor, event.message) for event in told] == [
        ("series_booked", "ada", "5 of 5 fit."),
        ("series_edited", "ada", "5 of 5 fit."),
        ("series_cancelled", "lena", "5 of 5 are cancelled."),
    ]
    assert {event.data["person"] for event in told} == {"ada"}


def test_a_plan_says_for_each_date_what_would_become_of_it_and_keeps_nothing(rig):
    in_the_way(rig, 10)
    plan = rig.app.series.plan(ADA, asked(), rig.clock())
    assert findings(plan) == ["fits", "refused", "fits", "fits", "fits"]
    assert plan.summary == "4 of 5 fit; alternatives for 1."
    refused = plan.verdicts[1]
    assert refused.code == "no_capacity"
    assert {"later", "other_site"} & {each["kind"] for each in refused.alternatives}
    assert all(each.booking is None for each in plan.verdicts)
    assert rig.app.series.list(ADA, rig.clock(), mine=True) == []
    with rig.app.database.read() as unit:
        assert len(truths.everything(unit)) == 1
    assert rig.app.series.plan(ADA, asked(), rig.clock()) == plan


def test_what_fits_is_booked_and_the_rest_keeps_its_reason(rig):
    in_the_way(rig, 10)
    made = make(rig)
    assert states(made) == ["booked", "refused", "booked", "booked", "booked"]
    assert "no room" in made.occurrences[1].note
    assert made.occurrences[1].booking is None
    sound(rig)


def test_all_or_nothing_books_nothing_when_one_date_does_not_fit(rig):
    in_the_way(rig, 10)
    with pytest.raises(NoCapacity) as refused:
        make(rig, ALL_OR_NOTHING)
    assert "4 of 5 fit" in refused.value.message
    assert [each["finding"] for each in refused.value.details["verdicts"]].count("fits") == 4
    with rig.app.database.read() as unit:
        assert len(truths.everything(unit)) == 1
    assert make(rig, ALL_OR_NOTHING, site="sky", seats=1).plan.fitting == 5
    sound(rig)


def test_when_nothing_fits_nothing_is_made(rig):
    with pytest.raises(NoCapacity, match="0 of 5 fit"):
        make(rig, seats=7)
    assert rig.app.series.list(ADA, rig.clock(), mine=True) == []


def test_dates_may_be_left_out_or_moved(rig):
    made = make(
        rig,
        schedule=schedule(
            3,
            left_out=frozenset({date(2026, 3, 10)}),
            moved={date(2026, 3, 17): datetime.fromisoformat("2026-03-18T15:00")},
        ),
    )
    assert states(made) == ["booked", "left_out", "booked"]
    assert made.occurrences[2].date == date(2026, 3, 17)
    assert made.occurrences[2].start.astimezone(ZoneInfo(MADRID)) == datetime(2026, 3, 18, 15, tzinfo=ZoneInfo(MADRID))
    assert made.plan.summary == "2 of 2 fit."


def test_the_same_key_makes_one_series(rig):
    first = make(rig, key="k")
    assert make(rig, key="k").id == first.id
    assert len(rig.app.series.list(ADA, rig.clock(), mine=True)) == 1


def test_a_series_counts_against_grants_as_its_bookings_would(rig):
    rig.grant("cave", 20)  # 4 nodes for 2 h are 8 node-hours
    made = make(rig)
    assert states(made) == ["booked", "booked", "refused", "refused", "refused"]
    assert "node-hours" in made.occurrences[2].note
    sound(rig)


@pytest.mark.parametrize(
    ("scope", "moved"), [(Scope.ONE, {1}), (Scope.FOLLOWING, {1, 2, 3, 4}), (Scope.ALL, {0, 1, 2, 3, 4})]
)
def test_an_edit_is_for_one_this_and_the_following_or_all(rig, scope, moved):
    made = make(rig)
    change = SeriesChange(scope, date(2026, 3, 10), Edit(start=datetime.fromisoformat("2026-03-11T14:00")))
    plan = rig.app.series.plan_edit(ADA, made.id, change, rig.clock())
    assert findings(plan) == ["fits"] * len(moved)
    assert rig.app.series.get(ADA, made.id, rig.clock()).occurrences == made.occurrences
    after = rig.app.series.edit(ADA, made.id, change, WHAT_FITS, rig.clock())
    assert [each.date for each in after.occurrences] == [each.date for each in made.occurrences]
    for number, (was, is_now) in enumerate(zip(made.occurrences, after.occurrences, strict=True)):
        there, before = (each.start.astimezone(ZoneInfo(MADRID)) for each in (is_now, was))
        expected = (before.date() + DAY, 14) if number in moved else (before.date(), 10)
        assert (there.date(), there.hour) == expected
        assert (is_now.booking != was.booking) == (number in moved)
    sound(rig)


def test_an_edit_that_does_not_fit_leaves_the_old_booking(rig):
    made = make(rig, schedule=schedule(3))
    rig.app.bookings.book(
        ADA, BookingRequest("spark", HOUR, made.occurrences[1].start + 3 * HOUR, 6, site="cave"), rig.clock()
    )
    change = SeriesChange(Scope.ALL, None, Edit(length=4 * HOUR))
    after = rig.app.series.edit(ADA, made.id, change, WHAT_FITS, rig.clock())
    assert findings(after.plan) == ["fits", "refused", "fits"]
    assert after.occurrences[1] == made.occurrences[1]
    assert after.occurrences[0].end - after.occurrences[0].start == 4 * HOUR
    sound(rig)
    other = rig.another()  # which knows of claims only what the database has
    assert rig.app.series.plan(ADA, asked(), rig.clock()) == other.series.plan(ADA, asked(), rig.clock())
    other.database.close()
    with pytest.raises(NoCapacity):
        rig.app.series.edit(
            ADA, made.id, SeriesChange(Scope.ALL, None, Edit(length=5 * HOUR)), ALL_OR_NOTHING, rig.clock()
        )
    assert rig.app.series.get(ADA, made.id, rig.clock()).occurrences == after.occurrences
    sound(rig)


def test_each_date_may_move_to_where_the_next_one_is(rig):
    daily = Recurrence(Frequency.DAILY, times=4)
    made = make(rig, schedule=schedule(recurrence=daily, length=6 * HOUR))
    for days in (1, -1):
        start = FIRST + (DAY if days == 1 else timedelta(0))
        change = SeriesChange(Scope.ALL, date(2026, 3, 3), Edit(start=start))
        after = rig.app.series.edit(ADA, made.id, change, ALL_OR_NOTHING, rig.clock())
        assert after.plan.summary == "4 of 4 fit."
    assert [each.start for each in after.occurrences] == [each.start for each in made.occurrences]
    sound(rig)


def test_another_title_changes_no_booking(rig):
    made = make(rig)
    after = rig.app.series.edit(ADA, made.id, SeriesChange(Scope.ALL, None, Edit(title="Galaxies")), WHAT_FITS, T0)
    assert findings(after.plan) == ["unchanged"] * 5
    assert after.occurrences == made.occurrences
    assert rig.app.bookings.get(ADA, made.occurrences[3].booking, T0).title == "Galaxies"


def test_cancelling_one_the_following_or_all(rig):
    made = make(rig)
    after = rig.app.series.cancel(ADA, made.id, Scope.ONE, date(2026, 3, 10), rig.clock())
    assert states(after) == ["booked", "left_out", "booked", "booked", "booked"]
    assert after.plan.summary == "1 of 1 is cancelled."
    after = rig.app.series.cancel(ADA, made.id, Scope.FOLLOWING, date(2026, 3, 17), rig.clock())
    assert states(after) == ["booked", "left_out", "left_out", "left_out", "left_out"]
    after = rig.app.series.cancel(ADA, made.id, Scope.ALL, None, rig.clock())
    assert states(after) == ["left_out"] * 5
    with pytest.raises(WrongState, match="Nothing of that is still to come"):
        rig.app.series.cancel(ADA, made.id, Scope.ALL, None, rig.clock())
    sound(rig)


def test_what_has_begun_stays(rig):
    made = make(rig)
    rig.clock.advance(made.occurrences[0].start - rig.clock() + MINUTE)
    rig.tick()
    after = rig.app.series.edit(ADA, made.id, SeriesChange(Scope.ALL, None, Edit(seats=1)), WHAT_FITS, rig.clock())
    assert findings(after.plan) == ["stays", "fits", "fits", "fits", "fits"]
    assert "1 has begun and stays" in after.plan.summary
    assert after.occurrences[0].seats == 6
    after = rig.app.series.cancel(ADA, made.id, Scope.ALL, None, rig.clock())
    assert states(after)[0] in {"building", "ready"}
    assert states(after)[1:] == ["left_out"] * 4
    sound(rig)


def test_a_booking_called_off_by_itself_is_left_alone(rig):
    made = make(rig)
    rig.app.bookings.cancel(ADA, made.occurrences[1].booking, rig.clock())
    after = rig.app.series.edit(ADA, made.id, SeriesChange(Scope.ALL, None, Edit(seats=1)), WHAT_FITS, rig.clock())
    assert states(after) == ["booked", "cancelled", "booked", "booked", "booked"]


def test_a_refused_date_gets_another_chance_with_an_edit(rig):
    blocking = in_the_way(rig, 10)
    made = make(rig)
    rig.app.bookings.cancel(ADA, blocking.id, rig.clock())
    change = SeriesChange(Scope.ONE, date(2026, 3, 10), Edit())
    assert states(rig.app.series.edit(ADA, made.id, change, WHAT_FITS, rig.clock())) == ["booked"] * 5
    assert states(make(rig, seats=1, site=None)) == ["booked"] * 5
    sound(rig)


def test_a_lead_changes_it_for_its_owner(rig):
    made = make(rig)
    change = SeriesChange(Scope.ALL, None, Edit(seats=2))
    after = rig.app.series.edit(LENA, made.id, change, WHAT_FITS, rig.clock())
    assert rig.app.bookings.get(ADA, after.occurrences[0].booking, rig.clock()).owner == "ada"


def test_others_see_it_or_not(rig):
    made = make(rig)
    mia = Caller("mia", roles={"gaia": Role.MEMBER})
    assert rig.app.series.get(mia, made.id, rig.clock()).id == made.id
    with pytest.raises(Forbidden):
        rig.app.series.cancel(mia, made.id, Scope.ALL, None, rig.clock())
    with pytest.raises(NotFound):
        rig.app.series.get(STRANGER, made.id, rig.clock())
    with pytest.raises(NotFound):
        rig.app.series.cancel(STRANGER, made.id, Scope.ALL, None, rig.clock())
    assert rig.app.series.list(mia, rig.clock(), mine=True) == []
    assert len(rig.app.series.list(mia, rig.clock(), mine=False)) == 1


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"profile": "nonsense"}, UnknownProfile),
        ({"project": "euclid"}, NotFound),
        ({"schedule": schedule(length=13 * HOUR)}, BadWindow),
        ({"schedule": schedule(zone="Nowhere/Land")}, BadRequest),
        ({"schedule": schedule(left_out=frozenset({date(2026, 3, 4)}))}, BadRequest),
        ({"schedule": schedule(recurrence=Recurrence(Frequency.DAILY, times=201))}, BadRequest),
        ({"schedule": schedule(recurrence=Recurrence(Frequency.DAILY))}, BadRequest),
        ({"schedule": schedule(recurrence=Recurrence(Frequency.DAILY, until=date(2026, 3, 1)))}, BadRequest),
    ],
)
def test_what_is_wrong_with_all_of_it_is_said_at_once(rig, more, error):
    with pytest.raises(error) as refused:
        rig.app.series.plan(ADA, asked(**more), rig.clock())
    assert refused.value.hint


def test_a_change_names_a_date_of_the_series(rig):
    made = make(rig)
    with pytest.raises(NotFound, match="is no date of this series"):
        rig.app.series.cancel(ADA, made.id, Scope.ONE, date(2026, 3, 4), rig.clock())
    with pytest.raises(BadRequest, match="Which occurrence"):
        rig.app.series.cancel(ADA, made.id, Scope.FOLLOWING, None, rig.clock())


def test_above_the_limits_each_date_waits_for_an_approval(rig):
    limited = replace(PROFILES[0], approve_above=replace(PROFILES[0].approve_above, seats=4))
    app = rig.another(profiles=(limited, PROFILES[1]))
    made = app.series.make(ADA, asked(), WHAT_FITS, rig.clock())
    assert states(made) == ["offered"] * 5
    assert made.plan.verdicts[0].approval == "6 seats (more than 4)"
    app.approvals.approve(LENA, made.occurrences[0].booking, rig.clock())
    assert states(app.series.get(ADA, made.id, rig.clock()))[0] == "booked"
    after = app.series.edit(LENA, made.id, SeriesChange(Scope.ALL, None, Edit(length=HOUR)), WHAT_FITS, rig.clock())
    assert states(after) == ["booked"] * 5
    app.database.close()
    sound(rig)
