"""Who one is, and what one's projects have used: ``login``, ``logout``, ``tokens``, ``ledger``."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, Project, SiteName, command
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.credentials import Credential

PANEL = "Account"
Role = Annotated[str | None, typer.Option("--role", help="The most that it may do: member, lead or operator.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "login", example="almanac login http://127.0.0.1:8484", panel=PANEL)(login)
    command(app, "logout", example="almanac logout", panel=PANEL)(logout)
    command(app, "ledger", example="almanac ledger --project gaia", panel=PANEL)(ledger)
    tokens = options.group("API tokens, for scripts and other machines.")
    command(tokens, "list", example="almanac tokens list")(list_tokens)
    command(tokens, "create", example="almanac tokens create nightly --role member --for 30d")(create_token)
    command(tokens, "revoke", example="almanac tokens revoke 3k9x2m7q")(revoke_token)
    app.add_typer(tokens, name="tokens", rich_help_panel=PANEL)


def login(
    url: Annotated[str | None, typer.Argument(metavar="[URL]", help="The server's address.")] = None,
    json: Json = False,
) -> None:
    """Sign in with a one-time token (or an API token), asked for or from standard input."""
    from almanac.client.credentials import resolve

    address, _ = resolve(url)
    text = typer.prompt("One-time token", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    credential = sign_in(address, text.strip())
    if json:
        output.as_json({"url": address, "person": credential.person})
    else:
        output.say(f"Signed in at {address} as {credential.person}.")


def sign_in(url: str, text: str) -> Credential:
    """Redeem a one-time token, or check an API token, and keep it in the credentials file."""
    from almanac.client.client import Client
    from almanac.client.credentials import Credential, load, save
    from almanac.client.errors import ClientError, NotReachable

    if not text or not text.isascii() or not text.isprintable():
        raise BadRequest("That is no token.", hint="Paste it whole; it begins with alm_.")
    with Client(url, text) as client:
        try:
            credential = Credential(text, client.me().person)
        except NotReachable:
            raise
        except ClientError:
            signed = client.sign_in(text)
            credential = Credential(signed.token, signed.person)
    save(load().signed_in(url, credential))
    return credential


def logout(json: Json = False) -> None:
    """Revoke this terminal's token and forget it."""
    from almanac.client.client import Client
    from almanac.client.credentials import load, resolve, save
    from almanac.client.errors import ClientError

    stored = load()
    url, _ = resolve()
    known = stored.servers.get(url)
    if known is not None:
        with suppress(ClientError), Client(url, known.token) as client:
            client.revoke_token(token_id(known.token))
        save(stored.signed_out(url))
    if json:
        output.as_json({"url": url, "signed_out": known is not None})
    else:
        output.say(f"Signed out of {url}." if known else f"You were not signed in at {url}.")


def token_id(token: str) -> str:
    """The public part of a token (``alm_<id>_<secret>``)."""
    return token.split("_")[1] if token.count("_") >= 2 else token


def ledger(
    project: Project = None,
    site: SiteName = None,
    lines: Annotated[bool, typer.Option("--lines", help="Every line, too.")] = False,
    json: Json = False,
) -> None:
    """Node-hours granted, held and charged."""
    with options.client() as client:
        found = client.ledger(project=project, site=site)
    if json:
        output.as_json(found)
        return
    rows = [
        (
            b.project,
            b.site,
            b.granted_h,
            b.held_h,
            b.charged_h,
            "not metered" if b.available_h is None else b.available_h,
        )
        for b in found.balances
    ]
    output.table(("Project", "Site", "Granted h", "Held", "Charged", "Left"), rows, empty="Nothing was used yet.")
    if lines:
        entries = [(x.at, x.kind, x.node_hours, x.project, x.site, x.booking, x.actor, x.note) for x in found.lines]
        headings = ("When", "What", "Node-hours", "Project", "Site", "Booking", "By", "")
        output.table(headings, entries, empty="The ledger has no line.")


def list_tokens(json: Json = False) -> None:
    """My API tokens."""
    with options.client() as client:
        found = client.tokens()
    if json:
        output.as_json(found)
        return
    rows = [(t.id, t.name, t.role, t.project or "all", t.created_at, t.expires_at) for t in found]
    output.table(("Token", "Name", "At most", "Project", "Made", "Expires"), rows, empty="You have no API token.")


def create_token(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    role: Role = None,
    project: Annotated[str | None, typer.Option("--project", help="The only project that it may touch.")] = None,
    lasts: Annotated[
        str | None, typer.Option("--for", metavar="LENGTH", help="How long it works, such as 30d.")
    ] = None,
    json: Json = False,
) -> None:
    """Make an API token. It is printed this once."""
    length = options.length(lasts) if lasts else None
    with options.client() as client:
        made = client.create_token(name, role=role, project=project, lasts=length)
    if json:
        output.as_json(made)
        return
    output.note("Keep it safe; it is not shown again. Use it as ALMANAC_TOKEN.")
    output.plain(made.token)


def revoke_token(token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id.")], json: Json = False) -> None:
    """End an API token, at once."""
    with options.client() as client:
        client.revoke_token(token)
    if json:
        output.as_json({"id": token, "revoked": True})
    else:
        output.say(f"The token {token} works no more.")
