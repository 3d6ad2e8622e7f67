"""What one is told, and which of it is mailed: ``notices``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, command

if TYPE_CHECKING:
    from almanac.client.own_models import Account

Kinds = Annotated[
    list[str] | None, typer.Option("--without", metavar="KIND", help="Not to be mailed; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    notices = options.group("What I was told, and which of it is mailed.")
    command(notices, "list", example="almanac notices list --unread")(list_notices)
    command(notices, "read", example="almanac notices read")(read)
    command(notices, "mail", example="almanac notices mail --without ready --without reminder_day")(mail)
    command(notices, "address", example="almanac notices address ada@example.org")(address)
    command(notices, "confirm", example="almanac notices confirm")(confirm)
    app.add_typer(notices, name="notices", rich_help_panel="Account")


def list_notices(
    unread: Annotated[bool, typer.Option("--unread", help="Only those that I haven't read.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 20,
    json: Json = False,
) -> None:
    """What I was told, the newest first."""
    with options.client() as client:
        page = client.notices.page(unread=unread, limit=limit)
    if json:
        output.as_json(page)
        return
    rows = [("" if n.read_at else "new", n.at, n.subject, n.message, n.trouble) for n in page.notices]
    output.table(("", "When", "What", "", "Mail"), rows, empty="There is nothing to tell.")
    if page.unread:
        output.say(f"Unread: {page.unread}. Mark them as read: almanac notices read")


def read(json: Json = False) -> None:
    """I have read them all."""
    with options.client() as client:
        client.notices.read()
    if json:
        output.as_json({"unread": 0})
    else:
        output.say("All notices are read.")


def mail(
    without: Kinds = None,
    everything: Annotated[bool, typer.Option("--all", help="All are to be mailed again.")] = False,
    json: Json = False,
) -> None:
    """Which notices are mailed to me, and where; in the portal they all are."""
    with options.client() as client:
        kinds = [] if everything else without
        account = client.notices.account() if kinds is None else client.notices.change(muted=kinds)
    _tell(account, json=json)


def address(
    email: Annotated[str | None, typer.Argument(metavar="ADDRESS", help="Mine; left out: the one I told.")] = None,
    json: Json = False,
) -> None:
    """Tell my e-mail address, and have a link mailed there that confirms it."""
    with options.client() as client:
        account = client.notices.account() if email is None else client.notices.change(email=email)
        if account.email_confirmed:
            _tell(account, json=json)
            return
        asked = client.notices.ask_to_confirm()
    if json:
        output.as_json({"email": asked, "confirmed": False})
    else:
        output.say(f"A link is on its way to {asked}. Open it, or paste what is below it into: almanac notices confirm")


def confirm(json: Json = False) -> None:
    """Confirm my address with what was mailed there, asked for or from standard input."""
    text = typer.prompt("What was mailed", err=True) if sys.stdin.isatty() else sys.stdin.read()
    with options.client() as client:
        email = client.notices.confirm(text.strip())
    if json:
        output.as_json({"email": email, "confirmed": True})
    else:
        output.say(f"{email} is confirmed: notices are mailed there.", style="green")


def _tell(account: Account, *, json: bool) -> None:
    if json:
        output.as_json(account)
        return
    where = "nowhere; tell an address: almanac notices address ADDRESS"
    if account.email:
        confirmed = "confirmed" if account.email_confirmed else "not confirmed: almanac notices address"
        where = f"{account.email} ({confirmed})"
    output.facts([("Mail goes to", where), ("Not mailed", ", ".join(account.muted) or "nothing")])
