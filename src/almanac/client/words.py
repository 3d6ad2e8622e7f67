"""Times, lengths and bookings in words, for people. Times are shown in the reader's own time zone."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import available_timezones

from dateutil import tz

from almanac.client.models import Booking
from almanac.core.bookings import BookingStatus

EXPLAINED = {
    BookingStatus.OFFERED: "offered, not yet accepted",
    BookingStatus.EXPIRED: "an offer that has expired",
    BookingStatus.BOOKED: "booked",
    BookingStatus.BUILDING: "being built",
    BookingStatus.READY: "ready",
    BookingStatus.ENDING: "being ended, files are saved first",
    BookingStatus.ENDED: "ended",
    BookingStatus.CANCELLED: "cancelled",
    BookingStatus.FAILED: "failed",
}


def local_zone() -> tzinfo:
    """The reader's time zone: ``$TZ``, then the machine's."""
    return tz.gettz() or tz.UTC


def zone_name() -> str | None:
    """The reader's time zone by its name in the IANA database: ``$TZ``, then the machine's; None if neither has one."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if not named:
        named = str(Path("/etc/localtime").resolve()).rpartition("/zoneinfo/")[2]
    named = named.removeprefix("posix/").removeprefix("Etc/") if named.endswith("UTC") else named
    return named if named in available_timezones() else None


def local(instant: datetime, zone: tzinfo | None = None) -> str:
    """Such as ``Tue 1 Dec 2026 14:30 CET``; seconds only where they aren't zero."""
    there = instant.astimezone(zone or local_zone())
    clock = there.strftime("%H:%M:%S" if there.second else "%H:%M")
    return f"{there:%a} {there.day} {there:%b %Y} {clock} {there.tzname() or ''}".rstrip()


def brief(instant: datetime, zone: tzinfo | None = None) -> str:
    """Such as ``Tue 1 Dec 14:30``, for tables; the year only where it isn't this one."""
    there = instant.astimezone(zone or local_zone())
    year = "" if there.year == datetime.now(there.tzinfo).year else f" {there.year}"
    return f"{there:%a} {there.day} {there:%b}{year} {there:%H:%M}"


def length(duration: timedelta) -> str:
    """Such as ``1 d 2 h``, ``2 h 5 min`` or ``45 s``: the two largest units."""
    rest = max(0, round(duration.total_seconds()))
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def memory(mib: int) -> str:
    """Such as ``512 MiB`` or ``7.5 GiB``."""
    return f"{mib} MiB" if mib < 1024 else f"{mib / 1024:.1f}".removesuffix(".0") + " GiB"


BEST_EFFORT = "best effort, not reserved"


def place(booking: Booking) -> str:
    """A booking's profile and site, and whether its capacity is only best effort."""
    where = f"{booking.profile} at {booking.site}"
    return where if booking.reserved else f"{where} ({BEST_EFFORT})"


def data(where: Mapping[str, str], absent: str = "") -> str:
    """Such as ``gaia-dr3 (/data/gaia-dr3), survey-2``.

    Args:
        where: label -> path in clusters; empty where it isn't mounted.
        absent: what is said of those, in brackets.
    """
    known = [(label, path or absent) for label, path in where.items()]
    return ", ".join(f"{label} ({said})" if said else label for label, said in known)


def state(booking: Booking, now: datetime | None = None) -> str:
    """What a booking is doing now, in a few words."""
    now = now or datetime.now(UTC)
    if booking.status is BookingStatus.BOOKED and booking.start > now:
        return f"booked, starts {local(booking.start)} (in {length(booking.start - now)})"
    if booking.status is BookingStatus.BUILDING and booking.progress and booking.progress.doing:
        return f"being built: {booking.progress.doing}"
    if booking.status is BookingStatus.READY:
        return f"ready until {local(booking.end)} ({length(booking.end - now)} left)"
    if booking.status is BookingStatus.FAILED and booking.reason:
        return f"failed: {booking.reason}"
    return EXPLAINED[booking.status]
