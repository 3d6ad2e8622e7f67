"""What the plan costs and achieves on a trace, beside static, reactive and clairvoyant policies, all charged alike.

Prints one JSON line: ``policies`` with slot-hours, shares of a static peak and of the hourly oracle, and how long people
waited; ``forecast`` with the skill beside its shadow and the cover of its bands; ``planner`` with the time of one plan of 672
hours at 3 sites; ``booking`` with the median of a booking while plans
are made without a pause (the product makes one in half a minute) and while none is. What was assumed about the trace goes to
standard error.

    PYTHONPATH=src python benchmarks/planning.py --trace FILE [--scenario platform|small|contended] [--zone Europe/Berlin]
"""

from __future__ import annotations

import sys
from os.path import abspath, dirname

# A neighbour is named like a module of the standard library, which must stay importable from here on.
sys.path[:] = [path for path in sys.path if abspath(path) != dirname(abspath(__file__))]  # noqa: PTH100, PTH120

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from cryptography.fernet import Fernet

from almanac.core.catalogue import Profile
from almanac.core.demand import Sessions
from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.errors import AlmanacError
from almanac.core.plan import Firm, Problem, SiteTerms
from almanac.core.ports import Limits
from almanac.core.resources import Flavor, Host, Resources
from almanac.core.windows import Window
from almanac.factory import Almanac, compose, wall_clock
from almanac.forecasting.score import score
from almanac.forecasting.series import Series, concurrency
from almanac.planning.planner import plan
from almanac.services.caller import Caller, Role
from almanac.services.dials import Dials
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.simulation.comparison import Comparison, Service, compare
from almanac.simulation.market import Market
from almanac.simulation.ours import Dials as Promise
from almanac.simulation.reading import Input, load, product_forecaster
from almanac.simulation.traffic import Traffic, traffic
from almanac.sites.simulated import SimulatedSite
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

HOUR = timedelta(hours=1)
START = datetime(2026, 5, 4, tzinfo=UTC)
EVE = Caller("bench", roles={"bench": Role.MEMBER})


@dataclass(frozen=True)
class Scenario:
    """A platform's terms, its operator's promise, and what equal service means there."""

    market: Market
    dials: Promise
    service: Service


SCENARIOS: dict[str, Callable[[int], Scenario]] = {
    "platform": lambda seed: Scenario(Market(seed=seed), Promise(at_once=0.995), lambda result: result.at_once),
    "small": lambda seed: Scenario(Market(seed=seed), Promise(at_once=0.985), lambda result: result.within_5_min),
    "contended": lambda seed: Scenario(
        Market(on_demand_cap=10, seed=seed), Promise(at_once=0.99), lambda result: result.at_once
    ),
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trace", type=Path, help="CSV, Parquet or SWF; ten made-up weeks by default")
    parser.add_argument("--scenario", choices=SCENARIOS, default="platform")
    parser.add_argument("--booked", type=float, default=1.0, help="share of the workshops that were booked")
    parser.add_argument("--minutes", type=float, default=60, help="how long sessions last that don't say")
    parser.add_argument("--zone", default="UTC", help="where people live")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def made_up(seed: int) -> Input:
    """Ten weeks: people by day, and a class of twenty every third day."""
    rng = np.random.default_rng(seed)
    hours = np.arange(70 * 24)
    alone = np.repeat(hours, rng.poisson(12 * (1 - np.cos(2 * np.pi * hours / 24)))) * 3600
    alone = alone + rng.integers(0, 3600, len(alone))
    classes = [day * 86400 + 36000 + rng.integers(0, 1200, 20) for day in range(1, 70, 3)]
    arrival = np.concatenate((alone, *classes))
    group = np.concatenate((np.full(len(alone), -1), np.repeat(np.arange(len(classes)), 20)))
    order = np.argsort(arrival, kind="stable")
    ones = np.ones(len(arrival), np.int64)
    return Input(Sessions(START, arrival[order], 3600 * ones, ones, group[order]), 0, ("Ten made-up weeks.",))


def rounded(table: Comparison) -> dict[str, object]:
    rows = {
        name: {k: v if isinstance(v, str) else round(v, 5) for k, v in asdict(row).items()}
        for name, row in table.rows.items()
    }
    return table.to_json() | {"policies": rows, "vs_reactive": saving(table)}


def saving(table: Comparison) -> float:
    """Our slot-hours of those that an autoscaler needs for the same service."""
    return round(table.rows["almanac"].slot_hours / table.rows["reactive_equal"].slot_hours, 4)


def forecast_score(played: Traffic) -> dict[str, float]:
    alone = played.booking < 0
    found = score(concurrency(played.sessions.of(alone)))
    cover = {f"cover_{round(100 * level)}": round(share, 4) for level, share in found.cover.items()}
    return {"skill": round(found.skill, 4), **cover, "fit_s": round(found.fit_s, 4)}


def planner_time(rounds: int = 7) -> dict[str, object]:
    """One plan of 672 hours at three sites, with thirty bookings."""
    rng = np.random.default_rng(1)
    asked = (("a", 40, 1.0, 2, 1), ("b", 30, 1.2, 4, 2), ("c", 60, 1.5, 1, 6))
    terms = tuple(
        SiteTerms(name, quota, price, 0.2, least * HOUR, lead * HOUR) for name, quota, price, least, lead in asked
    )
    demand = rng.poisson(20 + 15 * np.sin(np.arange(672) / 24 * 2 * np.pi))
    firm = tuple(
        Firm(
            f"b-{n}",
            "abc"[n % 3],
            Window.lasting(START + int(rng.integers(8, 660)) * HOUR, 2 * HOUR),
            int(rng.integers(1, 9)),
        )
        for n in range(30)
    )
    problem = Problem(START, START, terms, demand, 30.0, firm)
    spent = []
    for _ in range(rounds):
        began = time.perf_counter()
        found = plan(problem)
        spent.append(time.perf_counter() - began)
    return {
        "hours": 672,
        "sites": 3,
        "seconds": round(statistics.median(spent), 4),
        "integral": found.integral,
        "leases": len(found.buy),
    }


def bookings_beside(seconds: float = 4.0) -> dict[str, object]:
    """The median of a booking while nobody plans, and while a plan is made at every change; one process, one database.

    They alternate, so that a noisy machine is as noisy for both.
    """
    with tempfile.TemporaryDirectory() as directory:
        app = make(f"sqlite:///{directory}/almanac.db")
        spent: dict[bool, list[float]] = {False: [], True: []}
        plans = 0
        stop, planning = threading.Event(), threading.Event()

        def plan_on() -> None:
            nonlocal plans
            while not stop.is_set():
                if planning.wait(0.01):
                    app.planning.make(app.clock())
                    plans += 1

        thread = threading.Thread(target=plan_on, daemon=True)
        thread.start()
        until = time.perf_counter() + seconds
        number = 0
        while time.perf_counter() < until:
            planned = number // 20 % 2 == 1
            planning.set() if planned else planning.clear()
            request = BookingRequest("spark-small", HOUR, app.clock() + timedelta(hours=24 + number * 13 % 2000))
            began = time.perf_counter()
            app.bookings.book(EVE, request, app.clock())
            spent[planned].append(time.perf_counter() - began)
            number += 1
        stop.set()
        thread.join()
        app.database.close()
    alone, beside = (round(1000 * statistics.median(spent[planned]), 2) for planned in (False, True))
    return {"alone_ms": alone, "beside_plans_ms": beside, "bookings": number, "plans": plans}


def make(url: str) -> Almanac:
    """An Almanac that plans for ten weeks of demand at three sites, with a floor."""
    database = Database(url)
    database.migrate()
    with database.write() as unit:
        unit.people.add_person(PersonRow("bench", datetime.now(UTC)))
        unit.people.add_project(ProjectRow("bench", "Benchmark", datetime.now(UTC)))
        unit.people.set_member("bench", "bench", "member")
    node = Flavor("node", Resources(1, 2048, 2))
    hosts = [Host(f"host-{number}", node.resources * 64) for number in range(30)]
    sites = [SimulatedSite(name, hosts, [node], Limits(minimum_lease=HOUR), wall_clock) for name in "abc"]
    profile = Profile("spark-small", "Small", "node", "node", workers=2, max_workers=2)
    app = compose(database, Vault(Fernet.generate_key()), sites, [profile], Rules(plan=Dials()))
    hours = 70 * 24
    start = floor_hour(wall_clock()) - hours * HOUR
    values = np.random.default_rng(0).poisson(6 + 5 * np.sin(np.arange(hours) / 24 * 2 * np.pi)).astype(np.float64)
    told = {Kind.WALK_IN: Series(start, values, values >= 0)}
    app.history.put(Caller("bench", operator=True), "made-up", "spark-small", told, wall_clock())
    app.planning.make(wall_clock())
    return app


def main() -> None:
    args = arguments()
    try:
        spent = timedelta(minutes=args.minutes)
        found = load(args.trace, duration=spent, local=args.zone, seed=args.seed) if args.trace else made_up(args.seed)
        print(*found.report, sep="\n", file=sys.stderr)
        played = traffic(found.sessions, args.booked, args.seed)
        scenario = SCENARIOS[args.scenario](args.seed)
        began = time.perf_counter()
        table = compare(
            played, scenario.market, product_forecaster(), found.first_hour, scenario.dials, service=scenario.service
        )
        line = {
            "benchmark": "planning",
            "trace": args.trace.name if args.trace else "made up",
            "scenario": args.scenario,
            **rounded(table),
            "simulated_s": round(time.perf_counter() - began, 1),
            "forecast": forecast_score(played),
            "planner": planner_time(),
            "booking": bookings_beside(),
        }
        print(json.dumps(line))
    except AlmanacError as error:
        raise SystemExit(f"{error.message} {error.hint}".strip()) from None


if __name__ == "__main__":
    main()
