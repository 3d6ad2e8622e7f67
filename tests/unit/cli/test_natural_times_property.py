from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from almanac.cli.offers import compact
from almanac.cli.times import LONGEST, BadTime, parse_length, parse_time, parse_window

NAMES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Havana",
    "Africa/Casablanca",
)
FIRST, LAST = (datetime.min.replace(year=year) for year in (2024, 2035))  # noqa: DTZ901 - naive, as Hypothesis wants them
zones = st.sampled_from(NAMES).map(ZoneInfo)
nows = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
clocks = st.times().map(lambda t: t.replace(second=0, microsecond=0))
days = st.sampled_from(["monday", "tue", "next wednesday", "this thursday", "fri", "on sat", "next sunday"])
WORDS = ["now", "in", "2h", "tomorrow", "today", "at", "10:00", "2pm", "next", "week", "tuesday", "to", "..", "2026-12-01",
         "T10:00", "+01:00", "Z", "3", "days", "noon", "\u0663", "9" * 12, "until", "this"]  # fmt: skip


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_a_length_as_it_is_printed_is_read_as_the_same(seconds):
    assert parse_length(compact(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(nows, zones, clocks)
def test_tomorrow_at_a_clock_time_is_that_clock_time_on_the_next_local_day(now, zone, clock):
    moment = parse_time(f"tomorrow {clock:%H:%M}", now, zone)
    there = moment.at.astimezone(zone)
    assert there.date() == now.astimezone(zone).date() + timedelta(days=1)
    assert moment.note or there.time() == clock


@given(nows, zones, clocks)
def test_a_clock_time_alone_is_its_next_occurrence(now, zone, clock):
    moment = parse_time(f"{clock:%H:%M}", now, zone)
    assert now < moment.at <= now + timedelta(hours=26)


@given(nows, zones, clocks, days)
def test_a_weekday_is_in_the_coming_eight_days(now, zone, clock, day):
    moment = parse_time(f"{day} {clock:%H:%M}", now, zone)
    assert now < moment.at <= now + timedelta(days=8, hours=2)
    assert moment.at.astimezone(zone).strftime("%a").lower() in day


@given(nows, zones, st.datetimes(FIRST, LAST).map(lambda d: d.replace(microsecond=0)))
def test_a_written_local_time_reads_as_written_unless_the_clocks_change(now, zone, local):
    moment = parse_time(local.isoformat(sep=" "), now, zone)
    assert moment.note or moment.at.astimezone(zone).replace(tzinfo=None) == local


@given(
    nows,
    zones,
    st.sampled_from(["today", "tomorrow", "this week", "next week", "next 3 days", "friday", "next monday"]),
)
def test_windows_end_after_they_start_and_hold_nothing_of_the_past(now, zone, text):
    start, end = parse_window(text, now, zone)
    assert now <= start.at < end.at


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)), nows, zones)
def test_anything_else_is_refused_in_words(text, now, zone):
    for parse in (parse_time, parse_window, lambda text, *_: parse_length(text)):
        try:
            parse(text, now, zone)
        except BadTime as error:
            assert error.hint  # noqa: PT017 - either outcome is right
