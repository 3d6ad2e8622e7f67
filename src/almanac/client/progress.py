"""Waiting for a booking, and showing how far it is: a bar in a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from almanac.client import words
from almanac.client.errors import ClientError
from almanac.client.models import Booking
from almanac.core.bookings import BookingStatus

if TYPE_CHECKING:
    from almanac.client.client import Client

Show = Callable[[Booking], None]

PAUSE_S = 0.5
"""Between two streams of a booking."""


def wait_ready(client: Client, booking: str, show: Show) -> Booking:
    """Wait until the booking's cluster can be used.

    Raises:
        ClientError: it failed, or was cancelled or ended meanwhile.
    """
    last = _wait(client, booking, show, lambda b: b.status is BookingStatus.READY or _never_ready(b))
    if last.status is BookingStatus.READY:
        return last
    why = f": {last.reason}" if last.reason else "."
    raise ClientError(
        last.status.value,
        f"Booking {booking} is {words.EXPLAINED[last.status]}{why}",
        f"See what happened: almanac show {booking}; almanac logs {booking}",
    )


def wait_over(client: Client, booking: str, show: Show) -> Booking:
    """Wait until the booking has ended and nothing of it is left."""
    return _wait(client, booking, show, lambda b: b.over)


def _never_ready(booking: Booking) -> bool:
    return booking.over or booking.status in {BookingStatus.ENDING, BookingStatus.OFFERED}


def _wait(client: Client, booking: str, show: Show, done: Callable[[Booking], bool]) -> Booking:
    """Follow the booking's stream; the server may end it early, so it is taken up again until ``done``."""
    while True:
        for last in client.watch(booking):
            show(last)
            if done(last):
                return last
        time.sleep(PAUSE_S)


@contextmanager
def showing(stream: TextIO | None = None) -> Iterator[Show]:
    """Show a booking's progress on a stream (standard error if none): gives a function to call at each change."""
    stream = stream or sys.stderr
    if stream.isatty():
        with _bar(stream) as show:
            yield show
    else:
        yield _lines(stream)


@contextmanager
def _bar(stream: TextIO) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    console = Console(file=stream)
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=20 if console.width >= 100 else 8),
        TimeElapsedColumn(table_column=Column(min_width=7, no_wrap=True)),
        TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as progress:
        task = progress.add_task("asking ...", total=None)

        def show(booking: Booking) -> None:
            done, total = (booking.progress.done, booking.progress.total) if booking.progress else (None, None)
            text = f"{booking.id} {words.state(booking)}".replace("[", r"\[")
            progress.update(task, completed=done, total=total or None, description=text)

        yield show


def _lines(stream: TextIO) -> Show:
    said = ""

    def show(booking: Booking) -> None:
        nonlocal said
        count = (
            f" [{booking.progress.done}/{booking.progress.total}]"
            if booking.progress and booking.progress.total
            else ""
        )
        line = f"{booking.id} {words.state(booking)}{count}"
        if line != said:
            print(line, file=stream, flush=True)
        said = line

    return show
