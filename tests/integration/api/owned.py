"""What the owner has, made for one request: it is what a route's path names."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.integration.api.world import SITE, World, join

from almanac.services.sessions import begin

Make = Callable[[World], str]


def running(world: World) -> str:
    """A booking that is ready."""
    booking = world.book().id
    world.until_ready(booking)
    return booking


def over(world: World) -> str:
    """A booking that has been released."""
    return world.app.bookings.release(world.caller("owner"), begun(world), world.clock()).id


def begun(world: World) -> str:
    """A booking that has begun."""
    return world.book().id


def ahead(world: World) -> str:
    """A booking for tomorrow."""
    return world.book(hours_ahead=24).id


def class_ahead(world: World) -> str:
    """A class's booking for tomorrow."""
    return world.book(profile="spark-class", hours_ahead=24).id


def offered(world: World) -> str:
    """An offer."""
    return world.offer().id


def unapproved(world: World) -> str:
    """A booking that waits for an approval."""
    return world.above_limits().id


def _member(world: World) -> str:
    join(world.app, world.caller("operator"), "newcomer", world.clock())
    world.app.projects.set_member(world.caller("operator"), "gaia", "newcomer", "member")
    return "newcomer"


def _token(world: World) -> str:
    return world.app.accounts.create_token(world.caller("owner"), "x", world.clock()).id


def _session(world: World) -> str:
    with world.app.database.write() as unit:
        return begin(unit, world.caller("owner").person, "password", "Firefox", world.clock()).id


THINGS: dict[str, Make] = {
    "{series}": lambda world: world.series().id,
    "{waiting}": lambda world: world.waiting().id,
    "{offer}": offered,
    "{booking}": ahead,
    "{feed}": lambda world: world.app.feeds.make(world.caller("owner"), None, world.clock()).id,
    "{secret}": lambda world: world.app.feeds.make(world.caller("owner"), None, world.clock()).secret,
    "{token}": _token,
    "{session}": _session,
    "{person}": _member,
    "{project}": lambda world: "gaia",
    "{site}": lambda world: SITE,
    "{source}": lambda world: "last-year",
    "{day}": lambda world: "2027-03-09",
    "{seat}": lambda world: "seat-1",
    "{cluster}": lambda world: running(world).replace("b-", "c-", 1),
    "{endpoint}": lambda world: "node",
    "{label}": lambda world: "instance",
}
"""By a path's parameter."""


def filled(world: World, path: str, booking: Make | None = None) -> str:
    """A route's path with things of the owner's, made for this request.

    Args:
        booking: makes the booking that it needs, where the usual one wouldn't do.
    """
    things = THINGS | ({"{booking}": booking} if booking else {})
    return re.sub(r"\{\w+\}", lambda name: things[name[0]](world), path)
