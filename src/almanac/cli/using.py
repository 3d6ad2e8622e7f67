"""Using a booked platform: ``connect``, ``run``, ``logs``, ``wait``."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.booking import wait_until_ready
from almanac.cli.options import BookingId, Json, command
from almanac.core.bookings import BookingStatus
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.client import Client
    from almanac.client.jupyter import Output
    from almanac.client.models import Connection

PANEL = "Use"
RUNNING = frozenset({BookingStatus.BUILDING, BookingStatus.READY})
FOLLOW_EVERY_S = 1.0
FOLLOW_TAIL = 2000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "connect", example='eval "$(almanac connect b-7k3m9q2x --shell)"', panel=PANEL)(connect)
    own_arguments = {"context_settings": {"allow_interspersed_args": False, "ignore_unknown_options": False}}
    command(app, "run", example="almanac run b-7k3m9q2x counts.py --level 8", panel=PANEL, **own_arguments)(run)
    command(app, "logs", example="almanac logs b-7k3m9q2x --service connect --follow", panel=PANEL)(logs)
    command(app, "wait", example="almanac wait b-7k3m9q2x", panel=PANEL)(wait)


def connect(
    booking: BookingId,
    shell: Annotated[bool, typer.Option("--shell", help="Only exports, for eval in a shell.")] = False,
    seats: Annotated[bool, typer.Option("--seats", help="The notebook of every seat.")] = False,
    json: Json = False,
) -> None:
    """How to use a platform: its Spark Connect URL, notebooks and shell exports. They hold its keys."""
    with options.client() as client:
        found = client.connection(booking)
    if json:
        output.as_json(found)
    elif shell:
        output.plain("".join(f"{line}\n" for line in _exports(found)))
    else:
        _show_connection(booking, found, every_seat=seats)


def _exports(found: Connection) -> list[str]:
    return [f"export {name}={shlex.quote(value)}" for name, value in found.environment.items()]


def _show_connection(booking: str, found: Connection, *, every_seat: bool) -> None:
    """Addresses are printed whole, each on a line of its own, so that they can be copied from a narrow terminal."""
    output.note("Keep these to yourself: whoever has them has the platform.")
    if found.connect_url:
        output.say("Spark Connect", style="bold")
        output.plain(found.connect_url)
    shown = found.seats if every_seat else found.seats[:1]
    for seat in shown:
        output.say(f"Notebook {seat.name}" if len(found.seats) > 1 else "Notebook", style="bold")
        output.plain(seat.notebook_url)
    if len(found.seats) > len(shown):
        output.note(f"{len(found.seats) - len(shown)} more seats: almanac connect {booking} --seats")
    if found.spark_ui_url:
        output.say("Spark's own pages", style="bold")
        output.plain(found.spark_ui_url)
    if found.environment:
        output.say("Shell", style="bold")
        output.plain(f'eval "$(almanac connect {booking} --shell)"')


def run(
    booking: BookingId,
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file on this machine.")],
    arguments: Annotated[list[str] | None, typer.Argument(metavar="[ARGS]...", help="For the script.")] = None,
    seat: Annotated[str | None, typer.Option("--seat", help="Whose home it runs in; the first seat's.")] = None,
    json: Json = False,
) -> None:
    """Run a script on a platform; its output and exit code come back. Ctrl-C ends it there."""
    from almanac.client.jupyter import Jupyter
    from almanac.client.scripts import run_script

    with options.client() as client:
        found = client.connection(booking)
    jupyter = Jupyter(_notebook_url(found, seat))
    try:
        code = run_script(jupyter, script, arguments or [], _hear_json if json else _hear)
    finally:
        jupyter.close()
    if json:
        output.as_json_line({"exit": code})
    raise typer.Exit(code)


def _notebook_url(found: Connection, seat: str | None) -> str:
    addresses = {s.name: s.notebook_url for s in found.seats}
    wanted = seat or next(iter(addresses))
    if wanted not in addresses:
        raise BadRequest(f"There is no seat {wanted}.", hint=f"There are: {', '.join(addresses)}.")
    return addresses[wanted]


def _hear(heard: Output) -> None:
    stream = sys.stderr if heard.kind in {"stderr", "error"} else sys.stdout
    stream.write(heard.text)
    stream.flush()


def _hear_json(heard: Output) -> None:
    output.as_json_line({"stream": heard.kind, "text": heard.text})


def logs(
    booking: BookingId,
    service: Annotated[str | None, typer.Option("--service", help="One service only, such as connect.")] = None,
    tail: Annotated[int, typer.Option("--tail", min=1, max=10_000, help="How many lines of each.")] = 200,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the booking ends.")] = False,
    json: Json = False,
) -> None:
    """What a platform's services wrote."""
    with options.client() as client:
        whole = client.logs(booking, service=service, tail=max(tail, FOLLOW_TAIL) if follow else tail).services
        found = {name: "\n".join(text.splitlines()[-tail:]) for name, text in whole.items()}
        if json:
            output.as_json(found)
        else:
            _print_logs(found, name_all=service is None)
        if follow:
            _follow(client, booking, service, whole, json=json)


def _print_logs(found: Mapping[str, str], *, name_all: bool) -> None:
    for name, text in found.items():
        if name_all and text:
            output.say(f"== {name}", style="bold")
        if text:
            output.plain(text)


def _follow(client: Client, booking: str, service: str | None, seen: Mapping[str, str], *, json: bool) -> None:
    from almanac.client.errors import ClientError

    while client.booking(booking).status in RUNNING:
        time.sleep(FOLLOW_EVERY_S)
        try:
            now = client.logs(booking, service=service, tail=FOLLOW_TAIL).services
        except ClientError:
            if client.booking(booking).status in RUNNING:
                raise
            return
        fresh = {name: added(seen.get(name, ""), text) for name, text in now.items()}
        seen = now
        fresh = {name: text for name, text in fresh.items() if text}
        if json and fresh:
            output.as_json_line(fresh)
        elif fresh:
            _print_logs(fresh, name_all=service is None)


def added(before: str, after: str) -> str:
    """The lines of a growing log that came since; ``before`` and ``after`` are its last lines, then and now."""
    old, new = before.splitlines(), after.splitlines()
    common = (known for known in range(min(len(old), len(new)), 0, -1) if old[-known:] == new[:known])
    return "\n".join(new[next(common, 0) :])


def wait(booking: BookingId, json: Json = False) -> None:
    """Wait until a platform is ready."""
    with options.client() as client:
        ready = wait_until_ready(client, booking)
    if json:
        output.as_json(ready)
    else:
        output.say(f"{booking} is ready. Use it: almanac connect {booking}")
