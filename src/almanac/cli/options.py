"""What commands have in common: options, examples, and how what people write becomes values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from almanac.cli import output

if TYPE_CHECKING:
    from almanac.cli.times import Moment
    from almanac.client.client import Client

F = TypeVar("F", bound=Callable[..., object])

_json_wanted = False


def _remember_json(wanted: bool) -> bool:
    global _json_wanted  # noqa: PLW0603 - errors are shown as JSON too, where the option's value isn't known
    _json_wanted = _json_wanted or wanted
    return wanted


def json_wanted(*, reset: bool = False) -> bool:
    """Whether ``--json`` was given."""
    global _json_wanted  # noqa: PLW0603 - see _remember_json
    _json_wanted = _json_wanted and not reset
    return _json_wanted


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.", is_eager=True, callback=_remember_json)]
BookingId = Annotated[str, typer.Argument(metavar="BOOKING", help="A booking's id, such as b-7k3m9q2x.")]
ProfileName = Annotated[str, typer.Argument(metavar="PROFILE", help="What to book; see: almanac profiles.")]
Origin = Annotated[
    str | None, typer.Option("--origin", metavar="TIME", help="What counted times count from, such as 2026-05-04.")
]
For = Annotated[str, typer.Option("--for", metavar="LENGTH", help="How long, such as 2h, 90m or 1h30m.")]
Seats = Annotated[int, typer.Option("--seats", min=1, help="People who work on it.")]
Project = Annotated[str | None, typer.Option("--project", help="Whose allocation; needed by those who have several.")]
SiteName = Annotated[str | None, typer.Option("--site", help="Where; see: almanac sites. Anywhere if not given.")]

State = Annotated[
    Path | None, typer.Option("--state", help="Everything of this Almanac: $ALMANAC_STATE, or ~/.local/state/almanac.")
]
Data = Annotated[
    str | None, typer.Option("--data", metavar="LABEL", help="Data that it works on: sites that have it come first.")
]


def group(help_text: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(help=help_text, no_args_is_help=True, rich_markup_mode="rich", add_completion=False)


def command(app: typer.Typer, name: str, *, example: str, panel: str | None = None, **more: Any) -> Callable[[F], F]:  # noqa: ANN401 - typer's
    """Register a command under a name, with an example in its help."""
    return app.command(name, epilog=f"Example: {example}", rich_help_panel=panel, **more)


def client() -> Client:
    """The client for the server and person of this terminal."""
    from almanac.client.client import Client

    return Client()


def length(text: str) -> timedelta:
    """A length that somebody wrote."""
    from almanac.cli.times import parse_length

    return parse_length(text)


def instant(text: str) -> datetime:
    """An instant that somebody wrote; says how it was understood where that isn't plain."""
    from almanac.cli.times import parse_time
    from almanac.client.words import local_zone

    return _noted(parse_time(text, datetime.now(UTC), local_zone()))


def origin(text: str | None) -> datetime | None:
    """What counted times count from, written out; UTC where it names no zone.

    Raises:
        BadRequest: it is no time.
    """
    from almanac.core.errors import BadRequest

    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{text!r} is not a time.", hint="Write it like 2026-05-04 or 2026-05-04T10:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def window(text: str) -> tuple[datetime, datetime]:
    """A window that somebody wrote."""
    from almanac.cli.times import parse_window
    from almanac.client.words import local_zone

    start, end = parse_window(text, datetime.now(UTC), local_zone())
    return _noted(start), _noted(end)


def _noted(moment: Moment) -> datetime:
    if moment.note:
        output.note(moment.note, style="yellow")
    return moment.at
