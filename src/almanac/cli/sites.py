"""For operators: draining sites, and adding and checking clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import adding, checking, options, output
from almanac.cli.options import Json, command

if TYPE_CHECKING:
    from almanac.client.models import Booking

PANEL = "Account"
Name = Annotated[str, typer.Argument(metavar="SITE", help="A site's name; see: almanac sites.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = options.group("Sites: add, check and drain (operators).")
    command(group, "add", example="almanac site add east --cloud east-cloud --image debian-12")(adding.add)
    command(group, "check", example="almanac site check east")(checking.check)
    command(group, "drain", example="almanac site drain local")(drain)
    command(group, "undrain", example="almanac site undrain local")(undrain)
    command(group, "image-recipe", example="almanac site image-recipe")(image_recipe)
    app.add_typer(group, name="site", rich_help_panel=PANEL)


def drain(site: Name, json: Json = False) -> None:
    """Take no new bookings at a site; what is booked there goes on, and is listed."""
    from almanac.client.models import LIVE

    with options.client() as client:
        client.admin.drain(site)
        left = tuple(client.bookings(mine=False, status=LIVE, site=site))
    if json:
        output.as_json({"site": site, "drained": True, "bookings": list(left)})
        return
    output.say(f"{site} takes no new bookings. To take them again: almanac site undrain {site}")
    _show_left(site, left)


def _show_left(site: str, left: tuple[Booking, ...]) -> None:
    from almanac.client.words import local

    rows = [(b.id, b.owner, b.project, b.profile, b.status.value, b.start, b.end) for b in left]
    headings = ("Booking", "Owner", "Project", "Profile", "Status", "From", "Until")
    output.table(headings, rows, empty=f"Nothing is booked at {site}: it is empty.")
    if left:
        output.say(f"{site} is empty from {local(max(b.end for b in left))} on, if nobody extends.")


def undrain(site: Name, json: Json = False) -> None:
    """Take bookings at a site again."""
    with options.client() as client:
        client.admin.undrain(site)
    if json:
        output.as_json({"site": site, "drained": False})
    else:
        output.say(f"{site} takes bookings again.")


def image_recipe(json: Json = False) -> None:
    """Print a script that bakes an image for a cloud's machines, so that they start fast."""
    from almanac.sites.openstack.image import recipe

    if json:
        output.as_json({"recipe": recipe()})
    else:
        output.plain(recipe())
