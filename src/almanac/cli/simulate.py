"""What Almanac would have cost, and how long people would have waited, on a trace: ``simulate``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almanac.cli import options, output
from almanac.cli.options import Json, command

if TYPE_CHECKING:
    from almanac.simulation.comparison import Comparison
    from almanac.simulation.market import Market
    from almanac.simulation.ours import Dials
    from almanac.simulation.reading import Input

PANEL = "Administer"
SWEEPS = ("booked", "on-demand", "start-up")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "simulate", example="almanac simulate sessions.parquet --plot held.png", panel=PANEL)(simulate)


def simulate(
    trace: Annotated[
        Path,
        typer.Argument(metavar="TRACE", help="Sessions or hourly demand: CSV, Parquet or Standard Workload Format."),
    ],
    *,
    duration: Annotated[str, typer.Option("--for", metavar="LENGTH", help="Of sessions that don't say theirs.")] = "1h",
    origin: options.Origin = None,
    zone: Annotated[str, typer.Option("--zone", help="Where people live, such as Europe/Berlin.")] = "UTC",
    booked: Annotated[
        float, typer.Option("--booked", min=0, max=100, help="Workshops that were booked, in percent.")
    ] = 100,
    at_once: Annotated[
        float, typer.Option("--at-once", min=50, max=99.99, help="Sessions that are to start at once, in percent.")
    ] = 99.5,
    floor: Annotated[int, typer.Option("--floor", min=0, help="Slots that are always held.")] = 0,
    start_up: Annotated[str, typer.Option("--start-up", metavar="LENGTH", help="Until a machine is up.")] = "10m",
    minimum: Annotated[str, typer.Option("--minimum", metavar="LENGTH", help="Shortest lease.")] = "1h",
    lead: Annotated[str, typer.Option("--lead", metavar="LENGTH", help="Notice that leases want.")] = "1h",
    on_demand: Annotated[
        int | None, typer.Option("--on-demand", min=0, help="Slots to be had without a lease.")
    ] = None,
    quota: Annotated[int | None, typer.Option("--quota", min=0, help="Slots to be had at all.")] = None,
    failing: Annotated[float, typer.Option("--failing", min=0, max=90, help="Starts that fail, in percent.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of all chances.")] = 0,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Save a picture of held against used.")
    ] = None,
    sweep: Annotated[str | None, typer.Option("--sweep", help=f"Vary one thing: {', '.join(SWEEPS)}.")] = None,
    json: Json = False,
) -> None:
    """What it would have cost on a trace. Every policy pays for starts and minimum leases alike."""
    from almanac.simulation.market import UNLIMITED, Market
    from almanac.simulation.ours import Dials
    from almanac.simulation.reading import load

    market = Market(
        boot_s=_seconds(start_up),
        minimum_s=_seconds(minimum),
        lead_s=_seconds(lead),
        on_demand_cap=UNLIMITED if on_demand is None else on_demand,
        quota=UNLIMITED if quota is None else quota,
        failing=failing / 100,
        seed=seed,
    )
    _check(plot, sweep)
    length, began = options.length(duration), options.origin(origin)
    with output.progress(1) as told:
        told(f"reading {trace.name}")
        found = load(trace, duration=length, local=zone, seed=seed, origin=began)
    for sentence in found.report:
        output.note(sentence)
    dials = Dials(at_once=at_once / 100, floor=floor)
    if sweep is not None:
        _sweep(found, sweep, market, dials, booked / 100, as_json=json)
        return
    table = _compare(found, market, dials, booked / 100)
    if plot is not None:
        from almanac.simulation.plot import save

        save(table.results, found.sessions.origin, plot)
    if json:
        output.as_json(table.to_json())
    else:
        _show(table)


def _check(plot: Path | None, sweep: str | None) -> None:
    """What can be told before a trace is read and played for minutes."""
    from almanac.core.errors import BadRequest
    from almanac.simulation.plot import check

    if sweep is not None and sweep not in SWEEPS:
        raise BadRequest(f"There is no sweep over {sweep!r}.", hint=f"Choose one of {', '.join(SWEEPS)}.")
    if sweep is not None and plot is not None:
        raise BadRequest("A sweep has no picture.", hint="Leave --plot or --sweep out.")
    if plot is not None:
        check(plot)


def _compare(found: Input, market: Market, dials: Dials, booked: float) -> Comparison:
    from almanac.simulation.comparison import compare, rounds
    from almanac.simulation.reading import product_forecaster
    from almanac.simulation.traffic import traffic

    played = traffic(found.sessions, booked, market.seed)
    with output.progress(rounds(played)) as told:
        return compare(played, market, product_forecaster(), found.first_hour, dials, told=told)


def _show(table: Comparison) -> None:
    headings = (
        "Policy",
        "Slot-hours",
        "Of peak",
        "Of oracle",
        "At once",
        "In 5 min",
        "In 12 min",
        "Rejected",
        "p99 wait",
        "Used",
    )
    rows = [
        (
            row.policy,
            f"{row.slot_hours:,.0f}",
            f"{row.vs_peak:.1%}",
            f"{row.vs_oracle:.2f}x",
            f"{row.at_once:.2%}",
            f"{row.within_5_min:.2%}",
            f"{row.within_12_min:.2%}",
            f"{row.rejected:.2%}",
            f"{row.p99_wait_s:.0f} s",
            f"{row.utilisation:.0%}",
        )
        for row in table.rows.values()
    ]
    from almanac.forecasting.trouble import count

    output.table(headings, rows, empty="Nothing was played.")
    days = table.hours / 24
    output.say(
        f"{count(table.sessions, 'session')}, {count(table.workshops, 'workshop')} booked; scored over {days:.0f} days after "
        f"{table.learning / 24:.0f} to learn from; at most {count(table.peak, 'slot')} in use at once."
    )


def _sweep(found: Input, what: str, market: Market, dials: Dials, booked: float, *, as_json: bool) -> None:
    """Ours alone, with one thing varied."""
    from almanac.simulation.engine import Engine
    from almanac.simulation.market import UNLIMITED
    from almanac.simulation.ours import Almanac
    from almanac.simulation.reading import product_forecaster
    from almanac.simulation.traffic import traffic

    cases: dict[str, list[tuple[str, Market, float]]] = {
        "booked": [(f"{share:.0%} booked", market, share) for share in (1.0, 0.7, 0.4, 0.0)],
        "on-demand": [
            (f"{'any' if cap == UNLIMITED else cap} on demand", replace(market, on_demand_cap=cap), booked)
            for cap in (UNLIMITED, 40, 20, 10, 0)
        ],
        "start-up": [
            (f"{boot // 60} min to start", replace(market, boot_s=boot), booked) for boot in (0, 120, 300, 600, 1200)
        ],
    }
    rows = []
    with output.progress(len(cases[what])) as told:
        for name, terms, share in cases[what]:
            told(name)
            played = traffic(found.sessions, share, market.seed)
            policy = Almanac(terms, product_forecaster(), found.first_hour, dials)
            rows.append((name, Engine(played, terms, policy).run()))
    if as_json:
        facts = ("slot_hours", "at_once", "within_5_min", "rejected", "utilisation")
        output.as_json({name: {fact: getattr(result, fact) for fact in facts} for name, result in rows})
        return
    headings = ("", "Slot-hours", "At once", "In 5 min", "Rejected", "Used")
    shown = [
        (
            name,
            f"{r.slot_hours:,.0f}",
            f"{r.at_once:.2%}",
            f"{r.within_5_min:.2%}",
            f"{r.rejected:.2%}",
            f"{r.utilisation:.0%}",
        )
        for name, r in rows
    ]
    output.table(headings, shown, empty="Nothing was played.")


def _seconds(text: str) -> int:
    """A length in seconds; 0 is one, too: a site that wants no notice, say."""
    return 0 if text.strip() in {"0", "0s", "0m", "0h"} else round(options.length(text).total_seconds())
