"""The plan for operators: look at it, turn its dials, tell it of demand elsewhere."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, command
from almanac.core.errors import BadRequest

if TYPE_CHECKING:
    from almanac.client.plan_models import Plans, ProfilePlan

PANEL = "Administer"
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,38}[a-z0-9]")
_NO_ROOM = "there is no room beside what else is held."
_SENTENCES = 6
"""Reasons shown of each plan; --json has all."""


def register(app: typer.Typer) -> None:
    """Add the command ``plan``."""
    command(app, "plan", example="almanac plan --ahead 3d", panel=PANEL)(show)


def register_admin(admin: typer.Typer) -> None:
    """Add what belongs under ``admin``."""
    command(admin, "dials", example="almanac admin dials --missing 10 --floor spark-small=2 --try")(dials)
    demand = options.group("Demand from elsewhere, for forecasts to learn from.")
    command(demand, "list", example="almanac admin demand list")(list_demand)
    command(demand, "import", example="almanac admin demand import last-year.parquet --profile spark-small --recent")(
        import_demand
    )
    command(demand, "forget", example="almanac admin demand forget last-year")(forget_demand)
    admin.add_typer(demand, name="demand")


def show(
    *,
    profile: Annotated[str | None, typer.Option("--profile", help="Only this one.")] = None,
    back: Annotated[str, typer.Option("--back", metavar="LENGTH", help="How far to look back, at most 7d.")] = "1d",
    ahead: Annotated[str, typer.Option("--ahead", metavar="LENGTH", help="How far to look ahead, at most 7d.")] = "2d",
    json: Json = False,
) -> None:
    """What is held ahead and why: booked, held and forecast, hour by hour (operators)."""
    with options.client() as client:
        found = client.plan.look()
    if json:
        output.as_json(found)
        return
    if not found.enabled:
        output.note("Nothing is held ahead: planning.enabled is false. Try: almanac admin dials --try")
    _show(found, profile, _hours(back), _hours(ahead))


def dials(
    *,
    missing: Annotated[
        float | None, typer.Option("--missing", help="Price of a place missing for an hour, of one held for it.")
    ] = None,
    at_once: Annotated[
        float | None, typer.Option("--at-once", help="Walk-ins that are to start at once, in percent.")
    ] = None,
    floor: Annotated[
        list[str] | None, typer.Option("--floor", metavar="PROFILE=N", help="Places always held; repeat for more.")
    ] = None,
    ceiling: Annotated[
        list[str] | None, typer.Option("--ceiling", metavar="PROFILE=N", help="Most places held for walk-ins.")
    ] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="Whose clock weeks follow, such as Europe/Madrid.")] = None,
    try_: Annotated[bool, typer.Option("--try", help="Only show the plans that they would make.")] = False,
    json: Json = False,
) -> None:
    """Show the plan's dials, turn some, or try what others would hold. Floors (or ceilings) given replace all others."""
    if at_once is not None and not 0 < at_once < 100:
        raise BadRequest(f"{at_once:g} % can't be promised to start at once.", hint="Give less than 100, such as 99.5.")
    share = None if at_once is None else at_once / 100
    counts = {"floor": _counts(floor, "--floor"), "ceiling": _counts(ceiling, "--ceiling")}
    given: dict[str, Any] = {"missing": missing, "at_once": share, "zone": zone} | counts
    turned = any(value is not None for value in given.values())
    with options.client() as client:
        calls = client.plan
        found = calls.what_if(**given) if try_ else calls.turn(**given) if turned else calls.look()
    if json:
        output.as_json(found)
        return
    _show_dials(found)
    if try_:
        _show(found, None, 0, 48)


def list_demand(json: Json = False) -> None:
    """Where demand is known from."""
    with options.client() as client:
        found = client.plan.sources()
    if json:
        output.as_json(found)
        return
    rows = [(each.source, each.profile or "all", each.start, each.until) for each in found]
    output.table(("Source", "Profile", "From", "Until"), rows, empty="Nothing is known yet.")


def import_demand(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Sessions or hourly demand: CSV, Parquet or Standard Workload Format."),
    ],
    profile: Annotated[str, typer.Option("--profile", help="In whose places it is counted; see: almanac profiles.")],
    name: Annotated[str | None, typer.Option("--name", help="A name for it; the file's if not given.")] = None,
    duration: Annotated[str, typer.Option("--for", metavar="LENGTH", help="Of sessions that don't say theirs.")] = "1h",
    origin: options.Origin = None,
    recent: Annotated[
        bool, typer.Option("--recent", help="Move it by whole weeks so that it ends now: an old trace as if of late.")
    ] = False,
    json: Json = False,
) -> None:
    """Let forecasts learn from a trace, until Almanac's own demand says more. The same name replaces what it told before."""
    from almanac.forecasting.imported import by_kind, hours, moved_up
    from almanac.forecasting.traces import read

    source, length, began = _source(name, file), options.length(duration), options.origin(origin)
    with output.progress(1) as told:
        told(f"reading {file.name}")
        trace = read(file, duration=length, origin=began)
        series = by_kind(trace)
    for sentence in trace.report:
        output.note(sentence)
    if recent:
        series = {kind: moved_up(each, datetime.now(UTC)) for kind, each in series.items()}
    start = next(iter(series.values())).start
    with options.client() as client:
        made = client.plan.put(source, profile, start, {str(kind): hours(each) for kind, each in series.items()})
    if json:
        output.as_json(made)
        return
    weeks = (made.until - made.start) / timedelta(weeks=1)
    output.say(f"{made.source} tells of {profile} for {weeks:.1f} weeks, until {made.until:%Y-%m-%d %H:%M} UTC.")
    if made.until < datetime.now(UTC) - timedelta(weeks=60):
        output.note("That is too long ago for a forecast. To let it stand for these months: --recent")


def forget_demand(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As almanac admin demand list names it.")],
    json: Json = False,
) -> None:
    """Let go of an imported trace."""
    with options.client() as client:
        client.plan.forget(source)
    if json:
        output.as_json({"source": source, "forgotten": True})
    else:
        output.say(f"{source} counts no more.")


def _show(found: Plans, profile: str | None, past: int, ahead: int) -> None:
    from almanac.cli.plan_plot import LEGEND

    plans = [plan for plan in found.plans if profile in (None, plan.profile)]
    if not plans:
        output.say(
            f"There is no plan{f' for {profile}' if profile else ''} yet: nothing was asked for, and no floor set."
        )
        return
    for plan in plans:
        _show_plan(plan, past, ahead)
    output.say(f"Places by the hour. {LEGEND}", style="dim")


def _show_plan(plan: ProfilePlan, past: int, ahead: int) -> None:
    from almanac.cli.plan_plot import draw
    from almanac.client.words import local_zone

    output.say(f"{plan.profile}: {plan.basis}", style="bold red" if plan.failed or plan.short else "bold")
    for line in draw(plan, output.columns(), past, ahead, local_zone()):
        output.say(line)
    for sentence in plan.sentences[:_SENTENCES]:
        output.say(f"  {sentence}")
    if len(plan.sentences) > _SENTENCES:
        output.say(f"  and {len(plan.sentences) - _SENTENCES} more (--json)", style="dim")
    for sentence in (*troubles(plan), _score(plan), _saved(plan)):
        if sentence:
            output.say(f"  {sentence}")


def troubles(plan: ProfilePlan) -> list[str]:
    """What was asked for, or is due, and isn't held: how much for each reason."""
    why = Counter(place.trouble or _NO_ROOM for place in plan.places if place.trouble or place.state == "no room yet")
    places = {reason: "1 place isn't" if count == 1 else f"{count} places aren't" for reason, count in why.items()}
    return [f"{said} held yet, and asked for again by itself: {reason}" for reason, said in places.items()]


def _score(plan: ProfilePlan) -> str:
    if plan.score is None:
        return ""
    better = "better" if plan.score["skill"] >= 0 else "worse"
    return f"Such forecasts were {abs(plan.score['skill']):.0%} {better} than last week again."


def _saved(plan: ProfilePlan) -> str:
    saved = plan.saved
    if saved is None:
        return ""
    return (
        f"In {saved['hours'] / 24:.0f} days {saved['held']:.0f} place-hours were held; a static peak would have held "
        f"{saved['static_peak']:.0f}, a reactive autoscaler of that service {saved['reactive']:.0f}."
    )


def _show_dials(found: Plans) -> None:
    shown = found.dials
    output.facts(
        (
            ("A missing place costs", f"{shown.missing:g} held ones"),
            ("Start at once", f"{shown.at_once:.2%}"),
            ("Floor", _said(shown.floor)),
            ("Ceiling", _said(shown.ceiling)),
            ("Weeks follow", shown.zone),
            ("Terms", len(shown.terms) or ""),
            ("Turned", f"{found.turned_at:%Y-%m-%d %H:%M} UTC by {found.turned_by}" if found.turned_at else ""),
        )
    )


def _said(counts: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) if isinstance(counts, dict) else ""


def _counts(given: list[str] | None, option: str) -> dict[str, int] | None:
    """What was written as ``spark-small=2``, several times; None where nothing was."""
    if not given:
        return None
    counts = {}
    for text in given:
        profile, equals, number = text.partition("=")
        if not equals or not profile or not number.isdigit():
            raise BadRequest(f"{text!r} is no count.", hint=f"Write {option} PROFILE=NUMBER, such as spark-small=2.")
        counts[profile] = int(number)
    return counts


def _hours(text: str) -> int:
    return min(168, options.length(text) // timedelta(hours=1))


def _source(name: str | None, file: Path) -> str:
    """A source's name: as given, else from a file's: ``Notebook_Sessions.parquet`` -> ``notebook-sessions``.

    Raises:
        BadRequest: it is no name.
    """
    stem = file.name.partition(".")[0].lower()
    source = name or "".join(each if each.isascii() and each.isalnum() else "-" for each in stem)[:40].strip("-")
    if not _NAME.fullmatch(source):
        raise BadRequest(
            f"{source!r} is no name for a source of demand.",
            hint="Give --name 2 to 40 of a-z, 0-9, dots and dashes, with a letter or digit at both ends.",
        )
    return source
