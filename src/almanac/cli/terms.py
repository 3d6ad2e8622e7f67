"""What the calendar says of coming and past weeks, for operators: terms, holidays, closures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, command
from almanac.core.errors import BadRequest
from almanac.core.local_time import whole_days, zone_named

if TYPE_CHECKING:
    from almanac.client.plan_models import Dials, Term

Kind = Annotated[str, typer.Argument(metavar="KIND", help="What it is; stretches of one kind are taken to be alike.")]
Factor = Annotated[
    float, typer.Option("--factor", help="Demand compared with usual weeks, as far as one knows; the rest is learnt.")
]


def register(admin: typer.Typer) -> None:
    """Add the commands."""
    terms = options.group("Terms, holidays and closures, for forecasts to know of.")
    command(terms, "list", example="almanac admin terms list")(show)
    command(terms, "add", example="almanac admin terms add easter 2027-03-20 2027-04-04 --factor 0.3")(add)
    command(terms, "import", example="almanac admin terms import holidays.ics --kind holiday --factor 0.1")(
        import_terms
    )
    command(terms, "remove", example="almanac admin terms remove easter")(remove)
    admin.add_typer(terms, name="terms")


def show(json: Json = False) -> None:
    """What is known of the calendar."""
    with options.client() as client:
        dials = client.plan.look().dials
    _told(dials, json)


def add(
    kind: Kind,
    first: Annotated[str, typer.Argument(metavar="FIRST", help="Its first day, such as 2027-03-20.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="Its last day.")],
    factor: Factor = 0.5,
    json: Json = False,
) -> None:
    """Add some days, both named ones included, on the calendar of the plan's time zone (almanac admin dials)."""
    from almanac.client.plan_models import Term

    with options.client() as client:
        dials = client.plan.look().dials
        window = whole_days(_day(first), _day(last), zone_named(dials.zone))
        made = Term(kind, window.start, window.end, factor)
        _told(client.plan.turn(terms=_joined(dials, [made])).dials, json)


def import_terms(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An iCalendar file, such as a university publishes.")],
    kind: Annotated[
        str | None, typer.Option("--kind", help="One kind for all; each event's title if not given.")
    ] = None,
    factor: Factor = 0.5,
    json: Json = False,
) -> None:
    """Add the events of a calendar. What is known already isn't added twice."""
    from almanac.cli.term_files import read

    with options.client() as client:
        dials = client.plan.look().dials
        found = read(file, zone_named(dials.zone), kind, factor)
        for sentence in found.report:
            output.note(sentence)
        _told(client.plan.turn(terms=_joined(dials, found.terms)).dials, json)


def remove(kind: Kind, json: Json = False) -> None:
    """Forget all stretches of a kind."""
    with options.client() as client:
        known = client.plan.look().dials.terms
        kept = [each for each in known if each.kind != kind]
        if len(kept) == len(known):
            kinds = ", ".join(sorted({each.kind for each in known}))
            raise BadRequest(f"Nothing is of the kind {kind}.", hint=f"There is: {kinds or 'nothing at all'}.")
        _told(client.plan.turn(terms=kept).dials, json)


def _joined(dials: Dials, more: Iterable[Term]) -> list[Term]:
    """Those known and more, by start; the last word on the same days of a kind counts."""
    every = {(each.kind, each.start, each.end): each for each in (*dials.terms, *more)}
    return [every[key] for key in sorted(every, key=lambda key: (key[1], key))]


def _told(dials: Dials, json: bool) -> None:
    if json:
        output.as_json(dials.terms)
        return
    zone = zone_named(dials.zone)
    rows: Sequence[Sequence[object]] = [
        (
            each.kind,
            f"{each.start.astimezone(zone):%Y-%m-%d %H:%M}",
            f"{each.end.astimezone(zone):%Y-%m-%d %H:%M}",
            f"{each.factor:g}",
        )
        for each in dials.terms
    ]
    output.table(("Kind", "From", f"Until ({dials.zone})", "Expected"), rows, empty="The calendar says nothing.")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{text!r} is no day.", hint="Write one such as 2027-03-20.") from None
