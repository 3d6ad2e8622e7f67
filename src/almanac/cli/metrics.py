"""What a booking's cluster does, live in the terminal: ``metrics``; and ``monitoring export``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import BookingId, Json, command
from almanac.core.bookings import BookingStatus

if TYPE_CHECKING:
    from rich.table import Table

    from almanac.client.client import Client
    from almanac.client.seeing import Line, Metrics

PANEL = "Use"
EVERY_S = 2.0
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "metrics", example="almanac metrics b-7k3m9q2x --live", panel=PANEL)(metrics)
    group = options.group("Metrics in your own Prometheus and Grafana (operators).")
    command(group, "export", example="almanac monitoring export metrics")(export)
    app.add_typer(group, name="monitoring", rich_help_panel="Account")


def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; made if missing.")],
    json: Json = False,
) -> None:
    """Write a worked example: Prometheus' configuration and rules, Grafana's data sources and dashboard."""
    from almanac.client.credentials import resolve
    from almanac.monitoring.export import write

    address, _ = resolve(None, None)
    written = [str(path) for path in write(directory, address)]
    if json:
        output.as_json({"files": written})
        return
    output.say("\n".join(written))
    output.say(f"Read {directory / 'README.md'}, which says what to do with them.")


def metrics(
    booking: BookingId,
    *,
    span: Annotated[str, typer.Option("--for", metavar="LENGTH", help="How far back, such as 15m or 2h.")] = "15m",
    live: Annotated[bool, typer.Option("--live", "-f", help="Go on until the booking ends, or Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """What a platform does: slots, processors, memory, disks, Spark's tasks, as lines over time."""
    length = options.length(span)
    with options.client() as client:
        first = client.seeing.metrics(booking, span=length)
        if json:
            for found in _looks(client, first, length) if live else (first,):
                output.as_json_line(found)
        elif live:
            with output.live() as show:
                for found in _looks(client, first, length):
                    show(table(found))
        else:
            output.show(table(first))


def _looks(client: Client, first: Metrics, length: timedelta) -> Iterator[Metrics]:
    """One look after the other, until the booking is over."""
    yield first
    while client.booking(first.booking).status is BookingStatus.READY:
        time.sleep(EVERY_S)
        yield client.seeing.metrics(first.booking, span=length)


def table(found: Metrics) -> Table:
    """All panels, a row for each line."""
    from rich.table import Table

    from almanac.monitoring.scales import scale_of

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    shown.add_column(found.booking, no_wrap=True)
    shown.add_column("", no_wrap=True)
    shown.add_column(f"{_span(found)} until {found.end.astimezone():%H:%M:%S}", no_wrap=True)
    shown.add_column("Now", justify="right", no_wrap=True)
    shown.add_column("Most", justify="right", no_wrap=True)
    for panel in found.panels:
        scale = scale_of(panel.unit, (value for line in panel.lines for _, value in line.points))
        for number, line in enumerate(panel.lines):
            title = panel.title if number == 0 else ""
            values = [value for _, value in line.points]
            now, most = map(scale.said, (values[-1], max(values))) if values else ("", "")
            shown.add_row(title, line.name, spark_line(line, found), now, most)
        if not panel.lines:
            shown.add_row(panel.title, "no numbers yet", "", "", "")
    return shown


def _span(found: Metrics) -> str:
    minutes = round((found.end - found.start).total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.0f} h"


def spark_line(line: Line, found: Metrics) -> str:
    """A line as bars from nothing to its most; blank where there is no number."""
    whole = (found.end - found.start).total_seconds()
    columns: list[list[float]] = [[] for _ in range(WIDTH)]
    for at, value in line.points:
        place = (at - found.start).total_seconds() / whole * WIDTH
        columns[min(WIDTH - 1, max(0, int(place)))].append(value)
    top = max((max(values) for values in columns if values), default=0.0)
    return "".join(_bar(max(values), top) if values else " " for values in columns)


def _bar(value: float, top: float) -> str:
    return BARS[round(max(0.0, value) / top * (len(BARS) - 1))] if top > 0 else BARS[0]
