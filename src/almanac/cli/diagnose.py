"""Why a job was slow, from its event log: ``diagnose``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import output
from almanac.cli.options import Json, command

if TYPE_CHECKING:
    from almanac.diagnosis.comparing import Change, Comparison
    from almanac.diagnosis.diagnose import Diagnosis

PANEL = "Use"
COLOURS = {"low": "", "moderate": "yellow", "severe": "red", "critical": "bold red"}
MEBI = 1 << 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "diagnose", example="almanac diagnose eventlog_v2_app-1 --compare eventlog_v2_app-2", panel=PANEL)(
        diagnose
    )


def diagnose(
    log: Annotated[
        Path, typer.Argument(metavar="EVENT_LOG", help="A file, or a rolling log's directory; compressed or not.")
    ],
    *,
    other: Annotated[
        Path | None, typer.Option("--compare", metavar="OTHER", help="An earlier run's event log, to see what changed.")
    ] = None,
    storage: Annotated[
        float | None,
        typer.Option("--storage", min=1, help="What the storage gives all nodes together, in MiB a second."),
    ] = None,
    json: Json = False,
) -> None:
    """Why a Spark job was slow: ranked causes, what to change, and what other sizes would bring."""
    from almanac.diagnosis.comparing import compare
    from almanac.diagnosis.diagnose import diagnose as found_in
    from almanac.diagnosis.findings import Platform
    from almanac.diagnosis.reading import read

    platform = Platform(storage_bytes_per_second=None if storage is None else storage * MEBI)
    found = found_in(read(log), platform)
    against = None if other is None else compare(found_in(read(other), platform), found)
    if json:
        output.as_json({"diagnosis": found, "comparison": against})
        return
    _show(found)
    if against is not None:
        _show_comparison(against)


def _show(found: Diagnosis) -> None:
    for sentence in found.notes:
        output.note(sentence)
    parts = {part: getattr(found.spent, part) for part in ("cpu", "gc", "fetch", "write", "rest")}
    shares = ", ".join(f"{name} {found.spent.share(value):.1%}" for name, value in parts.items())
    output.facts(
        (
            ("Application", f"{found.name} ({found.app}), Spark {found.spark}"),
            ("Ran", f"{_length(found.wall_s)} on {found.slots} slots, {found.busy_share:.0%} of them busy"),
            ("Run time", shares if found.spent.run else "no task ran"),
        )
    )
    _show_causes(found)
    if found.what_if:
        sizes = "; ".join(f"{e.times:g}x the slots: {_length(e.least_s)} to {_length(e.most_s)}" for e in found.what_if)
        output.say(f"\nOn other sizes: {sizes}.")
        output.say(f"On this run itself, the model is off by {found.model_error:+.1%}.")


def _show_causes(found: Diagnosis) -> None:
    if found.healthy:
        output.say("\nNothing is wrong with it." if found.spent.run else "\nThere is nothing to judge yet.")
    for number, cause in enumerate(found.causes, 1):
        saved = f"saves {_length(cause.saved_s)} ({cause.saved_share:.0%})"
        output.say(f"\n{number}. {cause.title}: {cause.level}, {saved}", style=COLOURS[cause.level])
        output.say("   " + ", ".join(_fact(name, value) for name, value in cause.evidence.items()))
        output.say(f"   {cause.advice}")


def _show_comparison(found: Comparison) -> None:
    output.say("\nAgainst the other run")
    rows = [_row(change) for change in (found.wall, *found.stages, *found.parts)]
    output.table(("", "Before", "Now", "Change"), rows, empty="")
    if found.slots_before != found.slots_after:
        output.say(f"It had {found.slots_before} slots, and now has {found.slots_after}.")
    for words, kinds in (("No longer", found.gone), ("New", found.new)):
        if kinds:
            output.say(f"{words}: {', '.join(kind.replace('_', ' ') for kind in kinds)}.")


def _row(change: Change) -> tuple[str, str, str, str]:
    grown = f"{change.grown_s / change.before_s:+.0%}" if change.before_s else ""
    return change.what, _length(change.before_s), _length(change.after_s), grown


def _fact(name: str, value: float | str) -> str:
    """A number of the evidence with the unit that its name ends with."""
    for ending, shown in (("_bytes_per_s", _rate), ("_share", _share), ("_bytes", _size), ("_s", _length)):
        if name.endswith(ending) and not isinstance(value, str):
            return f"{name.removesuffix(ending).replace('_', ' ')} {shown(value)}"
    said = f"{value:,}" if isinstance(value, int) else str(value)
    return f"{name.replace('_', ' ')} {said}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _rate(value: float) -> str:
    return f"{_size(value)}/s"


def _size(value: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def _length(seconds: float) -> str:
    """A length in two units at most: 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
