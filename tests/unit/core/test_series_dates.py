"""The dates of a series in local time, and what an edit means for each of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.core.errors import BadRequest, NotFound
from almanac.core.local_time import settle, zone_named
from almanac.core.series import (
    MOST,
    Edit,
    Frequency,
    Occurrence,
    Recurrence,
    Schedule,
    Scope,
    affected,
    edited,
    in_order,
    occurrences,
)
from almanac.core.windows import Window

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ZONES = ["Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "UTC"]


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def schedule(first: str = "2026-03-03T10:00", zone: str = "Europe/Madrid", **rule) -> Schedule:
    facts = {"frequency": Frequency.WEEKLY, "times": None if "until" in rule else 4, **rule}
    return Schedule(local(first), 2 * HOUR, zone, Recurrence(**facts))


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        ({"times": 3}, ["03-03", "03-10", "03-17"]),
        ({"until": date(2026, 3, 17)}, ["03-03", "03-10", "03-17"]),
        ({"until": date(2026, 3, 16)}, ["03-03", "03-10"]),
        ({"times": 3, "every": 2}, ["03-03", "03-17", "03-31"]),
        ({"times": 3, "weekdays": (0, 2)}, ["03-04", "03-09", "03-11"]),
        ({"times": 3, "frequency": Frequency.DAILY}, ["03-03", "03-04", "03-05"]),
        ({"times": 3, "frequency": Frequency.MONTHLY}, ["03-03", "04-03", "05-03"]),
    ],
)
def test_the_rule_says_the_dates(rule, days):
    assert [f"{each.date:%m-%d}" for each in occurrences(schedule(**rule))] == days


def test_a_month_without_the_day_has_none():
    monthly = schedule("2026-01-31T10:00", frequency=Frequency.MONTHLY, times=3)
    assert [each.date.month for each in occurrences(monthly)] == [1, 3, 5]


@pytest.mark.parametrize(
    ("zone", "first", "expected", "words"),
    [
        ("Europe/Madrid", "2026-03-29T02:30", "01:30", "doesn't exist on Sun 29 Mar 2026"),
        ("Europe/Madrid", "2026-10-25T02:30", "00:30", "comes twice on Sun 25 Oct 2026"),
        ("America/New_York", "2026-03-08T02:00", "07:00", "doesn't exist"),
        ("America/New_York", "2026-11-01T01:59", "05:59", "comes twice"),
        ("Australia/Lord_Howe", "2026-10-04T02:15", "15:45", "doesn't exist"),
        ("Australia/Lord_Howe", "2026-04-05T01:45", "14:45", "comes twice"),
        ("Europe/Madrid", "2026-03-29T03:00", "01:00", ""),
    ],
)
def test_a_time_that_the_clocks_skip_or_repeat_is_decided_and_said(zone, first, expected, words):
    found = occurrences(schedule(first, zone, times=1))[0]
    assert f"{found.window.start:%H:%M}" == expected
    assert words in found.note
    assert bool(found.note) == bool(words)


@given(
    zone=st.sampled_from(ZONES),
    first=st.datetimes(local("2026-01-01T00:00"), local("2026-12-31T00:00")).map(
        lambda moment: moment.replace(second=0, microsecond=0)
    ),
    every=st.integers(1, 3),
    times=st.integers(1, 60),
)
def test_the_clock_shows_the_same_time_on_every_date(zone, first, every, times):
    found = occurrences(Schedule(first, HOUR, zone, Recurrence(Frequency.DAILY, every, times=times)))
    assert [each.date for each in found] == [first.date() + timedelta(days=every * number) for number in range(times)]
    for each in found:
        there = each.window.start.astimezone(ZoneInfo(zone))
        assert (there.date(), there.time()) == (each.date, first.time()) or "doesn't exist" in each.note
        assert each.window.duration == HOUR


def test_exceptions_are_left_out_or_moved_and_must_be_dates_of_it():
    rule = Recurrence(Frequency.WEEKLY, times=3)
    left, moved = date(2026, 3, 10), {date(2026, 3, 17): local("2026-03-19T15:00")}
    found = occurrences(Schedule(local("2026-03-03T10:00"), HOUR, "UTC", rule, frozenset({left}), moved))
    assert [(each.date.day, each.left_out, each.window.start.day) for each in found] == [
        (3, False, 3),
        (10, True, 10),
        (17, False, 19),
    ]
    with pytest.raises(BadRequest, match="2026-03-11 is no date") as wrong:
        occurrences(Schedule(local("2026-03-03T10:00"), HOUR, "UTC", rule, frozenset({date(2026, 3, 11)})))
    assert "2026-03-03, 2026-03-10" in wrong.value.hint


def test_a_date_may_have_another_number_of_seats():
    rule, ten = Recurrence(Frequency.WEEKLY, times=3), date(2026, 3, 10)
    found = occurrences(Schedule(local("2026-03-03T10:00"), HOUR, "UTC", rule, resized={ten: 4}), seats=6)
    assert [each.seats for each in found] == [6, 4, 6]
    with pytest.raises(BadRequest, match="2026-03-11 is no date"):
        occurrences(Schedule(local("2026-03-03T10:00"), HOUR, "UTC", rule, resized={date(2026, 3, 11): 4}))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"times": None}, "ends somewhere"),
        ({"times": 3, "until": date(2026, 4, 1)}, "ends somewhere"),
        ({"until": date(2026, 3, 2)}, "no date"),
        ({"times": MOST + 1}, f"more than {MOST}"),
        ({"until": date(2199, 1, 1)}, f"more than {MOST}"),
    ],
)
def test_a_series_ends_and_is_not_too_long(rule, words):
    with pytest.raises(BadRequest, match=words) as wrong:
        occurrences(schedule(**rule))
    assert wrong.value.hint


@pytest.mark.parametrize("name", ["Nowhere/Land", "", "../etc/passwd", "\0", "Europe"])
def test_a_zone_that_is_none_is_said(name):
    with pytest.raises(BadRequest, match="is not a time zone"):
        zone_named(name)


@pytest.mark.parametrize(
    ("recurrence", "words"),
    [
        (Recurrence(Frequency.WEEKLY, times=12), "weekly 12 times"),
        (Recurrence(Frequency.WEEKLY, 2, (0, 2), date(2027, 6, 1)), "every 2 weeks on Mon and Wed until 2027-06-01"),
        (Recurrence(Frequency.WEEKLY, 1, (0, 1, 4), times=3), "weekly on Mon, Tue and Fri 3 times"),
        (Recurrence(Frequency.MONTHLY, 3, times=2), "every 3 months 2 times"),
    ],
)
def test_the_rule_in_words(recurrence, words):
    assert recurrence.words == words


def known(*days: int) -> list[Occurrence]:
    return [
        Occurrence(date(2026, 3, day), Window.lasting(datetime(2026, 3, day, 9, tzinfo=UTC), HOUR), 1, f"b-{day}")
        for day in days
    ]


def test_a_change_is_for_one_the_following_or_all_and_what_has_begun_stays():
    dates = known(3, 10, 17)
    now = datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert affected(dates, Scope.ALL, None, now) == (dates[1:], dates[:1])
    assert affected(dates, Scope.FOLLOWING, date(2026, 3, 10), now) == (dates[1:], [])
    assert affected(dates, Scope.ONE, date(2026, 3, 17), now) == (dates[2:], [])
    with pytest.raises(NotFound):
        affected(dates, Scope.ONE, date(2026, 3, 4), now)
    with pytest.raises(BadRequest):
        affected(dates, Scope.ONE, None, now)


def test_an_edit_moves_each_by_as_many_days_and_to_the_same_clock_time():
    found = occurrences(schedule(times=5))
    edit, zone = Edit(start=local("2026-03-11T14:30"), seats=3), ZoneInfo("Europe/Madrid")
    moved = [edited(each, found[1], edit, zone.key) for each in found]
    for before, after in zip(found, moved, strict=True):
        wanted = datetime.combine(before.date + timedelta(days=1), edit.start.time())
        assert after.window.start == settle(wanted, zone).at
        assert (after.date, after.seats, after.booking_id) == (before.date, 3, None)
    same = edited(found[0], found[0], Edit(length=HOUR), "Europe/Madrid")
    assert same.window == Window.lasting(found[0].window.start, HOUR)


def test_changes_are_made_in_an_order_in_which_none_is_in_the_next_ones_way():
    dates = known(3, 4, 5)
    later = [(each, edited(each, dates[0], Edit(start=local("2026-03-04T09:00")), "UTC")) for each in dates]
    earlier = [(each, edited(each, dates[0], Edit(start=local("2026-03-02T09:00")), "UTC")) for each in dates]
    assert [before.date.day for before, _ in in_order(later)] == [5, 4, 3]
    assert [before.date.day for before, _ in in_order(earlier)] == [3, 4, 5]
