"""Why a job was slow, from its booking or its event log: ``diagnose``."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, command
from almanac.core.errors import AlmanacError, BadRequest

if TYPE_CHECKING:
    from almanac.client.client import Client
    from almanac.client.diagnosed import BookingDiagnosis
    from almanac.diagnosis.comparing import Change, Comparison
    from almanac.diagnosis.diagnose import Diagnosis

PANEL = "Use"
COLOURS = {"low": "", "moderate": "yellow", "severe": "red", "critical": "bold red"}
MEBI = 1 << 20
BOOKING = re.compile(r"(?P<booking>b-[a-z0-9]{6,38})(/(?P<application>[A-Za-z0-9_-]+))?")
"""A booking, or one application of it."""
LONGEST_READING_S = 300.0
AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """A diagnosis, and where it comes from if that is a booking."""

    diagnosis: Diagnosis
    booking: BookingDiagnosis | None = None


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "diagnose", example="almanac diagnose b-7k3m9q2x b-4f2p8w6c", panel=PANEL)(diagnose)


def diagnose(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A booking (b-7k3m9q2x), one Spark application of it (b-7k3m9q2x/app-...), or an event log: a file, "
            "or a rolling log's directory, compressed or not.",
        ),
    ],
    since: Annotated[
        str | None, typer.Argument(metavar="[EARLIER]", help="An earlier run, to see what changed since.")
    ] = None,
    *,
    storage: Annotated[
        float | None,
        typer.Option("--storage", min=1, help="Of event logs: what the storage gives all nodes together, in MiB/s."),
    ] = None,
    json: Json = False,
) -> None:
    """Why a Spark job was slow: ranked causes, what to change, and what other sizes would bring."""
    from almanac.diagnosis.comparing import compare

    found = _found(run, storage)
    against = None if since is None else compare(_found(since, storage).diagnosis, found.diagnosis)
    if json:
        output.as_json({"diagnosis": found.diagnosis, "comparison": against})
        return
    if found.booking is not None:
        _show_booking(found.booking)
    _show(found.diagnosis)
    if against is not None:
        _show_comparison(against)


def _found(run: str, storage: float | None) -> Found:
    """The diagnosis of what a person named; a file is a file, whatever its name."""
    named = BOOKING.fullmatch(run)
    if named is not None and not Path(run).exists():
        with options.client() as client:
            asked = _asked(client, named["booking"], named["application"] or "")
        return Found(asked.diagnosis, asked)
    return Found(_read(Path(run), storage))


def _read(log: Path, storage: float | None) -> Diagnosis:
    from almanac.diagnosis.diagnose import diagnose as found_in
    from almanac.diagnosis.findings import Platform
    from almanac.diagnosis.reading import read

    if not log.exists() and log.name == str(log):
        raise BadRequest(
            f"There is no event log {log}, and that is no booking's id either.",
            hint="Name a file or directory, or a booking: almanac bookings",
        )
    return found_in(read(log), Platform(storage_bytes_per_second=None if storage is None else storage * MEBI))


def _asked(client: Client, booking: str, application: str) -> BookingDiagnosis:
    """What the server says, waited for where it has to read a long log first."""
    until = time.monotonic() + LONGEST_READING_S
    while True:
        try:
            return client.seeing.diagnosis(booking, application)
        except AlmanacError as error:
            if error.code != "still_reading" or time.monotonic() > until:
                raise
        output.note("Its event log is long: it is being read.")
        time.sleep(AGAIN_S)


def _show_booking(found: BookingDiagnosis) -> None:
    if found.live:
        output.note(f"So far: {found.booking} goes on. Once it has ended, its diagnosis is kept.")
    if len(found.applications) > 1:
        others = ", ".join(f"{found.booking}/{name}" for name in found.applications if name != found.application)
        output.note(f"{len(found.applications)} applications ran in it; the others: {others}")


def _show(found: Diagnosis) -> None:
    from almanac.diagnosis.words import length, shares

    for sentence in found.notes:
        output.note(sentence)
    parts = ", ".join(f"{name} {share:.1%}" for name, share in shares(found.spent).items())
    output.facts(
        (
            ("Application", f"{found.name} ({found.app}), Spark {found.spark}"),
            ("Ran", f"{length(found.wall_s)} on {found.slots} slots, {found.busy_share:.0%} of them busy"),
            ("Run time", parts if found.spent.run else "no task ran"),
        )
    )
    _show_causes(found)
    if found.what_if:
        sizes = "; ".join(f"{e.times:g}x the slots: {length(e.least_s)} to {length(e.most_s)}" for e in found.what_if)
        output.say(f"\nOn other sizes: {sizes}.")
        output.say(f"On this run itself, the model is off by {found.model_error:+.1%}.")


def _show_causes(found: Diagnosis) -> None:
    from almanac.diagnosis.words import fact, saving, verdict

    if found.healthy:
        output.say(f"\n{verdict(found)}" if not found.causes else "\nNothing is wrong with it.")
    for number, cause in enumerate(found.causes, 1):
        output.say(f"\n{number}. {cause.title}: {cause.level}, {saving(cause)}", style=COLOURS[cause.level])
        output.say("   " + ", ".join(" ".join(fact(name, value)) for name, value in cause.evidence.items()))
        output.say(f"   {cause.advice}")


def _show_comparison(found: Comparison) -> None:
    output.say("\nSince the earlier run")
    rows = [_row(change) for change in (found.wall, *found.stages, *found.parts)]
    output.table(("", "Before", "Now", "Change"), rows, empty="")
    if found.slots_before != found.slots_after:
        output.say(f"It had {found.slots_before} slots, and now has {found.slots_after}.")
    for words, kinds in (("No longer", found.gone), ("New", found.new)):
        if kinds:
            output.say(f"{words}: {', '.join(kind.replace('_', ' ') for kind in kinds)}.")


def _row(change: Change) -> tuple[str, str, str, str]:
    from almanac.diagnosis.words import changed, length

    return change.what, length(change.before_s), length(change.after_s), changed(change.before_s, change.after_s)
