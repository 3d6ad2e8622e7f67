"""Durable bookings per second through the HTTP API, on SQLite and PostgreSQL, and a tick of the loop with many live bookings.

Compares the two databases: the same server, clients and requests, one after the other, in one run. Every client books over
HTTP with a connection of its own; afterwards the database is read: each booking that was answered must be there once
(``lost``), and no host may be overbooked (``double``). On SQLite all that is done once more while plans are made six times
as often as the product does at most (``with_plans``: how many bookings per second of those without). Then 10,000 live
bookings are put in place and a tick of the loop is timed and its memory measured, on SQLite. Prints one JSON line. Aims:
>= 100 bookings/s on PostgreSQL, a tick < 1 s and < 500 MB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # tests.support is there, and the benchmark called calendar must not hide the library

import httpx2
import numpy as np
import psutil
from cryptography.fernet import Fernet
from tests.support.postgres import temporary_postgres

from almanac.core.bookings import Phase
from almanac.core.catalogue import Profile
from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.ports import Limits
from almanac.core.resources import Flavor, Host, Resources
from almanac.factory import Almanac, compose, wall_clock
from almanac.forecasting.series import Series
from almanac.services.caller import Caller, Role
from almanac.services.dials import Dials
from almanac.services.records import load_order
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.simulated import SimulatedSite
from almanac.sites.simulated.world import LeaseRecord
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

FLAVORS = (Flavor("head", Resources(1, 2048, 2)), Flavor("worker", Resources(1, 2048, 4)))
HOSTS = tuple(Host(f"host-{number}", Resources(64, 262_144, 2000)) for number in range(100))
PROFILE = Profile("spark-small", "Small", "head", "worker", workers=2, max_workers=2)
PLAN_EVERY_S = 5
"""The product plans for bookings that change once in 30 s at most."""
EVE = Caller("bench", roles={"bench": Role.MEMBER})


def make(url: str, rules: Rules | None = None) -> Almanac:
    """An Almanac with one simulated site of 100 hosts on a database."""
    database = Database(url)
    database.migrate()
    with database.write() as unit:
        unit.people.add_person(PersonRow("bench", datetime.now(UTC)))
        unit.people.add_project(ProjectRow("bench", "Benchmark", datetime.now(UTC)))
        unit.people.set_member("bench", "bench", "member")
    clock = wall_clock
    site = SimulatedSite("sim", HOSTS, FLAVORS, Limits(), clock)
    return compose(database, Vault(Fernet.generate_key()), [site], (PROFILE,), rules or Rules(), clock)


def plan_on(almanac: Almanac) -> None:
    """Plan for eight weeks of walk-ins, every ``PLAN_EVERY_S``, for as long as the process lives."""
    hours = 8 * 168
    start = floor_hour(datetime.now(UTC)) - timedelta(hours=hours)
    values = np.random.default_rng(0).poisson(6 + 5 * np.sin(np.arange(hours) / 24 * 2 * np.pi)).astype(np.float64)
    told = {Kind.WALK_IN: Series(start, values, values >= 0)}
    almanac.history.put(Caller("bench", operator=True), "made-up", PROFILE.name, told, datetime.now(UTC))

    def plan() -> None:
        while True:
            almanac.planning.make(datetime.now(UTC))
            time.sleep(PLAN_EVERY_S)

    threading.Thread(target=plan, daemon=True).start()


@contextmanager
def serving(url: str, *, plans: bool = False) -> Iterator[tuple[str, str]]:
    """A server process of its own on a database: its address and a token."""
    command = [sys.executable, __file__, "--serve", url, *(["--plans"] if plans else [])]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address, token = child.stdout.readline().split()
        yield address, token
    finally:
        child.terminate()
        child.wait()


def serve(url: str, *, plans: bool) -> None:
    """Serve the API until terminated; prints the address and a token first."""
    import uvicorn

    from almanac.api.app import create_app

    almanac = make(url, Rules(plan=Dials()) if plans else None)
    if plans:
        plan_on(almanac)
    token = almanac.accounts.create_token(EVE, "bench", datetime.now(UTC)).token
    config = uvicorn.Config(create_app(almanac), host="127.0.0.1", port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port} {token}", flush=True)
    thread.join()


def client(address: str, token: str, number: int, until: float) -> list[str]:
    """Book, one after the other, until the time is over; returns the ids that were answered."""
    made = []
    start = datetime.now(UTC) + timedelta(days=1)
    with httpx2.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
        while time.monotonic() < until:
            shift = timedelta(hours=(number * 997 + len(made) * 13) % 4000)
            body = {"profile": "spark-small", "duration_s": 3600, "start": (start + shift).isoformat()}
            answer = http.post("/api/v1/bookings", json=body)
            answer.raise_for_status()
            made.append(answer.json()["id"])
    return made


def throughput(url: str, clients: int, seconds: float, *, plans: bool = False) -> tuple[float, int, int]:
    """Bookings per second, how many of them were lost, and how many hosts are overbooked at some time."""
    with serving(url, plans=plans) as (address, token):
        client(address, token, 0, time.monotonic() + 1)  # warm up
        began = time.monotonic()
        with ThreadPoolExecutor(clients) as pool:
            parts = list(pool.map(lambda n: client(address, token, n, began + seconds), range(clients)))
        rate = sum(map(len, parts)) / (time.monotonic() - began)
    return rate, *audit(url, {booking for part in parts for booking in part})


def audit(url: str, answered: set[str]) -> tuple[int, int]:
    """Bookings that were answered but aren't in the database, and hosts that are overbooked at some time."""
    database = Database(url)
    with database.read() as unit:
        kept = {booking.id for booking in unit.bookings.list(project="bench")}
        claims = unit.claims.current("sim", datetime.now(UTC))
    database.close()
    changes: dict[str, list[tuple[datetime, int, int]]] = defaultdict(list)
    for claim in claims:
        changes[claim.host].append((claim.window.start, 1, claim.resources.cores))
        changes[claim.host].append((claim.window.end, 0, -claim.resources.cores))
    double = 0
    for found in changes.values():
        used = peak = 0
        for _, _, cores in sorted(found):
            used += cores
            peak = max(peak, used)
        double += peak > 64
    return len(answered - kept), double


def hold_all(almanac: Almanac) -> None:
    """Put all leases in place as the loop would, but at once."""
    site = almanac.catalogue.site("sim")
    with almanac.database.write() as unit, site.world.open() as state:
        for row in unit.leases.unfinished():
            order = load_order(row.id, row.window, row.order)
            state.leases[row.id] = LeaseRecord(row.id, "almanac", row.window, order.nodes, row.window.start)
            unit.leases.record(row.id, row.created_at, phase=Phase.READY, handle={"site": "sim", "lease": row.id})


def tick(url: str, live: int) -> None:
    """Time ticks with so many live bookings; prints JSON."""
    almanac = make(url)
    now = datetime.now(UTC)
    start = now + timedelta(days=1)
    for number in range(live):
        request = BookingRequest("spark-small", timedelta(hours=1), start + timedelta(hours=number % 400))
        almanac.bookings.book(EVE, request, now)
    hold_all(almanac)
    assert not almanac.reconciler.tick(), "nothing should be left to do"
    times = []
    for _ in range(7):
        began = time.perf_counter()
        almanac.reconciler.tick()
        times.append(time.perf_counter() - began)
    print(json.dumps({"tick_s": statistics.median(times), "tick_mb": psutil.Process().memory_info().rss / 2**20}))


def main() -> None:
    """Measure, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--live", type=int, default=10_000)
    parser.add_argument("--serve", metavar="URL", help=argparse.SUPPRESS)
    parser.add_argument("--plans", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--tick", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, plans=given.plans)
        return
    if given.tick:
        tick(given.tick, given.live)
        return
    with tempfile.TemporaryDirectory() as directory, temporary_postgres(durable=True) as server:
        sqlite = f"sqlite:///{directory}/bookings.db"
        rates = {"sqlite": throughput(sqlite, given.clients, given.seconds)}
        planned = f"sqlite:///{directory}/planned.db"
        rates["planned"] = throughput(planned, given.clients, given.seconds, plans=True)
        rates["postgres"] = throughput(server.create(), given.clients, given.seconds)
        command = [sys.executable, __file__, "--tick", f"sqlite:///{directory}/tick.db", "--live", str(given.live)]
        ticked = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    result = {
        "benchmark": "bookings",
        "compared": "the same API and clients on SQLite and on PostgreSQL",
        "clients": given.clients,
        "sqlite_per_s": round(rates["sqlite"][0], 1),
        "with_plans": round(rates["planned"][0] / rates["sqlite"][0], 3),
        "postgres_per_s": round(rates["postgres"][0], 1),
        "lost": sum(lost for _, lost, _ in rates.values()),
        "double": sum(double for _, _, double in rates.values()),
        "live": given.live,
        "tick_s": round(ticked["tick_s"], 3),
        "tick_mb": round(ticked["tick_mb"], 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
