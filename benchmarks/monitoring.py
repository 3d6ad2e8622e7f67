"""How quickly, and in how much memory, the diagnosis reads an event log.

The log is one that Spark 4.3 wrote (the tests' own), the lines of its tasks repeated until it has the wanted size. A fresh
process reads and diagnoses it, so that the peak is its own, Python and libraries included. Prints one JSON line. Aims:
>= 100 MB/s and < 200 MB for 1 GB (``--mb 1000``).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import zstandard

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT / "tests" / "unit" / "diagnosis" / "spark-4.3-connect.zstd"
MB = 1_000_000
READ = """\
import json, resource, sys, time
from pathlib import Path
from almanac.diagnosis.diagnose import diagnose
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
began = time.perf_counter()
run = read(Path(sys.argv[1]))
took = time.perf_counter() - began
found = diagnose(run, Platform())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=200, help="size of the log, in 10^6 bytes")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "log"
        size = written(path, given.mb * MB)
        command = [sys.executable, "-c", READ, str(path)]
        seen = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(given.runs)]
    rates = [size / MB / each["read_s"] for each in seen]
    print(
        json.dumps(
            {
                "benchmark": "monitoring",
                "log_mb": round(size / MB),
                "log_mb_per_s": round(statistics.median(rates)),
                "log_mb_per_s_least": round(min(rates)),
                "log_peak_mb": round(max(each["peak_kib"] for each in seen) * 1024 / MB),
            }
        )
    )


if __name__ == "__main__":
    main()
