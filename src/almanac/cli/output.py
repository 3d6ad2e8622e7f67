"""What the terminal shows: tables, sentences and errors for people, JSON for programs.

Results go to standard output; progress, notes and errors to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from almanac.core.errors import AlmanacError

UNBOUNDED = 10_000
"""Columns where nobody reads along: lines of a file or a pipe aren't folded."""


@cache
def _console(*, errors: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() else UNBOUNDED
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def forget_consoles() -> None:
    """Look at the streams anew, for a caller that has replaced them."""
    _console.cache_clear()


def columns() -> int:
    """Characters in a line of standard output; 80 where it isn't a terminal."""
    console = _console(errors=False)
    return 80 if console.width == UNBOUNDED else console.width


def say(text: str, style: str = "") -> None:
    """A line on standard output."""
    _console(errors=False).print(text, style=style or None)


def plain(text: str) -> None:
    """Text on standard output exactly as it is, and at once, for other programs to read."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def note(text: str, style: str = "dim") -> None:
    """A line beside the results, on standard error."""
    _console(errors=True).print(text, style=style)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table on standard output, or the sentence ``empty`` where there is no row.

    Columns without any value are left out. Times are brief, and the heading says their zone.
    """
    from rich.table import Table

    listed = [list(row) for row in rows]
    if not listed:
        say(empty)
        return
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    columns = zip(headings, zip(*listed, strict=True), strict=True)
    kept = [(heading, values) for heading, values in columns if any(value not in (None, "") for value in values)]
    for heading, values in kept:
        zone = f" ({_zone()})" if any(isinstance(value, datetime) for value in values) else ""
        shown.add_column(f"{heading}{zone}", overflow="fold", no_wrap=not shown.columns)
    for row in zip(*(values for _, values in kept), strict=True):
        shown.add_row(*(_brief(value) for value in row))
    _console(errors=False).print(shown)


def show(table: Table) -> None:
    """A table that a command has laid out itself, on standard output."""
    _console(errors=False).print(table)


@contextmanager
def live() -> Iterator[Callable[[Table], None]]:
    """A table that is drawn anew in place; gives what draws it. Where nobody watches, each is printed."""
    from rich.live import Live

    console = _console(errors=False)
    if not console.is_terminal:
        yield show
        return
    with Live(console=console, screen=False, auto_refresh=False, vertical_overflow="crop") as screen:
        yield lambda table: screen.update(table, refresh=True)


@contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """How far something long has come, on standard error; gives what is called as each step begins, with its name.

    Where nobody watches, the first of steps whose names begin with the same word is told in a line.

    Args:
        steps: how many there are at most.
    """
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = _console(errors=True)
    if not console.is_terminal:
        yield _told_once()
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps)
        begun = count()
        yield lambda name: bar.update(task, description=name, completed=next(begun))


def _told_once() -> Callable[[str], None]:
    told: set[str] = set()

    def tell(name: str) -> None:
        kind = name.partition(" ")[0]
        if kind not in told:
            told.add(kind)
            note(name)

    return tell


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair on a line; empty values are left out."""
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, ""):
            shown.add_row(name, _cell(value))
    _console(errors=False).print(shown)


def as_json(value: object) -> None:
    """A value as JSON on standard output: dataclasses as objects, times in UTC, lengths in seconds."""
    listed = list(value) if isinstance(value, tuple) else value
    plain(json.dumps(_jsonable(listed), default=_jsonable, indent=2, ensure_ascii=False))


def as_json_line(value: object) -> None:
    """A value as one line of JSON, at once, for a stream of them."""
    plain(json.dumps(_jsonable(value), default=_jsonable, ensure_ascii=False))


def error(message: str, hint: str = "") -> None:
    """One red sentence, and what would work in a second line."""
    console = _console(errors=True)
    console.print(message, style="bold red")
    if hint:
        console.print(hint)


def error_json(problem: AlmanacError) -> None:
    """An error for programs, shaped as the API's."""
    fields = {"code": problem.code, "message": problem.message, "hint": problem.hint, "details": problem.details}
    as_json({"error": fields})


def _zone() -> str:
    from almanac.client.words import local_zone

    return datetime.now(local_zone()).tzname() or "local"


def _brief(value: object) -> str:
    if isinstance(value, datetime):
        from almanac.client.words import brief

        return brief(value)
    return _cell(value)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        from almanac.client.words import local

        return local(value)
    if isinstance(value, timedelta):
        from almanac.client.words import length

        return length(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}"
    return "" if value is None else str(value)


def _jsonable(value: object) -> Any:  # noqa: ANN401 - JSON
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds())
    if isinstance(value, tuple | frozenset):
        return list(value)
    return value
