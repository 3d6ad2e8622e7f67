"""What people ask for, and the checks that need no calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Profile
from almanac.core.errors import BadRequest, BadWindow, Forbidden
from almanac.core.windows import Window, utc
from almanac.services.caller import Caller, not_found

SHORTEST = timedelta(minutes=1)
"""Shorter bookings are refused: they would be over before they are built."""

FURTHEST = timedelta(days=366)
"""How far ahead people may book."""

GRACE = timedelta(minutes=2)
"""A start this little in the past means now (clocks differ, and people type slowly)."""


@dataclass(frozen=True, slots=True)
class BookingRequest:
    """A booking or offer to make.

    Attributes:
        start: None means now.
        project: None means the person's only project.
        site: None means any site that offers the profile.
        data: label of the data that it works on, which sites that have it come first for; None means the profile's.
    """

    profile: str
    duration: timedelta
    start: datetime | None = None
    seats: int = 1
    project: str | None = None
    site: str | None = None
    title: str = ""
    data: str | None = None


@dataclass(frozen=True, slots=True)
class AvailabilityQuery:
    """When could a profile be had? ``within`` None: from now on; ``project`` None: the person's only one, if any."""

    profile: str
    duration: timedelta
    seats: int = 1
    within: Window | None = None
    site: str | None = None
    limit: int = 5
    project: str | None = None
    data: str | None = None


@dataclass(frozen=True, slots=True)
class BookingFilter:
    """Which bookings to list; ``after`` is the last id of the page before."""

    mine: bool = False
    project: str | None = None
    statuses: frozenset[BookingStatus] = frozenset()
    within: Window | None = None
    limit: int = 100
    after: str | None = None
    site: str | None = None


def start_of(asked: datetime | None, now: datetime) -> datetime:
    """The start that is meant: now for None and for what is barely past.

    Raises:
        BadWindow: naive, in the past, or more than a year ahead.
    """
    start = now if asked is None else utc(asked)
    if start < now - GRACE:
        raise BadWindow(
            f"The start {start:%Y-%m-%d %H:%M} UTC is in the past (it is {now:%Y-%m-%d %H:%M} UTC).",
            hint="Leave the start out to begin now, or give one to come.",
        )
    if start > now + FURTHEST:
        latest = f"{now + FURTHEST:%Y-%m-%d}"
        raise BadWindow(f"The start {start:%Y-%m-%d} is too far ahead.", hint=f"Book up to {latest}.")
    return max(start, now)


def check_duration(profile: Profile, duration: timedelta) -> None:
    """Check a length against the profile.

    Raises:
        BadWindow: not positive, too short, or longer than the profile allows.
    """
    if duration <= timedelta(0):
        raise BadWindow("The end is not after the start.", hint="Give an end after the start, or a length such as 2h.")
    if duration < SHORTEST:
        raise BadWindow("A booking lasts at least a minute.", hint="Ask for a minute or more.")
    if duration > profile.max_duration:
        most = spoken(profile.max_duration)
        raise BadWindow(
            f"{profile.name} can be booked for at most {most} at a time; {spoken(duration)} were asked for.",
            hint=f"Ask for {most} or less; it can be extended later if there is room.",
        )


def spoken(duration: timedelta) -> str:
    """A duration as people say it: ``1 h 30 min``."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    days, minutes = divmod(minutes, 24 * 60)
    parts = [(days, "d"), (minutes // 60, "h"), (minutes % 60, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def project_for(caller: Caller, asked: str | None) -> str:
    """The project that pays.

    Raises:
        NotFound: the caller doesn't see the project asked for.
        Forbidden: the caller is in no project.
        BadRequest: the caller is in several and named none.
    """
    if asked is not None:
        if asked not in caller.roles:
            if caller.sees(asked):
                raise Forbidden(
                    f"You are not a member of {asked}.", hint=f"almanac admin members add {asked} {caller.person}"
                )
            raise not_found(f"project {asked}")
        return asked
    names = sorted(caller.roles)
    if not names:
        raise Forbidden("You are in no project, so nothing can be booked.", hint="Ask a project lead to add you.")
    if len(names) > 1 and "default" not in names:
        raise BadRequest(f"You are in several projects: {', '.join(names)}.", hint="Say which: --project NAME.")
    return names[0] if len(names) == 1 else "default"
