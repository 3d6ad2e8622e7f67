"""Run the tiers of checks and tests, cheapest first, and say how long each took.

``scripts/tiers.py`` runs all, stopping after the first stage in which one fails; ``scripts/tiers.py unit cloud`` runs those
named. A cloud is waited for much of the time, so its tier runs beside those that keep the machine busy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
CORES = len(os.sched_getaffinity(0))

STATIC = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)
WORKERS = {
    "unit": CORES,
    "property": CORES,
    "contract": CORES,
    "integration": 3,
    "e2e": 3,
    "cloud": 5,
}
"""Test tiers, cheapest first, and how many processes share each: clusters and clouds are partly waited for, and want memory."""
SHARED = {"property": "worksteal", "contract": "worksteal", "cloud": "loadgroup"}
"""How processes share a tier's tests where it isn't by file: a few long ones, one file for all sites, modules and single ones."""


def commands(tier: str) -> list[list[str]]:
    """What a tier runs."""
    if tier == "lint":
        return [[str(BIN / name), *arguments] for name, *arguments in STATIC]
    spread = ["-n", str(WORKERS[tier]), "--dist", SHARED.get(tier, "loadfile")] if WORKERS[tier] > 1 else []
    where = cloud_tests() if tier == CLOUD else [f"tests/{tier}"]
    plugins = [] if tier == "e2e" else ["-p", "no:schemathesis"]  # its imports take as long as all others
    return [[str(BIN / "python"), "-m", "pytest", *where, *plugins, *spread, "-m", chosen(tier)]]


def cloud_tests() -> list[str]:
    """The modules with that marker, and the directories whose fixtures have it: to collect all tests takes a while."""
    marked = [path for path in (ROOT / "tests").rglob("*.py") if f"mark.{CLOUD}" in path.read_text()]
    return sorted({str((path.parent if path.stem == "conftest" else path).relative_to(ROOT)) for path in marked})


def chosen(tier: str) -> str:
    """Which tests of a tier run, as pytest's expression: all that this machine can, but those of another tier."""
    own = [CLOUD if tier == CLOUD else f"not {CLOUD}"]
    return " and ".join([*own, *(f"not {marker}" for marker in left_out() if marker != CLOUD)])


def left_out() -> list[str]:
    """Markers of tests that this machine can't run; set-up has said so. In CI nothing is left out."""
    return [] if os.environ.get("CI") else [marker for marker, there in NEEDS.items() if not there()]


def has_postgres() -> bool:
    """Whether PostgreSQL's server programs are installed."""
    return bool(shutil.which("initdb")) or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def has_browser() -> bool:
    """Whether Chromium and what the portal's pages load are there."""
    return bool(shutil.which("chromium")) and (ROOT / ".almanac" / "browser" / "node_modules").exists()


def has_cloud() -> bool:
    """Whether what OpenStack stands on is installed."""
    return Path("/usr/sbin/mariadbd").exists() and Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()


NEEDS = {
    "postgres": has_postgres,
    "door": lambda: bool(shutil.which("caddy")),
    "browser": has_browser,
    "cloud": has_cloud,
}
"""Markers of tests that need a program of Debian's."""
CLOUD = "cloud"
"""The tier of all tests with this marker, wherever they lie: they share real OpenStacks."""
AGAIN = ["-n", "1", "--dist", "loadgroup", "--last-failed", "--last-failed-no-failures=none", "-m", CLOUD]
"""How what failed in the cloud's tier is tried once more, one after the other and in clouds of its own: by the names that groups
give. A dozen services on two cores, with faults that only an upstream release mends, are late or refuse at times; what fails
twice is ours."""


STAGES = ((("lint",),), (("unit",),), (("property", "contract", "integration", "e2e"), ("cloud",)))
"""One after the other; a stage's lanes at the same time, and the tiers of a lane one after the other."""
TIERS = tuple(tier for stage in STAGES for lane in stage for tier in lane)


class Result(NamedTuple):
    """How a tier went."""

    tier: str
    passed: bool
    seconds: float


def run(tier: str, output: IO[str] | None) -> Result:
    """Run a tier.

    Args:
        tier: its name.
        output: where what it prints goes; None for here.
    """
    began = time.monotonic()
    passed = True
    for command in commands(tier):
        passed = _passes(tier, command, output) and passed
    if tier == CLOUD and not passed:
        print(f"\nWhat failed in the tier {CLOUD} is tried once more, alone.", flush=True)
        passed = _passes(tier, [str(BIN / "python"), "-m", "pytest", *cloud_tests(), *AGAIN], output)
    return Result(tier, passed, time.monotonic() - began)


def _passes(tier: str, command: list[str], output: IO[str] | None) -> bool:
    print(f"\n\033[1m{tier}\033[0m: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
    return subprocess.call(command, cwd=ROOT, stdout=output, stderr=output) == 0


def run_lane(lane: list[str], *, aside: bool) -> list[Result]:
    """Run tiers until one fails; what a lane aside prints is shown when it is over."""
    if not aside:
        return until_failed(lane, None)
    with tempfile.TemporaryFile("w+") as output:
        results = until_failed(lane, output)
        output.seek(0)
        print(f"\n\033[1m{' '.join(lane)}\033[0m has ended:\n{output.read()}", flush=True)
    return results


def until_failed(lane: list[str], output: IO[str] | None) -> list[Result]:
    """Run tiers until one fails."""
    results: list[Result] = []
    for tier in lane:
        results.append(run(tier, output))
        if not results[-1].passed:
            break
    return results


def run_stages(wanted: list[str]) -> list[Result]:
    """Run the wanted tiers until a stage fails."""
    results: list[Result] = []
    for stage in STAGES:
        lanes = [lane for lane in ([tier for tier in lane if tier in wanted] for lane in stage) if lane]
        if not lanes or not all(result.passed for result in results):
            continue
        with ThreadPoolExecutor(len(lanes)) as pool:
            ended = [pool.submit(run_lane, lane, aside=index > 0) for index, lane in enumerate(lanes)]
        results += [result for lane in ended for result in lane.result()]
    return results


def main() -> int:
    """Run the tiers named, or all; returns the exit status."""
    wanted = sys.argv[1:] or [tier for tier in TIERS if tier != CLOUD or CLOUD not in left_out()]
    unknown = [tier for tier in wanted if tier not in TIERS]
    if unknown:
        print(f"There is no tier {', '.join(unknown)}: choose from {', '.join(TIERS)}.", file=sys.stderr)
        return 2
    results = run_stages(wanted)
    print()
    for tier, passed, seconds in results:
        print(f"  {'passed' if passed else 'FAILED'}  {tier:<12} {seconds:7.1f} s")
    ran = {result.tier for result in results}
    for tier in wanted:
        if tier not in ran:
            print(f"  not run {tier}")
    if left_out():
        print(f"  Left out, for want of servers that aren't installed here: {', '.join(left_out())}.")
    return 0 if all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
