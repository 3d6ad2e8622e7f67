"""``almanac site check``: try a cloud out, step by step."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import output
from almanac.cli.options import Json, State

if TYPE_CHECKING:
    from almanac.sites.openstack.checking import Finding, Step

Name = Annotated[str, typer.Argument(metavar="SITE", help="A site in almanac.toml; see: almanac site add.")]
_MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "failed": ("FAILED", "bold red"), "skipped": ("-", "dim")}


def check(
    site: Name,
    boot: Annotated[
        bool,
        typer.Option("--boot", help="Boot a machine, too, and wait until it has reported to the Almanac that runs."),
    ] = False,
    state: State = None,
    json: Json = False,
) -> None:
    """Try a site out (a cloud from sign-in to a real lease), and say what is missing and who can mend it."""
    from almanac.settings import load, state_directory
    from almanac.siting import checks

    settings = load(state=state_directory(state))
    findings = list(_tried(checks(settings, site, lambda: datetime.now(UTC), boot=boot), quiet=json))
    failed = [step.title for step, finding in findings if finding.outcome == "failed"]
    if json:
        told = [
            {"step": step.title, "outcome": found.outcome, "says": found.says, "mend": found.mend}
            for step, found in findings
        ]
        output.as_json({"site": site, "ok": not failed, "steps": told})
    elif failed:
        output.error(f"{site} can't be used as it is: {', '.join(failed)}.", "Mend that, then check again.")
    else:
        output.say(f"{site} can be used.", style="green")
    if failed:
        raise typer.Exit(1)


def _tried(steps: Iterator[Step], *, quiet: bool) -> Iterator[tuple[Step, Finding]]:
    """Carry the steps out, showing each; after one that the others need and that failed, they are skipped."""
    from almanac.sites.openstack.checking import Finding, Outcome, carried_out

    stopped = ""
    for step in steps:
        if stopped:
            finding = Finding(Outcome.SKIPPED, f"Not tried, as {stopped} failed.")
        else:
            with _showing(f"{step.title} ...", quiet=quiet):
                finding = carried_out(step)
        if step.needed and finding.outcome is Outcome.FAILED:
            stopped = step.title
        if not quiet:
            _show(step, finding)
        yield step, finding


@contextmanager
def _showing(what: str, *, quiet: bool) -> Iterator[None]:
    """Show what is being tried, where somebody looks on."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def _show(step: Step, finding: Finding) -> None:
    mark, style = _MARKS[finding.outcome]
    output.say(f"{mark:8}{step.title}: {finding.says}", style=style if mark != "ok" else "")
    if finding.mend:
        output.say(f"{'':8}{finding.mend}")
