"""What there is and when it is free: ``profiles``, ``sites``, ``free``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Data, For, Json, ProfileName, Project, Seats, SiteName, command

if TYPE_CHECKING:
    from almanac.client.models import Availability, Profile, Request, Site, Slot

PANEL = "Look"
BAR_WIDTH = 24
NO_LIMIT = 2**20
"""What a site tells where nothing limits it."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "profiles", example="almanac profiles", panel=PANEL)(profiles)
    command(app, "sites", example="almanac sites", panel=PANEL)(sites)
    command(app, "free", example='almanac free spark-small --for 2h --within "next week"', panel=PANEL)(free)


def profiles(json: Json = False) -> None:
    """What can be booked."""
    from almanac.client import words

    with options.client() as client:
        found = client.profiles()
    if json:
        output.as_json(found)
        return
    has_data = any(p.data for p in found)
    rows = [
        (p.name, p.title, _range(p.workers, p.max_workers), _each(p), p.max_seats, p.max_duration)
        + ((words.data(p.data),) if has_data else ())
        for p in found
    ]
    headings = ("Profile", "", "Workers", "Each", "Seats", "At most", *(("Data",) if has_data else ()))
    output.table(headings, rows, empty="The catalogue is empty; see the settings in almanac.toml.")


def sites(json: Json = False) -> None:
    """Where nodes come from, and what is free there now."""
    from almanac.client import words

    with options.client() as client:
        found = client.sites()
    if json:
        output.as_json(found)
        return
    for site in found:
        state = f"trouble: {site.trouble}" if site.trouble else "drained, takes no bookings" if site.drained else "open"
        capacity = "reserved ahead of time" if site.reserved else words.BEST_EFFORT
        pairs = [("Site", site.name), ("State", state), ("Hosts", len(site.hosts)), *_free_now(site)]
        data = words.data(dict.fromkeys(site.data, "") | dict(site.mounts))
        output.facts([*pairs, ("Capacity", capacity), ("Data", data), ("Isolation", site.isolation)])
        for left in site.leftovers:
            output.say(f"Left at {site.name}: {left}", style="yellow")
    if not found:
        output.say("There is no site. See the settings in almanac.toml.")


def free(
    profile: ProfileName,
    *,
    length: For,
    seats: Seats = 1,
    within: Annotated[
        str | None, typer.Option("--within", metavar="WINDOW", help='Such as tomorrow, "next week", "next 3 days".')
    ] = None,
    site: SiteName = None,
    project: Project = None,
    data: Data = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=50, help="How many windows at most.")] = 5,
    json: Json = False,
) -> None:
    """When it fits, and how many seats at most from now."""
    from almanac.client.models import Request

    request = Request(profile, options.length(length), seats=seats, project=project, site=site, data=data)
    window = options.window(within) if within else None
    place = {"site": site, "project": project, "data": data}
    with options.client() as client:
        found = client.availability(profile, request.duration, seats=seats, within=window, limit=limit, **place)
    if json:
        output.as_json(found)
    else:
        _show_free(found, request)
    if not found.offers:
        raise typer.Exit(1)


def _show_free(found: Availability, request: Request) -> None:
    from almanac.cli import offers

    if found.offers:
        begin, finish = offers.span(found.offers, datetime.now(UTC))
        wide = output.columns() >= 80
        rows = [
            (s.start, s.end, s.site, s.seats, s.workers, s.price_per_hour or None, _capacity(s))
            + ((offers.bar(s.start, s.end, begin, finish, BAR_WIDTH),) if wide else ())
            for s in found.offers
        ]
        headings = ("From", "To", "Site", "Seats", "Workers", "Price/h", "Capacity")
        output.table((*headings, offers.axis(begin, finish, BAR_WIDTH)) if wide else headings, rows, empty="")
        for site, why in {s.site: s.why for s in found.offers if s.why}.items():
            output.say(f"{site}: {why}")
        first = found.offers[0]
        paste = offers.book_command(
            request, start=first.start, length=first.end - first.start, seats=first.seats, site=request.site
        )
        output.say(f"Book the first: {paste}")
    if found.refusal:
        output.say(found.refusal.message, style="yellow")
        for paste, why in offers.alternatives(found.refusal, request):
            output.say(f"  {paste}   # {why}")
    output.say(f"Seats that could start now for that long: {found.largest_now}")


def _capacity(slot: Slot) -> str:
    """Empty where it is truly reserved, as people expect."""
    from almanac.client.words import BEST_EFFORT

    return "" if slot.reserved else BEST_EFFORT


def _free_now(site: Site) -> list[tuple[str, str]]:
    from almanac.client.words import memory

    shown: dict[str, tuple[str, Callable[[int], str]]] = {
        "cores": ("Cores", str),
        "memory_mib": ("Memory", memory),
        "disk_gib": ("Disk, GiB", str),
    }
    shown |= {"gpus": ("GPUs", str)} if site.total.get("gpus") else {}
    return [
        (label, f"{words(site.free_now.get(name, 0))} of {words(site.total.get(name, 0))} free")
        for name, (label, words) in shown.items()
        if site.total.get(name, 0) < NO_LIMIT
    ]


def _range(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _each(profile: Profile) -> str:
    """What each worker (without any: the notebook's node) has."""
    from almanac.client.words import memory

    if not profile.sites:
        return "offered nowhere now"
    flavor = profile.worker or profile.head
    parts = [f"{flavor.cores} cores", memory(flavor.memory_mib)]
    parts += [f"{flavor.disk_gib} GiB disk"] if flavor.disk_gib else []
    parts += [f"{flavor.gpus} GPUs"] if flavor.gpus else []
    return ", ".join(parts)
