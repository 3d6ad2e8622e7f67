"""Booking and changing bookings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from almanac.cli import options, output
from almanac.cli.options import BookingId, Data, For, Json, ProfileName, Project, Seats, SiteName, command
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.client import Client
    from almanac.client.models import Booking, Request

PANEL = "Book"
OfferId = Annotated[str, typer.Argument(metavar="OFFER", help="An offer's id, such as b-7k3m9q2x.")]
At = Annotated[str, typer.Option("--at", metavar="TIME", help='When, such as "tomorrow 10:00" or "in 2h".')]
Title = Annotated[str | None, typer.Option("--title", help="A name for people.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait until it is done, showing progress.")]
By = Annotated[str | None, typer.Option("--by", metavar="LENGTH", help="By how much, such as 1h.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="The new end, such as 18:00.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "book", example='almanac book spark-small --at "tomorrow 10:00" --for 2h', panel=PANEL)(book)
    command(app, "offer", example="almanac offer spark-small --for 2h", panel=PANEL)(offer)
    command(app, "accept", example="almanac accept b-7k3m9q2x", panel=PANEL)(accept)
    command(app, "bookings", example="almanac bookings --all", panel=PANEL)(bookings)
    command(app, "show", example="almanac show b-7k3m9q2x", panel=PANEL)(show)
    command(app, "extend", example="almanac extend b-7k3m9q2x --by 1h", panel=PANEL)(extend)
    command(app, "shorten", example="almanac shorten b-7k3m9q2x --until 17:30", panel=PANEL)(shorten)
    command(app, "resize", example="almanac resize b-7k3m9q2x --seats 12", panel=PANEL)(resize)
    command(app, "cancel", example="almanac cancel b-7k3m9q2x", panel=PANEL)(cancel)
    command(app, "release", example="almanac release b-7k3m9q2x --wait", panel=PANEL)(release)


def book(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="What to book; see: almanac profiles.")] = "",
    *,
    length: Annotated[str, typer.Option("--for", metavar="LENGTH", help="How long, such as 2h, 90m or 1h30m.")] = "",
    at: At = "now",
    seats: Annotated[int | None, typer.Option("--seats", min=1, help="People who work on it; 1 if not given.")] = None,
    project: Project = None,
    site: SiteName = None,
    title: Title = None,
    data: Data = None,
    again: Annotated[
        str, typer.Option("--again", metavar="BOOKING", help="The same as that booking, but for what is given here.")
    ] = "",
    wait: Wait = False,
    or_wait: Annotated[
        bool, typer.Option("--or-wait", help="If there is no room, join the waiting list; see: almanac wait-for.")
    ] = False,
    json: Json = False,
) -> None:
    """Book a platform, for now or for later."""
    from almanac.cli import waiting
    from almanac.client.errors import ClientError

    if not again and not (profile and length):
        raise BadRequest(
            "Say what to book, and with --for how long; or with --again what to repeat.",
            hint="Such as: almanac book spark-small --for 2h. See: almanac book --help",
        )
    with options.client() as client:
        given = {"profile": profile, "seats": seats, "project": project, "site": site, "title": title, "data": data}
        request = _request(client, again, given | {"duration": options.length(length) if length else None}, _start(at))
        try:
            booked = _asked(client.book, request)
        except ClientError as error:
            if not or_wait or error.code != "no_capacity":
                raise
            waiting.tell(waiting.join(client, request), json=json)
            return
        if wait:
            booked = wait_until_ready(client, booked.id)
    if json:
        output.as_json(booked)
        return
    output.say(f"{booked.id} {_summary(booked)}", style="green")
    if booked.why:
        output.say(f"Site: {_why(booked)}")
    if booked.approval:
        output.say(f"It is held until a lead of {booked.project} or an operator has approved it: {booked.approval}.")
        return
    _say_next(booked)


def _request(client: Client, again: str, given: dict[str, Any], start: datetime | None) -> Request:
    """What was given, and for the rest what the booking ``again`` was, if there is one."""
    from almanac.client.models import Request

    known = {name: value for name, value in given.items() if value}
    if again:
        old = client.booking(again)
        same = {name: getattr(old, name) for name in ("profile", "seats", "project", "site", "title")}
        known = same | {"duration": old.end - old.start} | known
    return Request(start=start, **known)


def offer(
    profile: ProfileName,
    *,
    length: For,
    at: At = "now",
    seats: Seats = 1,
    project: Project = None,
    site: SiteName = None,
    title: Title = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Hold a window for a few minutes, to be accepted or left."""
    from almanac.client.models import Request

    request = Request(profile, options.length(length), _start(at), seats, project, site, title, data)
    with options.client() as client:
        offered = _asked(client.offer, request)
    _tell(offered, _summary(offered), json=json)
    if not json:
        held = [("From", offered.start), ("To", offered.end), ("Held until", offered.expires_at)]
        output.facts([*held, ("Price an hour", offered.price_per_hour or None), ("Site", _why(offered))])
        output.say(f"Take it: almanac accept {offered.id}")


def accept(offer: OfferId, json: Json = False) -> None:
    """Take an offer."""
    with options.client() as client:
        booked = client.accept(offer)
    _tell(booked, _summary(booked), json=json)


def bookings(
    all: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    everyone: Annotated[bool, typer.Option("--everyone", help="Of everybody in my projects.")] = False,
    project: Project = None,
    json: Json = False,
) -> None:
    """My bookings."""
    from almanac.client.models import LIVE
    from almanac.core.bookings import BookingStatus

    with options.client() as client:
        wanted = () if all else (*LIVE, BookingStatus.OFFERED)
        found = tuple(client.bookings(mine=not everyone, project=project, status=wanted))
    if json:
        output.as_json(found)
        return
    show_bookings(found, owners=everyone)


def show_bookings(found: tuple[Booking, ...], *, owners: bool = False) -> None:
    """A table of bookings."""
    headings = ["Booking", "Profile", "Site", "From", "To", "Seats", "Status", *(["Owner"] if owners else []), "Title"]
    rows = [
        [b.id, b.profile, b.site, b.start, b.end, b.seats, b.status.value, *([b.owner] if owners else []), b.title]
        for b in found
    ]
    output.table(headings, rows, empty="No bookings. Look for a window: almanac free PROFILE --for 2h")


def show(booking: BookingId, json: Json = False) -> None:
    """One booking, and what happened to it."""
    from almanac.client import words

    with options.client() as client:
        found, events = client.booking(booking), client.events(booking)
    if json:
        output.as_json({"booking": found, "events": events})
        return
    output.facts(
        [
            ("Booking", found.id),
            ("Title", found.title),
            ("Status", words.state(found)),
            ("Warning", found.warning),
            ("Trouble", found.reason),
            ("Needs approval", found.approval),
            ("Series", found.series),
            ("Profile", words.place(found)),
            ("Data", words.data(found.data, absent=f"not mounted at {found.site}")),
            ("Seats, workers", f"{found.seats}, {found.workers}"),
            ("Project, owner", f"{found.project}, {found.owner}"),
            ("From", found.start),
            ("To", found.end),
            ("Expected ready", found.eta),
            ("Ready since", found.ready_at),
            ("Ended", found.ended_at),
            ("Node-hours", found.node_hours),
            ("Price an hour", found.price_per_hour or None),
        ]
    )
    output.table(
        ("When", "Event", "By", ""), [(e.at, e.kind, e.actor, e.message) for e in events], empty="Nothing happened yet."
    )


def extend(
    booking: BookingId,
    by: By = None,
    until: Until = None,
    how_long: Annotated[bool, typer.Option("--how-long", help="Only ask how long it could be extended.")] = False,
    json: Json = False,
) -> None:
    """End a booking later, or ask how long it could be extended (--how-long)."""
    if how_long:
        _say_extension(booking, json=json)
        return
    _move_end(booking, "extend", by, until, json=json)


def _say_extension(booking: str, *, json: bool) -> None:
    from almanac.client.words import local

    with options.client() as client:
        possible = client.extension(booking)
    if json:
        output.as_json(possible)
    elif possible.until is None:
        output.say(f"{booking} can't be extended: {possible.limited_by}")
    else:
        output.say(f"{booking} can be extended until {local(possible.until)} ({possible.limited_by}).")


def shorten(booking: BookingId, by: By = None, until: Until = None, json: Json = False) -> None:
    """End a booking earlier."""
    _move_end(booking, "shorten", by, until, json=json)


def _move_end(booking: str, verb: str, by: str | None, until: str | None, *, json: bool) -> None:
    if (by is None) == (until is None):
        hint = f"Such as: almanac {verb} {booking} --by 1h, or: almanac {verb} {booking} --until 18:00"
        raise BadRequest("Say either --by or --until.", hint=hint)
    length = options.length(by) if by else None
    end = options.instant(until) if until else None
    with options.client() as client:
        move = client.extend if verb == "extend" else client.shorten
        moved = move(booking, by=length, until=end)
    _tell(moved, f"now ends {_ending(moved)}", json=json)


def resize(
    booking: BookingId, seats: Annotated[int, typer.Option("--seats", min=1, help="How many.")], json: Json = False
) -> None:
    """Change how many seats a booking has; its workers follow."""
    with options.client() as client:
        resized = client.resize(booking, seats)
    _tell(resized, f"now has {resized.seats} seats and {resized.workers} workers", json=json)


def cancel(booking: BookingId, json: Json = False) -> None:
    """Call a booking off before it starts."""
    with options.client() as client:
        cancelled = client.cancel(booking)
    _tell(cancelled, "is cancelled", json=json)


def release(booking: BookingId, wait: Wait = False, json: Json = False) -> None:
    """Give a booking back early; files and logs are saved first."""
    from almanac.client.progress import showing, wait_over

    with options.client() as client:
        released = client.release(booking)
        if wait:
            with showing() as shown:
                released = wait_over(client, booking, shown)
    _tell(released, "is over" if released.over else "is being given back; files and logs are saved first", json=json)


def wait_until_ready(client: Client, booking: str) -> Booking:
    """Wait, showing progress; Ctrl-C stops the waiting only, and says so."""
    from almanac.client.progress import showing, wait_ready

    try:
        with showing() as shown:
            return wait_ready(client, booking, shown)
    except KeyboardInterrupt:
        output.note(f"{booking} stays as it is. Go on waiting: almanac wait {booking}. Or: almanac cancel {booking}")
        raise


def _asked(ask: Callable[[Request], Booking], request: Request) -> Booking:
    """Ask; a refusal says what would fit, as commands."""
    from almanac.cli.offers import with_commands
    from almanac.client.errors import ClientError

    try:
        return ask(request)
    except ClientError as error:
        raise with_commands(error, request) from error


def _start(at: str) -> datetime | None:
    """None for now, which the server's clock says best."""
    return None if at.strip().lower() == "now" else options.instant(at)


def _tell(booking: Booking, sentence: str, *, json: bool) -> None:
    if json:
        output.as_json(booking)
    else:
        output.say(f"{booking.id} {sentence}")


def _summary(booking: Booking) -> str:
    """Such as ``is ready until ...: spark-small at local for 2 h, 1 seat, 2 workers``."""
    from almanac.client.words import length, place, state

    seats = "1 seat" if booking.seats == 1 else f"{booking.seats} seats"
    window = f"for {length(booking.end - booking.start)}"
    return f"is {state(booking)}: {place(booking)} {window}, {seats}, {booking.workers} workers"


def _why(booking: Booking) -> str:
    return f"{booking.site}, as {booking.why}" if booking.why else ""


def _say_next(booking: Booking) -> None:
    from almanac.core.bookings import BookingStatus

    if booking.status is BookingStatus.READY:
        output.say(f"Use it: almanac connect {booking.id}")
    else:
        output.say(f"Wait for it: almanac wait {booking.id}. Then: almanac connect {booking.id}")


def _ending(booking: Booking) -> str:
    from almanac.client.words import length, local

    return f"{local(booking.end)} (in {length(booking.end - datetime.now(UTC))})"
