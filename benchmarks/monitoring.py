"""What monitoring costs: a Spark job, the server while people look, and the diagnosis while it reads an event log.

*Overhead* and *viewers*: see ``support/overhead.py`` and ``support/viewers.py``. *Log*: one that Spark 4.3 wrote (the tests'
own), the lines of its tasks repeated until it has the wanted size. A fresh process reads and diagnoses it, so that the peak
is its own, Python and libraries included. Prints one JSON line. Aims: overhead <= .01; as many questions for 30 viewers as
for one; >= 100 MB/s and < 200 MB for a log of 1 GB (``--mb 1000``).

    python benchmarks/monitoring.py [overhead] [viewers] [log]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[1])  # the benchmark called calendar must not hide the library

import zstandard
from benchmarks.support.overhead import collecting, settings
from benchmarks.support.served import almanac
from benchmarks.support.viewers import viewers

from almanac.settings import default_cache

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT / "tests" / "unit" / "diagnosis" / "spark-4.3-connect.zstd"
MB = 1_000_000
READ = """\
import json, re, sys, time
from pathlib import Path
from almanac.diagnosis.diagnose import diagnose
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
began = time.perf_counter()
run = read(Path(sys.argv[1]))
took = time.perf_counter() - began
found = diagnose(run, Platform())
peak = int(re.search("VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps({"read_s": took, "peak_kib": peak, "ran_s": found.spent.run}))
"""


def written(path: Path, size: int) -> int:
    """A log of about so many bytes; how many it has."""
    with REAL.open("rb") as packed:
        lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines(keepends=True)
    tasks = b"".join(line for line in lines if line.startswith(b'{"Event":"SparkListenerTaskEnd"'))
    with path.open("wb") as log:
        log.writelines(lines[:-1])
        while log.tell() < size:
            log.write(tasks)
        log.write(lines[-1])
        return log.tell()


def log(size: int, runs: int) -> dict[str, Any]:
    """Reading and diagnosing a log of about so many bytes."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        size = written(path, size)
        command = [sys.executable, "-c", READ, str(path)]
        seen = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
    rates = [size / MB / each["read_s"] for each in seen]
    return {
        "log_mb": round(size / MB),
        "log_mb_per_s": round(statistics.median(rates)),
        "log_mb_per_s_least": round(min(rates)),
        "log_peak_mb": round(max(each["peak_kib"] for each in seen) * 1024 / MB),
    }


def live(wanted: list[str], given: argparse.Namespace) -> dict[str, Any]:
    """What needs a real Almanac and a real Spark."""
    warnings.simplefilter("ignore")
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    os.environ["ALMANAC_CACHE"] = str(default_cache())
    found: dict[str, Any] = {"cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="almanac-monitoring-") as directory:
        Path(directory).chmod(0o711)  # clusters' users pass through
        with almanac(Path(directory) / "state") as served:
            if "overhead" in wanted:
                found |= collecting(served, given.runs, given.job_s)
            if "viewers" in wanted:
                found |= viewers(served, given.viewers, given.look_s)
        if "overhead" in wanted:
            found |= settings(Path(directory), given.runs, given.job_s)
    return found


def main() -> None:
    """Measure what is asked for, or everything, and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["overhead", "viewers", "log"], help="overhead, viewers, log")
    parser.add_argument("--runs", type=int, default=5, help="pairs of jobs, and reads of the log (5)")
    parser.add_argument("--job-s", type=float, default=8, help="length of a job, in seconds (8)")
    parser.add_argument("--viewers", type=int, default=30, help="who look at one booking (30)")
    parser.add_argument("--look-s", type=float, default=30, help="for how many seconds (30)")
    parser.add_argument("--mb", type=int, default=200, help="size of the log, in 10^6 bytes (200)")
    given = parser.parse_args()
    result: dict[str, Any] = {"benchmark": "monitoring"}
    if {"overhead", "viewers"} & set(given.what):
        result |= live(given.what, given)
    if "log" in given.what:
        result |= log(given.mb * MB, given.runs)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # an exit would wait for threads of the Spark client
