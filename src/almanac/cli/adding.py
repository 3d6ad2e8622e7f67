"""``almanac site add``: a cloud becomes a site by a table in ``almanac.toml``."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from almanac.cli import output
from almanac.cli.options import Json, State
from almanac.core.errors import BadRequest

Name = Annotated[str, typer.Argument(metavar="SITE", help="The name that the site is to have.")]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a cloud's entry was found.

    Attributes:
        kept: the path to write down; None where Almanac finds it by itself.
        open_to_others: whether others than its owner can read it.
    """

    path: Path
    kept: str | None
    open_to_others: bool


def add(
    site: Name,
    *,
    cloud: Annotated[str, typer.Option("--cloud", metavar="ENTRY", help="Its entry in clouds.yaml.")],
    image: Annotated[
        str | None, typer.Option("--image", help="What machines boot; needed where the cloud has several.")
    ] = None,
    network: Annotated[str, typer.Option("--network", help="Where machines are; the only one if not given.")] = "",
    floating_network: Annotated[
        str,
        typer.Option("--floating-network", help="External network for heads that aren't reached at their own address."),
    ] = "",
    region: Annotated[str, typer.Option("--region", help="Where the entry names none.")] = "",
    flavor: Annotated[
        list[str] | None, typer.Option("--flavor", metavar="PATTERN", help="Offered flavors, such as 'm.*'; all.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option("--data", metavar="LABEL", help="Data that lies there.")] = None,
    price: Annotated[float, typer.Option("--price-per-core-hour", min=0, help="For choosing between sites.")] = 0.0,
    public_url: Annotated[
        str, typer.Option("--public-url", metavar="URL", help="Where its machines reach this Almanac.")
    ] = "",
    clouds_file: Annotated[Path | None, typer.Option("--clouds-file", help="Another clouds.yaml.")] = None,
    state: State = None,
    json: Json = False,
) -> None:
    """Add an OpenStack cloud: write it into almanac.toml, once its entry in clouds.yaml is found."""
    from almanac.cli.settings_file import add_site
    from almanac.settings import load, state_directory

    directory = state_directory(state)
    found = _entry(cloud, clouds_file)
    if not (public_url or load(state=directory).public_url):
        hint = "--public-url https://almanac.example.org (or public_url in almanac.toml, for all clouds)."
        raise BadRequest("Say where the cloud's machines reach this Almanac.", hint=hint)
    given = {
        "name": site,
        "cloud": cloud,
        "clouds_file": found.kept,
        "image": image or _only_image(cloud, found.path, region),
        "network": network,
        "floating_network": floating_network,
        "region": region,
        "flavors": flavor,
        "data": data,
        "price_per_core_hour": price,
        "public_url": public_url,
    }
    path = directory / "almanac.toml"
    table = {key: value for key, value in given.items() if value}
    add_site(path, "openstack", table, directory)
    if json:
        output.as_json({"site": site, "file": str(path), "settings": table})
        return
    output.say(f"{site} is in {path} now.", style="green")
    if found.open_to_others:
        output.note(f"Others can read {found.path}, which holds a credential: chmod 600 {found.path}", style="yellow")
    output.say(f"Next: almanac site check {site}")
    output.say("Then start Almanac anew, so that it takes bookings there: almanac down; almanac up")


def _entry(cloud: str, clouds_file: Path | None) -> Entry:
    from almanac.core.ports import SiteError
    from almanac.sites.openstack.entries import find_entry, is_usual

    try:
        path = find_entry(cloud, clouds_file)
    except SiteError as error:
        raise BadRequest(
            str(error), hint="Name another file with --clouds-file, or another entry with --cloud."
        ) from None
    mode = stat.S_IMODE(path.stat().st_mode)
    return Entry(path, None if is_usual(path) else str(path), bool(mode & (stat.S_IRGRP | stat.S_IROTH)))


def _only_image(cloud: str, clouds_file: Path, region: str) -> str:
    """The cloud's only image; with several, somebody has to choose."""
    from almanac.core.ports import SiteError
    from almanac.sites.openstack.entries import images
    from almanac.sites.openstack.settings import OpenStackSettings

    try:
        names = images(OpenStackSettings(cloud, image="", clouds_file=clouds_file, region=region))
    except SiteError as error:
        raise BadRequest(f"The cloud's images can't be listed: {error}", hint="Name one: --image NAME") from None
    if len(names) != 1:
        raise BadRequest(
            "Say which image machines boot.", hint=f"--image NAME; the cloud has: {', '.join(names) or 'none'}."
        )
    return names[0]
