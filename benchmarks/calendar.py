"""How long the capacity calendar takes to find and to book a slot, beside plain SQL on the same claims.

Prints one JSON line. The site is nearly full: on each host, four lanes of claims follow one another with minutes between
them, and an opening long enough for the request is rare at first and less so further ahead. Six nodes at once are first
free days from now, so every search has real work to do. The openings are the same whatever the number of claims.

    PYTHONPATH=src python benchmarks/calendar.py [--claims 100000] [--hosts 1000]
"""

from __future__ import annotations

import sys
from os.path import abspath, dirname

# This file is named like a module of the standard library, which must stay importable from here on.
sys.path[:] = [path for path in sys.path if abspath(path) != dirname(abspath(__file__))]  # noqa: PTH100, PTH120

import argparse
import gc
import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from almanac.core.capacity import Calendar
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOST = Resources(cores=64, memory_mib=256 * 1024, disk_gib=4000)
NODE = Flavor("worker", Resources(cores=16, memory_mib=60 * 1024, disk_gib=900))
HEAD = NodeGroup("head", Flavor("head", Resources(cores=4, memory_mib=16 * 1024, disk_gib=100)), 1)
NODES = NodeGroup("worker", NODE, 6)
LANES = 4
DAYS = 60
DURATION = timedelta(hours=4)
HOUR_S, DAY_S = 3600, 86400

Ints = npt.NDArray[np.int64]
T = TypeVar("T")


# --- the load --------------------------------------------------------------------------------------------------------


def busy_stretches(lanes: int, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Lane, start and end (s) of stretches without an opening. About one opening per lane; later ones are likelier."""
    lane, start, end = [], [], []
    for number in range(lanes):
        openings = np.sort(DAYS * DAY_S * rng.random(rng.poisson(1.0)) ** (1 / 3)).astype(int)
        since = -int(rng.integers(HOUR_S, DAY_S))
        for opening in [*openings, DAYS * DAY_S]:
            if opening - since > HOUR_S:
                lane.append(number)
                start.append(since)
                end.append(opening)
                since = opening + int(rng.integers(4 * HOUR_S, 12 * HOUR_S))
    return np.array(lane), np.array(start), np.array(end)


def make_claims(hosts: int, count: int, seed: int) -> Iterator[Claim]:
    """Exactly ``count`` claims that fill the busy stretches of all lanes, minutes apart."""
    rng = np.random.default_rng(seed)
    lane, start, end = busy_stretches(hosts * LANES, rng)
    if count < len(lane):
        raise SystemExit(f"{hosts} hosts take at least {len(lane)} claims to be nearly full")
    length = end - start
    share = 1 + rng.multinomial(count - len(lane), length / length.sum())
    for number, since, span, parts in zip(lane, start, length, share, strict=True):
        cuts = since + np.sort(np.append(rng.random(parts - 1), [0, 1])) * span
        for left, right in pairwise(cuts):
            until = right - min(20 * 60, 0.1 * (right - left)) * rng.random()
            window = Window(NOW + timedelta(seconds=left), NOW + timedelta(seconds=max(until, left + 1)))
            yield claim(f"host-{number // LANES}", NODE, 1, window, f"b-{number}")


def claim(host: str, flavor: Flavor, count: int, window: Window, holder: str) -> Claim:
    return Claim("site", host, "worker", flavor.name, count, flavor.resources * count, window, Holder.BOOKING, holder)


# --- the same question in SQL ----------------------------------------------------------------------------------------

SCHEMA = """
CREATE TABLE hosts (name TEXT PRIMARY KEY, cores INT, memory INT, disk INT) WITHOUT ROWID;
CREATE TABLE claims (host TEXT, starts_at INT, ends_at INT, cores INT, memory INT, disk INT);
CREATE INDEX claims_by_end ON claims (ends_at, starts_at);
CREATE INDEX claims_by_start ON claims (starts_at, ends_at);
"""

EARLIEST = """
WITH RECURSIVE
busy AS (
    SELECT host, max(starts_at, :lo) AS since, min(ends_at, :end) AS until, cores, memory, disk
    FROM claims WHERE ends_at > :lo AND starts_at < :end),
events AS (
    SELECT name AS host, :lo AS at, 0 AS cores, 0 AS memory, 0 AS disk FROM hosts
    UNION ALL SELECT host, since, cores, memory, disk FROM busy
    UNION ALL SELECT host, until, -cores, -memory, -disk FROM busy),
changes AS (
    SELECT host, at, sum(cores) AS cores, sum(memory) AS memory, sum(disk) AS disk FROM events GROUP BY host, at),
steps AS (
    SELECT host, at, lead(at, 1, :end) OVER host_time AS until, sum(cores) OVER host_time AS cores,
        sum(memory) OVER host_time AS memory, sum(disk) OVER host_time AS disk
    FROM changes WINDOW host_time AS (PARTITION BY host ORDER BY at)),
room AS (
    SELECT host, at, until, min((hosts.cores - steps.cores) / :cores, (hosts.memory - steps.memory) / :memory,
        (hosts.disk - steps.disk) / :disk, :nodes) AS fitting
    FROM steps JOIN hosts ON name = host WHERE until > at),
levels (level) AS (SELECT 1 UNION ALL SELECT level + 1 FROM levels WHERE level < :nodes),
leveled AS (
    SELECT host, level, at, until, at IS NOT lag(until) OVER (PARTITION BY host, level ORDER BY at) AS fresh
    FROM room JOIN levels ON level <= fitting),
islands AS (
    SELECT host, level, at, until, sum(fresh) OVER (PARTITION BY host, level ORDER BY at) AS island FROM leveled),
stays AS (
    SELECT min(at) AS first, max(until) - :duration AS last FROM islands
    GROUP BY host, level, island HAVING max(until) - min(at) >= :duration),
turns AS (SELECT first AS at, 1 AS change FROM stays UNION ALL SELECT last + 1, -1 FROM stays),
sums AS (SELECT at, sum(sum(change)) OVER (ORDER BY at) AS nodes FROM turns GROUP BY at)
SELECT min(at) FROM sums WHERE nodes >= :nodes
"""


class Sql:
    """The claims in SQLite, in memory, and the same slabs that double in width: the index serves each slab's range."""

    def __init__(self, hosts: Sequence[Host], claims: Sequence[Claim]) -> None:
        self._database = sqlite3.connect(":memory:")
        self._database.executescript(SCHEMA)
        self._database.executemany(
            "INSERT INTO hosts VALUES (?, ?, ?, ?)", [(host.name, *host.resources.vector[:3]) for host in hosts]
        )
        self.add(claims)
        self._database.execute("ANALYZE")

    def add(self, claims: Sequence[Claim]) -> None:
        """Store claims."""
        rows = [(c.host, ticks(c.window.start), ticks(c.window.end), *c.resources.vector[:3]) for c in claims]
        self._database.executemany("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", rows)

    def earliest(self, group: NodeGroup, duration: timedelta, not_before: datetime) -> datetime | None:
        """As the calendar's, for one group."""
        cores, memory, disk, _ = group.flavor.resources.vector
        asked = {"cores": cores, "memory": memory, "disk": disk, "nodes": group.count, "duration": duration // TICK}
        lo, width = ticks(not_before), HOUR_S * 10**6
        (horizon,) = self._database.execute("SELECT max(ends_at) FROM claims").fetchone()
        while lo <= max(horizon, ticks(not_before)):
            slab = {"lo": lo, "end": lo + width - 1 + duration // TICK}
            (found,) = self._database.execute(EARLIEST, asked | slab).fetchone()
            if found is not None:
                return NOW + int(found) * TICK
            lo, width = lo + width, 2 * width
        return None


def ticks(instant: datetime) -> int:
    return (instant - NOW) // TICK


# --- measuring -------------------------------------------------------------------------------------------------------


@dataclass
class Times:
    """Milliseconds, one per round."""

    earliest: list[float]
    book: list[float]
    sql: list[float]
    cluster: list[float]
    wait_days: list[float]


def measure(hosts: Sequence[Host], claims: Sequence[Claim], rounds: int, sql_rounds: int, seed: int) -> Times:
    """Search, book what was found, search again: each search sees the bookings before it. SQL answers now and then."""
    rng = np.random.default_rng(seed)
    calendar = Calendar(hosts, claims)
    sql = Sql(hosts, claims) if sql_rounds else None
    times = Times([], [], [], [], [])
    gc.freeze()
    for number in range(rounds):
        not_before = NOW + timedelta(minutes=int(rng.integers(0, 24 * 60)))
        spent, start = timed(partial(calendar.earliest, (NODES,), DURATION, not_before))
        times.earliest.append(spent)
        if start is None:
            raise SystemExit("the load leaves no room at all")
        if sql is not None and number % (rounds // sql_rounds) == 0:
            spent, told = timed(partial(sql.earliest, NODES, DURATION, not_before))
            times.sql.append(spent)
            if told != start:
                raise SystemExit(f"the calendar says {start}, SQL says {told}")
        times.cluster.append(timed(partial(calendar.earliest, (HEAD, NODES), DURATION, not_before))[0])
        spent, booked = timed(partial(book, calendar, Window.lasting(start, DURATION)))
        times.book.append(spent)
        times.wait_days.append((start - not_before) / timedelta(days=1))
        if sql is not None:
            sql.add(booked)
    gc.unfreeze()
    return times


def book(calendar: Calendar, window: Window) -> list[Claim]:
    placed = calendar.place((NODES,), window)
    if placed is None:
        raise SystemExit(f"found but not to be had: {window}")
    claims = [claim(each.host, NODE, each.count, window, "new") for each in placed]
    for each in claims:
        calendar.add(each)
    return claims


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds that it took, and its result."""
    since = time.perf_counter()
    result = act()
    return (time.perf_counter() - since) * 1e3, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--claims", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--sql-rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    hosts = [Host(f"host-{number}", HOST) for number in range(asked.hosts)]

    def run(count: int, sql_rounds: int) -> Times:
        return measure(hosts, list(make_claims(asked.hosts, count, asked.seed)), asked.rounds, sql_rounds, asked.seed)

    times = run(asked.claims, asked.sql_rounds)
    sizes = (10_000, 100_000, 1_000_000)
    growth = {count: statistics.median(run(count, 0).earliest) for count in sizes}
    print(json.dumps(report(asked, times, growth)))


def report(asked: argparse.Namespace, times: Times, growth: dict[int, float]) -> dict[str, object]:
    earliest, sql = statistics.median(times.earliest), statistics.median(times.sql)
    return {
        "benchmark": "calendar",
        "hosts": asked.hosts,
        "claims": asked.claims,
        "nodes": NODES.count,
        "duration_h": DURATION // timedelta(hours=1),
        "rounds": asked.rounds,
        "earliest_ms": round(earliest, 3),
        "earliest_max_ms": round(max(times.earliest), 3),
        "earliest_head_and_nodes_ms": round(statistics.median(times.cluster), 3),
        "book_ms": round(statistics.median(times.book), 3),
        "book_max_ms": round(max(times.book), 3),
        "sql_earliest_ms": round(sql, 3),
        "sql_rounds": len(times.sql),
        "sql_ratio": round(sql / earliest, 1),
        "growth_10k_to_1m": round(growth[1_000_000] / growth[10_000], 2),
        "growth_earliest_ms": {str(count): round(spent, 3) for count, spent in growth.items()},
        "median_wait_days": round(statistics.median(times.wait_days), 2),
        "compared": (
            "median of interleaved rounds: search, book what was found, search again; SQLite in memory answers the same "
            "question on the same claims in the same run, each answer asserted equal; growth: 100 times the claims on the "
            "same hosts over the same 60 days with the same openings, so 100 would be linear"
        ),
    }


if __name__ == "__main__":
    main()
