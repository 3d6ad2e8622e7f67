"""Times, lengths and windows as people write them, in their own time zone.

Every function takes ``now`` (aware) and the zone. Local times that daylight saving skips or repeats are settled, and
``note`` says how.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from dateutil.relativedelta import FR, MO, SA, SU, TH, TU, WE, relativedelta

from almanac.core import local_time
from almanac.core.errors import BadRequest

LENGTHS = "2h, 90m, 1h30m or 2d"
TIMES = "now, in 2h, 14:30, tomorrow 10:00, next tuesday 14:30, 2026-12-01 10:00 or 2026-12-01T10:00+01:00"
WINDOWS = "today, tomorrow, this week, next week, next 3 days, tuesday, 2026-12-01 or 'tomorrow 9:00 to tomorrow 17:00'"
LONGEST = timedelta(days=366)
YEARS = range(2000, 2200)
"""The years that the API takes."""

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_LENGTH_PART = re.compile(
    r"(\d{1,9}(?:\.\d{1,6})?)\s*(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)(?![a-z])", re.ASCII
)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*(am|pm)?", re.ASCII)
_DAYS = {"mon": MO, "tue": TU, "wed": WE, "thu": TH, "fri": FR, "sat": SA, "sun": SU}
_WEEKDAY = re.compile(
    r"(?:(?:this|next|on)\s+)?(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?", re.ASCII
)
_NEXT_DAYS = re.compile(r"next\s+(.+)")


class BadTime(BadRequest):
    """What was written is no time, length or window; the hint says what is understood."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint=hint)


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant that somebody wrote.

    Attributes:
        at: aware UTC.
        note: how a local time that doesn't exist or exists twice was understood; mostly empty.
    """

    at: datetime
    note: str = ""


def parse_length(text: str) -> timedelta:
    """A positive length of at most a year, such as ``1h30m`` or ``2 days``.

    Raises:
        BadTime: it isn't one.
    """
    seconds = _seconds(_tidy(text))
    if seconds is None:
        raise BadTime(f"{text!r} is not a length.", f"Write it like {LENGTHS}.")
    if not 1 <= seconds <= LONGEST.total_seconds():
        raise BadTime(f"{text!r} is not between a second and a year.", f"Write a length like {LENGTHS}.")
    return timedelta(seconds=round(seconds))


def parse_time(text: str, now: datetime, zone: tzinfo) -> Moment:
    """An instant: ``now``, ``in 2h``, a clock time, a day with a clock time, or ISO 8601.

    A clock time alone is its next occurrence; a weekday is the next one whose clock time is still to come.

    Raises:
        BadTime: it isn't one.
    """
    words = _tidy(text).removeprefix("at ")
    if words == "now":
        return Moment(now.astimezone(UTC))
    if words.startswith("in ") and _seconds(words[3:]) is not None:
        return Moment(now.astimezone(UTC) + parse_length(words[3:]))
    return _written_out(text, zone) or _day_and_clock(words, now, zone) or _refuse_time(text)


def parse_window(text: str, now: datetime, zone: tzinfo) -> tuple[Moment, Moment]:
    """A window ``[start, end)`` in which to look; what has passed of it is cut off.

    Raises:
        BadTime: it isn't one, or it has passed.
    """
    start, end = _window(text, now, zone)
    start = start if start.at > now else Moment(now.astimezone(UTC))
    if end.at <= start.at:
        raise BadTime(f"{text!r} has passed, or ends before it starts.", f"Write a window like {WINDOWS}.")
    return start, end


def settle(day: date, clock: time, zone: tzinfo) -> Moment:
    """The instant of a local day and clock time, where daylight saving may skip or repeat it.

    A skipped time is moved on by what the clocks move; of a repeated one the first is taken.
    """
    settled = local_time.settle(datetime.combine(day, clock), zone)
    return Moment(settled.at, settled.note)


def _tidy(text: str) -> str:
    return " ".join(text.lower().replace(",", " ").split())


def _seconds(words: str) -> float | None:
    parts = list(_LENGTH_PART.finditer(words))
    if not parts or _LENGTH_PART.sub("", words).strip():
        return None
    return sum(float(part[1]) * _UNITS[part[2][0]] for part in parts)


def _refuse_time(text: str) -> Moment:
    raise BadTime(f"{text!r} is not a time.", f"Write it like {TIMES}.")


def _written_out(text: str, zone: tzinfo) -> Moment | None:
    """ISO 8601 with a clock time; without an offset it is local."""
    written = text.strip().upper()
    try:
        parsed = datetime.fromisoformat(written)
        if len(written) <= len("2026-12-01") or parsed.year not in YEARS:
            return None
        return settle(parsed.date(), parsed.time(), zone) if parsed.tzinfo is None else Moment(parsed.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _day_and_clock(words: str, now: datetime, zone: tzinfo) -> Moment | None:
    """``tomorrow at 10:00``, ``14:30 tomorrow``, ``next tue 2pm``, ``noon``: a clock time at either end."""
    for day_words, clock_words in _splits(words):
        clock = _clock(clock_words)
        if clock is None:
            continue
        found = _next_clock(clock, now, zone) if not day_words else _on_day(day_words, clock, now, zone)
        if found is not None:
            return found
    if _day(words, now.astimezone(zone).date()) is not None:
        raise BadTime(f"{words!r} is a day without a clock time.", f"Add one, such as '{words} 10:00'.")
    return None


def _splits(words: str) -> list[tuple[str, str]]:
    parts = words.split()
    splits = [(" ".join(parts[:i]), " ".join(parts[i:])) for i in range(len(parts))]
    splits += [(" ".join(parts[i:]), " ".join(parts[:i])) for i in range(1, len(parts))]
    return [(day.removesuffix(" at"), clock.removeprefix("at ")) for day, clock in splits]


def _next_clock(clock: time, now: datetime, zone: tzinfo) -> Moment:
    today = now.astimezone(zone).date()
    moment = settle(today, clock, zone)
    return moment if moment.at > now else settle(today + timedelta(days=1), clock, zone)


def _on_day(words: str, clock: time, now: datetime, zone: tzinfo) -> Moment | None:
    today = now.astimezone(zone).date()
    day = _day(words, today)
    if day is None:
        return None
    moment = settle(day, clock, zone)
    is_weekday = _WEEKDAY.fullmatch(words) is not None
    return settle(day + timedelta(days=7), clock, zone) if is_weekday and moment.at <= now else moment


def _clock(words: str) -> time | None:
    if words in {"noon", "midnight"}:
        return time(12 if words == "noon" else 0)
    match = _CLOCK.fullmatch(words)
    if match is None or not (match[2] or match[4]):
        return None
    hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3))
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[4] == "pm" else 0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def _day(words: str, today: date) -> date | None:
    """A day in words. ``tuesday`` may be today; ``next tuesday`` is the first one after today."""
    if words in {"today", "tomorrow"}:
        return today + timedelta(days=words == "tomorrow")
    weekday = _WEEKDAY.fullmatch(words)
    if weekday:
        begin = today + timedelta(days=words.startswith("next "))
        return begin + relativedelta(weekday=_DAYS[weekday[1][:3]](+1))
    try:
        day = date.fromisoformat(words) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", words, re.ASCII) else None
    except ValueError:
        return None
    return day if day and day.year in YEARS else None


def _window(text: str, now: datetime, zone: tzinfo) -> tuple[Moment, Moment]:
    words = _tidy(text)
    for divider in (" to ", " until ", ".."):
        first, found, last = words.partition(divider)
        if found:
            return parse_time(first, now, zone), parse_time(last, now, zone)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday())
    if words in {"this week", "next week"}:
        begin = monday + timedelta(days=7 * (words == "next week"))
        return _midnight(begin, zone), _midnight(begin + timedelta(days=7), zone)
    day = _day(words, today)
    if day is not None:
        return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    ahead = _NEXT_DAYS.fullmatch(words)
    if ahead and _seconds(ahead[1]) is not None:
        return Moment(now.astimezone(UTC)), Moment(now.astimezone(UTC) + parse_length(ahead[1]))
    raise BadTime(f"{text!r} is not a window of time.", f"Write it like {WINDOWS}.")


def _midnight(day: date, zone: tzinfo) -> Moment:
    return settle(day, time(0), zone)
