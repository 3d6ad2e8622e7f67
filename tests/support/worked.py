"""Run the worked examples: a program of its own, as it makes the network between two workers slow.

``run`` starts it in a network namespace, where it starts a cluster, runs the notebooks one after the other as a kernel would, and
says when which cell ran.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import almanac
from almanac.spark.runtime import Runtime
from almanac.spark.trial import Trial, trial_spec

NOTEBOOKS = Path(almanac.__file__).parent / "data" / "notebooks" / "bottlenecks"
WORKERS = ("127.0.0.2", "127.0.0.3")
"""Two machines, for Spark: else it reads a neighbour's shuffle from disk."""
BETWEEN_WORKERS = "80mbit"
SLOW = (
    "ip link set lo up",
    "tc qdisc add dev lo root handle 1: htb",  # what no filter sends elsewhere isn't slowed
    f"tc class add dev lo parent 1: classid 1:4 htb rate {BETWEEN_WORKERS} burst 512kb quantum 64000",
    "tc filter add dev lo parent 1: protocol ip u32 match ip src 127.0.0.2/31 flowid 1:4",
)
APART = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--net", "--user", "--map-root-user")


@dataclass(frozen=True, slots=True)
class Ran:
    """A notebook that was run.

    Attributes:
        spans: tag of a cell -> when it ran, as ms since 1970.
        trouble: where a cell failed, the traceback.
    """

    spans: dict[str, tuple[float, float]]
    trouble: str = ""


def names() -> list[str]:
    """The examples'; the healthy one first, as its text asks for."""
    return sorted((path.stem for path in NOTEBOOKS.glob("*.ipynb")), key=lambda name: (name != "healthy", name))


def run(root: Path, runtime: Runtime) -> dict[str, Ran]:
    """Run all of them on one cluster; its event log is below ``root`` then."""
    argv = [*APART, sys.executable, "-m", "tests.support.worked", str(root), json.dumps(asdict(runtime))]
    environment = {**os.environ, "SPARK_CONNECT_MODE_ENABLED": "1", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return {
        name: Ran({tag: tuple(span) for tag, span in ran["spans"].items()}, ran["trouble"])
        for name, ran in told.items()
    }


def event_log(root: Path) -> Path:
    """What the cluster told of itself."""
    (found,) = (root / "run/connect/events").glob("eventlog_v2_*")
    return found


def main(root: Path, runtime: Runtime) -> None:
    """The program."""
    for command in SLOW:
        subprocess.run(command.split(), check=True)
    home = root / "home"
    home.mkdir()
    os.chdir(home)
    with Trial(trial_spec(workers=2, hosts=WORKERS), runtime, root) as trial:
        trial.start("master", "connect", "worker-1", "worker-2")
        ran = {name: asdict(_run(name, trial.url)) for name in names()}
    print(json.dumps(ran))


def _run(name: str, url: str) -> Ran:
    """One notebook, in a session of its own, at the least size."""
    from pyspark.sql.connect.session import SparkSession

    warnings.simplefilter("ignore")
    spans: dict[str, tuple[float, float]] = {}
    spark = SparkSession.builder.remote(url).create()
    names: dict[str, Any] = {"spark": spark, "__name__": "__main__"}
    try:
        for cell in json.loads((NOTEBOOKS / f"{name}.ipynb").read_text())["cells"]:
            if cell["cell_type"] == "code":
                began = time.time()
                exec(compile(_least("".join(cell["source"])), name, "exec"), names)  # noqa: S102
                spans |= {tag: (1000 * began, 1000 * time.time()) for tag in cell["metadata"].get("tags", ())}
    except Exception:  # noqa: BLE001  (a test says which example failed, and the others go on)
        return Ran(spans, traceback.format_exc())
    finally:
        spark.stop()
    return Ran(spans)


def _least(source: str) -> str:
    """A cell at the least size that still provokes what it should."""
    return re.sub(r"^SIZE = \d+", "SIZE = 1", source, flags=re.MULTILINE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Runtime(**json.loads(sys.argv[2])))
