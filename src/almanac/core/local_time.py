"""People's clocks: from a local day and time to an instant, where daylight saving may skip or repeat it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dateutil import tz

from almanac.core.errors import BadRequest


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
