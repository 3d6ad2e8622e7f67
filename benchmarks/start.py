"""From asking for a Spark cluster to the first query's result: Almanac, cold and from its warm pool, beside stock Spark.

In turn (stock, Almanac, stock, ...), the same Spark on the same Java with workers of the same size is started by its own
sbin scripts, one after the other as its documentation has it, and by a booking at a real Almanac server with everything on
(notebook, isolation, secrets, metrics). Both end with the same query's result in this process, which has imported pyspark
before. Stock Spark runs bare, so the comparison is on its side. Afterwards the same Almanac keeps one cluster ready, and
bookings take it. The class-data archive, which set-up makes once, is there before the clock starts.
Prints one JSON line; ``cold_ratio`` is of the pairs. Aims: cold_ratio <= .3, warm_s <= 1.

    python benchmarks/start.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the benchmark called calendar must not hide the library

from benchmarks.support.served import PATIENCE_S, BenchmarkError, almanac, spread, tell

from almanac.client import Client, book
from almanac.core.defaults import built_in_flavors
from almanac.core.ports import PlacedNode
from almanac.core.resources import Resources
from almanac.settings import default_cache
from almanac.spark.archive import ensure_archive
from almanac.spark.layout import DRIVER_HEAP_MIB, worker_size
from almanac.spark.runtime import Runtime, find_runtime
from almanac.spark.trial import LOOPBACK, free_ports, trial_spec
from almanac.storage.database import Database

PROFILE, SITE = "spark-small", "local"
WORKERS = 2
MASTER = "org.apache.spark.deploy.master.Master"
WORKER = "org.apache.spark.deploy.worker.Worker"
CONNECT = "org.apache.spark.sql.connect.service.SparkConnectServer"


# --- stock Spark -----------------------------------------------------------------------------------------------------


class Stock:
    """Spark by its own scripts: what ``start-master.sh``, ``start-worker.sh`` and ``start-connect-server.sh`` run."""

    def __init__(self, runtime: Runtime, directory: Path) -> None:
        self._sbin = Path(runtime.spark_home) / "sbin"
        self._ports = free_ports(["master", "master-ui", "connect", "connect-ui", "worker-1-ui", "worker-2-ui"])
        self._master = f"spark://{LOOPBACK}:{self._ports['master']}"
        self._environment = {
            **os.environ,
            "JAVA_HOME": runtime.java_home,
            "SPARK_HOME": runtime.spark_home,
            "SPARK_LOCAL_IP": LOOPBACK,
            "SPARK_LOG_DIR": str(directory / "logs"),
            "SPARK_PID_DIR": str(directory / "pids"),
            "SPARK_WORKER_DIR": str(directory / "work"),
            "SPARK_LOCAL_DIRS": str(directory / "scratch"),
        }

    def start(self) -> str:
        """Run the scripts and wait for Spark Connect; returns its address."""
        heap = f"{_executor_heap_mib()}m"
        where = ("--host", LOOPBACK, "--port", str(self._ports["master"]))
        self._run("spark-daemon.sh", "start", MASTER, "1", *where, "--webui-port", str(self._ports["master-ui"]))
        for number in range(1, WORKERS + 1):
            page = ("--host", LOOPBACK, "--webui-port", str(self._ports[f"worker-{number}-ui"]))
            size = ("--cores", "1", "--memory", heap)
            self._run("spark-daemon.sh", "start", WORKER, str(number), *page, *size, self._master)
        settings = {
            "spark.connect.grpc.binding.address": LOOPBACK,
            "spark.connect.grpc.binding.port": self._ports["connect"],
            "spark.ui.port": self._ports["connect-ui"],
            "spark.executor.memory": heap,
            "spark.driver.memory": f"{DRIVER_HEAP_MIB}m",
        }
        given = (part for key, value in settings.items() for part in ("--conf", f"{key}={value}"))
        self._run("start-connect-server.sh", "--master", self._master, *given)
        _wait_for(self._ports["connect"])
        return f"sc://localhost:{self._ports['connect']}/"

    def stop(self) -> None:
        """End it, the driver first."""
        for what, number in ((CONNECT, 1), *((WORKER, i) for i in range(1, WORKERS + 1)), (MASTER, 1)):
            self._run("spark-daemon.sh", "stop", what, str(number))

    def _run(self, script: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._sbin / script, *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(f"{script} {' '.join(arguments)}: {done.stdout}{done.stderr}")


def _executor_heap_mib() -> int:
    """What the profile's workers give their executors."""
    flavor = {f.name: f for f in built_in_flavors(Resources(64, 1 << 20, 1 << 20), 1)}["worker-small"]
    return worker_size(trial_spec(), PlacedNode("worker-1", "worker", flavor, "")).heap_mib


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((LOOPBACK, port), 0.2).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise BenchmarkError(f"Nothing listens on port {port} after {PATIENCE_S:.0f} s.")


def time_stock(runtime: Runtime) -> float:
    """Seconds from the first script's start to the first result."""
    from pyspark.sql.connect.session import SparkSession

    with tempfile.TemporaryDirectory(prefix="almanac-stock-") as directory:
        stock = Stock(runtime, Path(directory))
        try:
            began = time.perf_counter()
            session = SparkSession.builder.remote(stock.start()).create()
            query(session)
            seconds = time.perf_counter() - began
            session.stop()
        finally:
            stock.stop()
    return seconds


# --- Almanac ---------------------------------------------------------------------------------------------------------


def time_booking(client: Client) -> float:
    """Seconds from asking to the first result; the booking is over and gone when this returns."""
    began = time.perf_counter()
    platform = book(PROFILE, hours=1, client=client)
    query(platform.spark)
    seconds = time.perf_counter() - began
    platform.release()
    deadline = time.monotonic() + PATIENCE_S
    while not platform.refresh().booking.over:
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{platform.id} hasn't ended after {PATIENCE_S:.0f} s.")
        time.sleep(0.2)
    return seconds


def wait_for_pool(database: Database) -> None:
    """Until a cluster stands ready."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with database.read() as unit:
            if unit.clusters.warm_ready(SITE, PROFILE):
                return
        time.sleep(0.5)
    raise BenchmarkError(f"No cluster stands ready after {PATIENCE_S:.0f} s.")


def query(session: object) -> None:
    """The same small query for all: a sum over four partitions."""
    answer = session.range(0, 1000, 1, 4).selectExpr("sum(id) AS s").collect()[0].s  # type: ignore[attr-defined]
    if answer != 499_500:
        raise BenchmarkError(f"Spark says {answer} instead of 499500.")


# --- the whole -------------------------------------------------------------------------------------------------------


def measure(runs: int, state: Path, runtime: Runtime) -> Mapping[str, object]:
    """All times: stock and cold in turn, then warm."""
    stock, cold, warm = [], [], []
    with almanac(state) as served:
        for number in range(1, runs + 1):
            stock.append(time_stock(runtime))
            cold.append(time_booking(served.client))
            tell(f"{number}/{runs}: stock {stock[-1]:.1f} s, Almanac cold {cold[-1]:.1f} s")
    with almanac(state, f"[warm]\n{PROFILE} = 1\n") as served:
        database = Database(f"sqlite:///{state / 'almanac.db'}")
        for number in range(1, runs + 1):
            wait_for_pool(database)
            warm.append(time_booking(served.client))
            tell(f"{number}/{runs}: Almanac warm {warm[-1]:.2f} s")
        database.close()
    ratios = [ours / theirs for ours, theirs in zip(cold, stock, strict=True)]
    return {
        "stock_s": spread(stock),
        "cold_s": spread(cold),
        "cold_ratio": spread(ratios),
        "warm_s": spread(warm),
        "n": runs,
        "java": runtime.java_version,
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="repetitions of each (5)")
    runs = parser.parse_args().runs
    if runs < 1:
        parser.error("--runs must be at least 1")
    warnings.simplefilter("ignore")
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    import pyspark.sql.connect.session  # noqa: F401 - before any clock starts, for stock and ours alike

    cache = default_cache()
    os.environ["ALMANAC_CACHE"] = str(cache)
    runtime = find_runtime(cache)
    ensure_archive(runtime, cache, lambda done, doing: tell(f"{done:4.0%}  {doing}"))
    with tempfile.TemporaryDirectory(prefix="almanac-start-") as directory:
        Path(directory).chmod(0o711)  # clusters' users pass through
        result = measure(runs, Path(directory) / "state", runtime)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # an exit would wait for threads of the Spark client
