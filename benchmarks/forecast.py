"""How good the forecast is on a trace, beside its seasonal-naive shadow.

Prints one JSON line. A week ahead is forecast from many past hours, knowing nothing later: pinball loss over the quantiles
.5, .9, .95 and .99, ``skill`` against the shadow, and the share of hours at or below each quantile. Of single sessions, the
hourly maximum of those at once is forecast; crowds of one group (classes and workshops, which are booked) are left out
unless ``--all``. What was assumed about the trace goes to standard error.

    PYTHONPATH=src python benchmarks/forecast.py --trace FILE [--all] [--minutes 60] [--size COLUMN] [--origin TIME]
"""

from __future__ import annotations

import sys
from os.path import abspath, dirname

# A neighbour is named like a module of the standard library, which must stay importable from here on.
sys.path[:] = [path for path in sys.path if abspath(path) != dirname(abspath(__file__))]  # noqa: PTH100, PTH120

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from almanac.core.demand import Sessions
from almanac.core.errors import AlmanacError
from almanac.core.windows import utc
from almanac.forecasting.score import Score, score
from almanac.forecasting.series import Series, concurrency, crowds
from almanac.forecasting.traces import Trace, read

WEEKS = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trace", type=Path, help="CSV, Parquet or SWF; a made-up half year by default")
    parser.add_argument("--all", action="store_true", help="forecast classes and workshops too, as if none were booked")
    parser.add_argument("--minutes", type=float, default=60, help="how long sessions last that don't say")
    parser.add_argument("--size", help="the column that says how many slots a session takes")
    parser.add_argument("--origin", type=datetime.fromisoformat, help="what counted times count from (with its zone)")
    return parser.parse_args()


def made_up() -> Trace:
    """Half a year of sessions: more by day and in the week, a level that wanders; the same each time."""
    rng = np.random.default_rng(0)
    hour = np.arange(WEEKS * 168)
    usual = 8 + 12 * np.clip(np.sin((hour % 24 - 7) / 24 * 2 * np.pi), 0, 1) * np.where(hour // 24 % 7 < 5, 1, 0.4)
    wander = np.exp(np.repeat(np.cumsum(rng.normal(0, 0.05, WEEKS * 7)), 24))
    hours = np.repeat(hour, rng.poisson(usual * wander))
    arrival = np.sort(3600 * hours + rng.integers(0, 3600, len(hours)))
    one = np.ones(len(arrival), np.int64)
    sessions = Sessions(datetime(2026, 1, 5, tzinfo=UTC), arrival, 3600 * one, one, -one)
    return Trace(sessions, None, (), ("A made-up half year.",))


def series(trace: Trace, *, everything: bool) -> Series:
    if trace.hourly is not None:
        return trace.hourly
    if trace.sessions is None:
        raise AssertionError("A trace holds sessions or hours.")
    alone = ~crowds(trace.sessions)
    chosen = trace.sessions if everything or not alone.any() else trace.sessions.of(alone)
    return concurrency(chosen, trace.outages)


def line(name: str, demand: Series, found: Score) -> dict[str, object]:
    known = demand.values[demand.known]
    return {
        "benchmark": "forecast",
        "trace": name,
        "hours": len(demand),
        "mean": round(float(known.mean()), 2),
        "peak": float(known.max()),
        "origins": found.origins,
        "skill": round(found.skill, 4),
        **{f"cover_{round(100 * level)}": round(share, 4) for level, share in found.cover.items()},
        "fit_s": round(found.fit_s, 4),
    }


def main() -> None:
    args = arguments()
    try:
        columns = {"size": args.size} if args.size else None
        origin = utc(args.origin) if args.origin else None
        spent = timedelta(minutes=args.minutes)
        trace = read(args.trace, duration=spent, origin=origin, columns=columns) if args.trace else made_up()
        demand = series(trace, everything=args.all)
        print(*trace.report, sep="\n", file=sys.stderr)
        print(json.dumps(line(args.trace.name if args.trace else "made up", demand, score(demand))))
    except AlmanacError as error:
        raise SystemExit(f"{error.message} {error.hint}".strip()) from None


if __name__ == "__main__":
    main()
