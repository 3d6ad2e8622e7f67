"""Calendar feeds and receipts: ``feed``, ``receipt``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import BookingId, Json, command

if TYPE_CHECKING:
    from almanac.client.own_models import Readiness, Receipt

PANEL = "Account"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "receipt", example="almanac receipt b-7k3m9q2x", panel="Use")(receipt)
    feeds = options.group("Bookings in your calendar program, by a secret URL.")
    command(feeds, "add", example="almanac feed add --project gaia")(add_feed)
    command(feeds, "list", example="almanac feed list")(list_feeds)
    command(feeds, "revoke", example="almanac feed revoke k3m9q2xa")(revoke_feed)
    app.add_typer(feeds, name="feed", rich_help_panel=PANEL)


def add_feed(
    project: Annotated[str | None, typer.Option("--project", help="All of this project's bookings, not mine.")] = None,
    json: Json = False,
) -> None:
    """Make a secret URL for a calendar program to subscribe to. It is printed this once."""
    with options.client() as client:
        made = client.feeds.make(project)
    if json:
        output.as_json(made)
        return
    output.note("Keep it to yourself: who has it sees these bookings. It is not shown again.")
    output.plain(made.url)


def list_feeds(json: Json = False) -> None:
    """My calendar feeds."""
    with options.client() as client:
        found = client.feeds.all()
    if json:
        output.as_json(found)
        return
    rows = [(feed.id, feed.project or "my bookings", feed.created_at) for feed in found]
    output.table(("Feed", "Shows", "Made"), rows, empty="You have no feed. To make one: almanac feed add")


def revoke_feed(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="Its id; see: almanac feed list.")], json: Json = False
) -> None:
    """End a feed, at once: its URL works no more."""
    with options.client() as client:
        client.feeds.revoke(feed)
    if json:
        output.as_json({"id": feed, "revoked": True})
    else:
        output.say(f"The feed {feed} works no more.")


def receipt(booking: BookingId, json: Json = False) -> None:
    """What became of a booking: time to ready, use, cost, what was saved, why it ended."""
    with options.client() as client:
        found = client.receipts.get(booking)
    if json:
        output.as_json(found)
    else:
        _show(found)


def _show(found: Receipt) -> None:
    use, cost = found.use, found.cost
    output.facts(
        [
            ("Booking", f"{found.booking} {found.title}".rstrip()),
            ("What", f"{found.profile} at {found.site}, {found.seats} seat{'' if found.seats == 1 else 's'}"),
            ("Of", f"{found.owner} in {found.project}"),
            ("Ended", found.ended_at),
            ("Why", f"{found.why} ({found.ended_by})" if found.why else ""),
            ("Ready", _ready(found.readiness)),
            ("Usable for", timedelta(seconds=use.usable_s) if use.usable_s else None),
            ("Of it idle", None if use.idle_s is None else timedelta(seconds=use.idle_s)),
            ("Charged", f"{cost.charged_h:.2f} node-hours"),
            ("Refunded", f"{cost.refunded_h:.2f} of {cost.held_h:.2f} node-hours" if cost.held_h else None),
            *(("Jobs", sentence) for sentence in found.jobs),
            *((f"Saved, {each.what}", each.path) for each in found.saved),
        ]
    )
    if found.saved and not found.is_saved:
        output.say("It is still being saved.", style="yellow")
    output.say(f"The same again: almanac book --again {found.booking}")


def _ready(readiness: Readiness) -> str:
    from almanac.client.words import length, local

    promised = f"promised for {local(readiness.promised_at)}"
    if readiness.ready_at is None or readiness.waited_s is None:
        return f"never ({promised})"
    after = f"{length(timedelta(seconds=readiness.waited_s))} after its start" if readiness.waited_s else "at its start"
    kept = f"{length(timedelta(seconds=readiness.late_s))} late" if readiness.late_s else "kept"
    return f"{after} ({promised}: {kept})"
