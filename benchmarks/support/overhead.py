"""What monitoring takes from a Spark job: the same job on the same real cluster with and without, in turn.

Two comparisons, as monitoring has two parts. *Collecting*: a booked cluster of a real Almanac, whose Prometheus and node
exporter run or are stopped (SIGSTOP: nothing is scraped, neither from Spark nor from notebooks nor from the machine).
*Settings*: two clusters of one shape side by side, one with Almanac's settings of Spark's own metrics (endpoints, JVM
source, heartbeats and memory looks each second or two), one with Spark's defaults. In each pair the order changes, so that
a machine that warms up or slows down favours neither.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import psutil
from benchmarks.support.served import PATIENCE_S, BenchmarkError, Served, spread, tell

from almanac.client import book
from almanac.settings import default_cache
from almanac.spark import properties
from almanac.spark.archive import ensure_archive
from almanac.spark.runtime import find_runtime
from almanac.spark.trial import Trial, trial_spec

PROFILE, WORKERS, PARTITIONS = "spark-small", 2, 64
_FIRST_ROWS = 4_000_000
_WARM_UPS = 8
"""Jobs until the JVMs have compiled what they run."""
_RESTS, _REST_S = 3, 15.0
_COLLECTORS = ("prometheus", "prometheus-node-exporter")


@dataclass(frozen=True)
class Cost:
    """What a job took: seconds, and seconds of processors that the platform used meanwhile."""

    wall_s: float
    cpu_s: float


def collecting(served: Served, runs: int, job_s: float) -> dict[str, Any]:
    """The job while everything is collected, against the same while nothing is.

    Returns:
        ``overhead`` of time, and ``overhead_cpu`` of the processors' time of cluster, server, Prometheus and node exporter
        together, which others on the machine disturb less; ``collecting_cores``: processors that the last three
        kept busy meanwhile; ``at_rest_cores``: those that collecting takes of everything, the cluster included, while
        nothing else goes on; ``job_cores``: those that everything used without it.
    """
    platform = book(PROFILE, hours=1, client=served.client)
    try:
        rows = sized(platform.spark, job_s)
        collectors = _collectors(served.pid)
        beside = [psutil.Process(served.pid), *collectors]
        everything = [*beside, *_of_clusters(served)]
        cores: list[float] = []

        def monitored() -> Cost:
            before = _cpu_s(beside)
            cost = measured(platform.spark, rows, everything)
            cores.append((_cpu_s(beside) - before) / cost.wall_s)
            return cost

        def bare() -> Cost:
            with _stopped(served, collectors):
                return measured(platform.spark, rows, everything)

        found = pairs(monitored, bare, runs)
        at_rest = [_at_rest(served, collectors, everything) for _ in range(_RESTS)]
    finally:
        platform.release()
    return {
        **more(found, "overhead"),
        "collecting_cores": spread(cores),
        "at_rest_cores": spread(at_rest),
        "job_cores": spread([one.cpu_s / one.wall_s for _, one in found]),
        "n": runs,
    }


def _at_rest(served: Served, collectors: list[psutil.Process], everything: list[psutil.Process]) -> float:
    """Processors that collecting keeps busy while no job runs."""

    def cores() -> float:
        before, began = _cpu_s(everything), time.perf_counter()
        time.sleep(_REST_S)
        return (_cpu_s(everything) - before) / (time.perf_counter() - began)

    on = cores()
    with _stopped(served, collectors):
        return on - cores()


def settings(directory: Path, runs: int, job_s: float) -> dict[str, Any]:
    """The job on a cluster with Almanac's settings of Spark's metrics, against one with Spark's own."""
    from pyspark.sql.connect.session import SparkSession

    runtime = find_runtime(default_cache())
    ensure_archive(runtime, default_cache(), lambda *_: None)
    spec = trial_spec(workers=WORKERS)
    for name in ("with", "without"):
        (directory / name).mkdir()
    with mock.patch.multiple(properties, _METRICS={}, _APPLICATION_METRICS={}):
        plain = Trial(spec, runtime, directory / "without")
    names = ("master", "connect", *(f"worker-{number + 1}" for number in range(WORKERS)))
    with Trial(spec, runtime, directory / "with") as telling, plain:
        jobs = []
        for trial in (telling, plain):
            trial.start(*names)
            session = SparkSession.builder.remote(trial.url).create()
            rows = sized(session, job_s)
            jobs.append((session, _of_trial(trial)))
        found = pairs(*(partial(measured, session, rows, processes) for session, processes in jobs), runs)
        for session, _ in jobs:
            session.stop()
    return more(found, "settings_overhead")


def pairs(one: Callable[[], Cost], other: Callable[[], Cost], runs: int) -> list[tuple[Cost, Cost]]:
    """Both in turn, so many times."""
    found = []
    for number in range(runs):
        if number % 2:
            second, first = other(), one()
        else:
            first, second = one(), other()
        found.append((first, second))
        tell(f"{number + 1}/{runs}: with {first}, without {second}")
    return found


def more(found: list[tuple[Cost, Cost]], name: str) -> dict[str, Any]:
    """How much more the first of the pairs takes, as a share."""
    return {
        name: less_one([one.wall_s / other.wall_s for one, other in found]),
        f"{name}_cpu": less_one([one.cpu_s / other.cpu_s for one, other in found]),
    }


def less_one(ratios: list[float]) -> dict[str, float]:
    """Ratios less 1, and the standard error of their median, from their spread."""
    found = spread([ratio - 1 for ratio in ratios])
    if len(ratios) > 1:
        found["error"] = round(1.253 * statistics.stdev(ratios) / len(ratios) ** 0.5, 3)
    return found


def measured(session: Any, rows: int, processes: list[psutil.Process]) -> Cost:  # noqa: ANN401 - pyspark isn't typed
    """The job's cost, in these processes."""
    before = _cpu_s(processes)
    wall = timed(session, rows)
    return Cost(wall, _cpu_s(processes) - before)


def sized(session: Any, job_s: float) -> int:  # noqa: ANN401 - pyspark isn't typed
    """How many rows make a job of about so many seconds, on JVMs that are warm then."""
    rows = _FIRST_ROWS
    for _ in range(_WARM_UPS):
        rows = max(_FIRST_ROWS, round(rows * job_s / timed(session, rows)))
    return rows


def timed(session: Any, rows: int) -> float:  # noqa: ANN401 - pyspark isn't typed
    """Seconds of a job that computes, shuffles and aggregates, in stages of many tasks."""
    began = time.perf_counter()
    stars = session.range(0, rows, 1, PARTITIONS).selectExpr("id % 50000 AS star", "sqrt(id) AS flux")
    found = stars.groupBy("star").avg("flux").groupBy().count().collect()
    if found[0][0] != 50_000:
        raise BenchmarkError(f"Spark found {found} stars instead of 50000.")
    return time.perf_counter() - began


def _collectors(server: int) -> list[psutil.Process]:
    children = psutil.Process(server).children(recursive=True)
    found = [child for child in children if child.name()[:15] in {name[:15] for name in _COLLECTORS}]
    if len(found) != len(_COLLECTORS):
        raise BenchmarkError(f"Of {', '.join(_COLLECTORS)} only {len(found)} run beside the server.")
    return found


def _of_clusters(served: Served) -> list[psutil.Process]:
    """What runs of the server's clusters, executors included: their files are in its directory."""
    where = f"{served.state}/local/clusters/"
    found = [p for p in psutil.process_iter(["cmdline"]) if where in " ".join(p.info["cmdline"] or ())]
    if len(found) < WORKERS:
        raise BenchmarkError(f"Only {len(found)} processes of the cluster were found.")
    return found


def _of_trial(trial: Trial) -> list[psutil.Process]:
    """The JVMs of a trial, executors included."""
    first = [psutil.Process(process.pid) for process in trial.processes.values()]
    return [*first, *(child for process in first for child in process.children(recursive=True))]


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def _stopped(served: Served, processes: list[psutil.Process]) -> Iterator[None]:
    """Nothing is collected meanwhile; afterwards all is again."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()
        until(lambda: _health(served).get("trouble") == "")


def _health(served: Served) -> Mapping[str, Any]:
    return served.client.health().metrics or {}


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401 - what was waited for
    """Wait for something true.

    Raises:
        BenchmarkError: it doesn't come.
    """
    end = time.monotonic() + PATIENCE_S
    while not (seen := found()):
        if time.monotonic() > end:
            raise BenchmarkError(f"What was waited for didn't come in {PATIENCE_S:.0f} s.")
        time.sleep(0.2)
    return seen
