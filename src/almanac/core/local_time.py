"""People's clocks: from a local day and time to an instant, where daylight saving may skip or repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import tz

from almanac.core.errors import BadRequest
from almanac.core.windows import Window

_YEARS = range(2000, 2200)


@dataclass(frozen=True, slots=True)
class Settled:
    """An instant that a local time means.

    Attributes:
        at: aware UTC.
        note: how a local time that doesn't exist or exists twice was understood; mostly empty.
    """

    at: datetime
    note: str = ""


def zone_named(name: str) -> ZoneInfo:
    """A time zone by its name in the IANA database, such as ``Europe/Madrid``.

    Raises:
        BadRequest: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRequest(
            f"{ascii(name)[:60]} is not a time zone.", hint="Name one such as Europe/Madrid or UTC."
        ) from None


def settle(local: datetime, zone: tzinfo) -> Settled:
    """The instant of a naive local time.

    A skipped time is moved on by what the clocks move; of a repeated one the first is taken.
    """
    wanted = local.replace(tzinfo=zone)
    if not tz.datetime_exists(wanted):
        moved = tz.resolve_imaginary(wanted)
        return Settled(
            moved.astimezone(UTC),
            f"{wanted:%H:%M} doesn't exist on {wanted:%a %d %b %Y}, as the clocks go forward; "
            f"taken as {moved:%H:%M %Z}.",
        )
    if tz.datetime_ambiguous(wanted):
        first, second = wanted.replace(fold=0), wanted.replace(fold=1)
        return Settled(
            first.astimezone(UTC),
            f"{wanted:%H:%M} comes twice on {wanted:%a %d %b %Y}, as the clocks go back; "
            f"the first is taken. The second is {second.isoformat(timespec='minutes')}.",
        )
    return Settled(wanted.astimezone(UTC))


def whole_days(first: date, last: date, zone: tzinfo) -> Window:
    """Some days on somebody's calendar, both included; one of them may have 23 or 25 hours.

    Raises:
        BadRequest: the last is before the first, or out of all reason.
    """
    if last < first:
        raise BadRequest(f"{last} is before {first}.", hint="Give the first day, then the last one.")
    if first.year not in _YEARS or last.year not in _YEARS:
        raise BadRequest(f"{first} to {last} is no time to plan for.", hint="Check the years.")
    begin, end = (settle(datetime.combine(day, time.min), zone).at for day in (first, last + timedelta(days=1)))
    return Window(begin, end)
