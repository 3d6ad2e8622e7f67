from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from almanac.cli.times import BadTime, parse_length, parse_time, parse_window

LONDON = ZoneInfo("Europe/London")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)  # a Wednesday, 10:30 in Berlin


def at(text: str, zone=BERLIN, now=NOW) -> str:
    return parse_time(text, now, zone).at.astimezone(zone).strftime("%a %Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7200),
        ("90m", 5400),
        ("90 min", 5400),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("2d", 172800),
        ("2 days", 172800),
        ("1 hour", 3600),
        ("45s", 45),
        ("  2H ", 7200),
        ("366d", 366 * 86400),
    ],
)
def test_lengths(text, seconds):
    assert parse_length(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "h", "2x", "two hours", "2h tomorrow", "-2h", "0h", "0.1s", "367d", "9" * 30 + "h"]
)
def test_what_is_no_length_says_what_is(text):
    with pytest.raises(BadTime) as caught:
        parse_length(text)
    assert "90m" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "Wed 2026-11-25 10:30:00"),
        ("in 2h", "Wed 2026-11-25 12:30:00"),
        ("in 90 min", "Wed 2026-11-25 12:00:00"),
        ("tomorrow 10:00", "Thu 2026-11-26 10:00:00"),
        ("Tomorrow at 10:00", "Thu 2026-11-26 10:00:00"),
        ("10:00 tomorrow", "Thu 2026-11-26 10:00:00"),
        ("today 14:30", "Wed 2026-11-25 14:30:00"),
        ("14:30", "Wed 2026-11-25 14:30:00"),
        ("9:00", "Thu 2026-11-26 09:00:00"),
        ("at 9am", "Thu 2026-11-26 09:00:00"),
        ("12am", "Thu 2026-11-26 00:00:00"),
        ("12pm", "Wed 2026-11-25 12:00:00"),
        ("tomorrow noon", "Thu 2026-11-26 12:00:00"),
        ("tuesday 14:30", "Tue 2026-12-01 14:30:00"),
        ("next tuesday 14:30", "Tue 2026-12-01 14:30:00"),
        ("next tue 2pm", "Tue 2026-12-01 14:00:00"),
        ("wednesday 14:30", "Wed 2026-11-25 14:30:00"),
        ("wednesday 8:00", "Wed 2026-12-02 08:00:00"),
        ("next wednesday 14:30", "Wed 2026-12-02 14:30:00"),
        ("on Friday, 17:45", "Fri 2026-11-27 17:45:00"),
        ("2026-12-01 10:00", "Tue 2026-12-01 10:00:00"),
        ("2026-12-01 2pm", "Tue 2026-12-01 14:00:00"),
        ("2026-12-01T10:00", "Tue 2026-12-01 10:00:00"),
        ("2026-12-01T10:00:30", "Tue 2026-12-01 10:00:30"),
        ("2026-12-01T10:00Z", "Tue 2026-12-01 11:00:00"),
        ("2026-12-01t10:00z", "Tue 2026-12-01 11:00:00"),
        ("2026-12-01 10:00+05:30", "Tue 2026-12-01 05:30:00"),
    ],
)
def test_times(text, expected):
    assert at(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "soon", "tomorrow", "next tuesday", "2026-12-01", "25:00", "10:60", "13pm", "10", "2026-13-01 10:00",
     "2026-02-30 10:00", "in soon", "yesterday 10:00", "9999-12-31 23:00", "1970-01-01T00:00Z"],
)  # fmt: skip
def test_what_is_no_time_says_what_is(text):
    with pytest.raises(BadTime) as caught:
        parse_time(text, NOW, BERLIN)
    assert "10:00" in caught.value.hint


def test_a_day_without_a_clock_time_is_completed_in_the_hint():
    with pytest.raises(BadTime, match="day without a clock time") as caught:
        parse_time("next tuesday", NOW, BERLIN)
    assert "next tuesday 10:00" in caught.value.hint


def test_a_time_that_the_clocks_skip_is_moved_on_and_said():
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    moment = parse_time("tomorrow 02:30", before, BERLIN)
    assert moment.at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert "02:30 doesn't exist on Sun 29 Mar 2026" in moment.note
    assert "03:30 CEST" in moment.note


def test_of_a_time_that_comes_twice_the_first_is_taken_and_the_second_said():
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    moment = parse_time("tomorrow 02:30", before, BERLIN)
    assert moment.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert "comes twice" in moment.note
    second = moment.note.rpartition(" ")[2].rstrip(".")
    assert parse_time(second, before, BERLIN).at == moment.at + timedelta(hours=1)


def test_an_ordinary_time_needs_no_note():
    assert parse_time("tomorrow 10:00", NOW, BERLIN).note == ""


def test_tomorrow_is_a_day_on_the_wall_not_24_hours():
    before = datetime(2026, 10, 24, 8, tzinfo=UTC)  # 10:00 in Berlin, 25 hours before 10:00 of the next day
    assert parse_time("tomorrow 10:00", before, BERLIN).at - before == timedelta(hours=25)


def test_an_iso_time_with_an_offset_means_the_same_everywhere():
    assert parse_time("2026-07-01T12:00+02:00", NOW, LONDON).at == parse_time("2026-07-01T12:00+02:00", NOW, BERLIN).at


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", "Wed 25 10:30", "Thu 26 00:00"),
        ("tomorrow", "Thu 26 00:00", "Fri 27 00:00"),
        ("this week", "Wed 25 10:30", "Mon 30 00:00"),
        ("next week", "Mon 30 00:00", "Mon 07 00:00"),
        ("next 3 days", "Wed 25 10:30", "Sat 28 10:30"),
        ("next 8h", "Wed 25 10:30", "Wed 25 18:30"),
        ("friday", "Fri 27 00:00", "Sat 28 00:00"),
        ("next wednesday", "Wed 02 00:00", "Thu 03 00:00"),
        ("2026-12-01", "Tue 01 00:00", "Wed 02 00:00"),
        ("tomorrow 9:00 to tomorrow 17:00", "Thu 26 09:00", "Thu 26 17:00"),
        ("now .. in 2h", "Wed 25 10:30", "Wed 25 12:30"),
    ],
)
def test_windows(text, start, end):
    first, last = parse_window(text, NOW, BERLIN)
    form = "%a %d %H:%M"
    assert (first.at.astimezone(BERLIN).strftime(form), last.at.astimezone(BERLIN).strftime(form)) == (start, end)


@pytest.mark.parametrize("text", ["", "whenever", "next", "2026-11-01", "tomorrow 10:00 to today 23:00", "next month"])
def test_what_is_no_window_or_has_passed_says_what_is(text):
    with pytest.raises(BadTime) as caught:
        parse_window(text, NOW, BERLIN)
    assert "next week" in caught.value.hint


def test_a_day_whose_midnight_doesnt_exist_begins_when_it_begins():
    zone = ZoneInfo("America/Havana")  # clocks go forward at midnight
    start, _ = parse_window("2026-03-08", datetime(2026, 3, 1, tzinfo=UTC), zone)
    assert start.at.astimezone(zone).strftime("%d %H:%M") == "08 01:00"
