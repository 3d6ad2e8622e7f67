"""Waiting for room, and approvals: ``wait-for``, ``waiting``, ``leave``, ``approvals``, ``approve``, ``decline``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Data, For, Json, ProfileName, Project, Seats, SiteName, command
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.client import Client
    from almanac.client.models import Booking, Request
    from almanac.client.recurring_models import Waiting

PATIENCE = timedelta(days=1)
"""So long somebody waits who wants it now."""
WaitingId = Annotated[str, typer.Argument(metavar="WAITING", help="Its id, such as w-7k3m9q2x4a.")]
Held = Annotated[
    str, typer.Argument(metavar="BOOKING|SERIES", help="A booking's id, or a series' for all of it that waits.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    wait_example = 'almanac wait-for spark-large --for 4h --within "this week"'
    command(app, "wait-for", example=wait_example, panel="Book")(wait_for)
    command(app, "waiting", example="almanac waiting", panel="Book")(waiting)
    command(app, "leave", example="almanac leave w-7k3m9q2x4a", panel="Book")(leave)
    command(app, "approvals", example="almanac approvals", panel="Account")(approvals)
    command(app, "approve", example="almanac approve b-7k3m9q2x", panel="Account")(approve)
    decline_example = 'almanac decline b-7k3m9q2x --reason "The class needs it"'
    command(app, "decline", example=decline_example, panel="Account")(decline)


def wait_for(
    profile: ProfileName,
    *,
    length: For,
    within: Annotated[
        str | None, typer.Option("--within", metavar="WINDOW", help='Any time in it, such as "this week".')
    ] = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Exactly then.")] = None,
    seats: Seats = 1,
    project: Project = None,
    site: SiteName = None,
    title: Annotated[str | None, typer.Option("--title", help="A name for people.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Wait for room: when something comes free, it is held for you for a while."""
    from almanac.client.models import Request

    if within is not None and at is not None:
        raise BadRequest("Say either --within or --at.", hint='Such as: --within "this week"')
    start = options.instant(at) if at else None
    request = Request(profile, options.length(length), start, seats, project, site, title, data)
    with options.client() as client:
        window = options.window(within) if within else None
        entry = join(client, request, window)
    tell(entry, json=json)


def join(client: Client, request: Request, window: tuple[datetime, datetime] | None = None) -> Waiting:
    """Join the line: for a window, or exactly for the request's start, or, for one from now on, for a day."""
    if window is None:
        start = request.start or datetime.now(UTC)
        patience = timedelta(0) if request.start else PATIENCE
        window = (start, start + request.duration + patience)
    return client.waiting.wait(request, window)


def tell(entry: Waiting, *, json: bool) -> None:
    """What waits, and what comes next."""
    from almanac.client.words import local

    if json:
        output.as_json(entry)
        return
    within = f"between {local(entry.start)} and {local(entry.end)}"
    output.say(f"{entry.id} waits for {entry.profile} {within}, as number {entry.place} in line.", style="green")
    output.say("When there is room it is held for you: almanac waiting")


def waiting(
    everyone: Annotated[bool, typer.Option("--everyone", help="Of everybody in my projects.")] = False,
    all: Annotated[bool, typer.Option("--all", help="Those that wait no more, too.")] = False,
    json: Json = False,
) -> None:
    """What I wait for, and the offers that came of it."""
    with options.client() as client:
        found = client.waiting.all(mine=not everyone)
    found = tuple(each for each in found if all or each.place is not None)
    if json:
        output.as_json(found)
        return
    rows = [
        (e.id, e.place, e.profile, timedelta(seconds=e.duration_s), e.seats, e.start, e.end, e.state, e.offer, e.owner)
        for e in found
    ]
    headings = ("Waiting", "Place", "Profile", "For", "Seats", "Not before", "Not after", "State", "Offer", "Owner")
    output.table(headings, rows, empty="Nothing waits. To wait for room: almanac wait-for PROFILE --for 2h")
    for each in found:
        if each.state == "offered":
            output.say(f"Take it: almanac accept {each.offer}", style="green")


def leave(waiting: WaitingId, json: Json = False) -> None:
    """Wait no longer."""
    with options.client() as client:
        left = client.waiting.withdraw(waiting)
    if json:
        output.as_json(left)
    else:
        output.say(f"{left.id} waits no more.")


def approvals(json: Json = False) -> None:
    """What waits for my decision, and what of mine waits for one."""
    with options.client() as client:
        found = client.approvals.pending()
    if json:
        output.as_json(found)
        return
    rows = [
        (b.id, b.owner, b.project, b.profile, b.site, b.start, b.end, b.seats, b.approval, b.expires_at) for b in found
    ]
    headings = ("Booking", "Owner", "Project", "Profile", "Site", "From", "To", "Seats", "Why", "Held until")
    output.table(headings, rows, empty="Nothing waits for an approval.")


def approve(held: Held, json: Json = False) -> None:
    """Let what is above a profile's limits be booked (leads and operators)."""
    with options.client() as client:
        decided = tuple(client.approvals.approve(each) for each in _held(client, held))
    _tell_decided(decided, "approved", json=json)


def decline(
    held: Held,
    reason: Annotated[str, typer.Option("--reason", help="What its person is told.")] = "",
    json: Json = False,
) -> None:
    """Give back what is held for an approval (leads and operators)."""
    with options.client() as client:
        decided = tuple(client.approvals.decline(each, reason) for each in _held(client, held))
    _tell_decided(decided, "declined", json=json)


def _held(client: Client, name: str) -> tuple[str, ...]:
    """The booking, or all of a series that waits for an approval."""
    if not name.startswith("s-"):
        return (name,)
    pending = {each.id for each in client.approvals.pending()}
    found = tuple(each.booking for each in client.series.get(name).occurrences if each.booking in pending)
    if not found:
        raise BadRequest(f"Nothing of {name} waits for an approval.", hint="almanac approvals")
    return tuple(each for each in found if each)


def _tell_decided(decided: tuple[Booking, ...], verb: str, *, json: bool) -> None:
    if json:
        output.as_json(decided)
        return
    for each in decided:
        output.say(f"{each.id} of {each.owner} is {verb}.")
