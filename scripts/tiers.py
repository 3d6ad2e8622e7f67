"""Run the tiers of checks and tests, cheapest first, and say how long each took.

``scripts/tiers.py`` runs all but ``cloud``, stopping after the first tier that fails; ``scripts/tiers.py unit cloud`` runs
those named.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

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
    "integration": min(CORES, 2),
    "e2e": min(CORES, 2),
    "cloud": min(CORES, 2),
}
"""Test tiers, cheapest first, and how many processes share each: real clusters want memory."""
SHARED = {"contract": "worksteal"}
"""How processes share a tier's tests where it isn't by file: the contract is one file for all sites."""


def commands(tier: str) -> list[list[str]]:
    """What a tier runs."""
    if tier == "lint":
        return [[str(BIN / name), *arguments] for name, *arguments in STATIC]
    spread = ["-n", str(WORKERS[tier]), "--dist", SHARED.get(tier, "loadfile")] if WORKERS[tier] > 1 else []
    where = "tests" if tier == BY_ITSELF else f"tests/{tier}"
    return [[str(BIN / "python"), "-m", "pytest", where, *spread, "-m", chosen(tier)]]


def chosen(tier: str) -> str:
    """Which tests of a tier run, as pytest's expression: all that this machine can, but those of another tier."""
    own = [BY_ITSELF if tier == BY_ITSELF else f"not {BY_ITSELF}"]
    return " and ".join([*own, *(f"not {marker}" for marker in left_out() if marker != BY_ITSELF)])


def left_out() -> list[str]:
    """Markers of tests that this machine can't run; set-up has said so. In CI nothing is left out."""
    return [] if os.environ.get("CI") else [marker for marker, there in NEEDS.items() if not there()]


def has_postgres() -> bool:
    """Whether PostgreSQL's server programs are installed."""
    return bool(shutil.which("initdb")) or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def has_cloud() -> bool:
    """Whether what OpenStack stands on is installed."""
    return Path("/usr/sbin/mariadbd").exists() and Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists()


NEEDS = {"postgres": has_postgres, "cloud": has_cloud}
"""Markers of tests that need a server of Debian's."""
BY_ITSELF = "cloud"
"""The tier of all tests with this marker: it starts whole clouds and machines in them, and isn't yet quick enough for each
change, so it runs when it is named."""


def run(tier: str) -> tuple[bool, float]:
    """Run a tier; whether it passed, and its seconds."""
    began = time.monotonic()
    passed = True
    for command in commands(tier):
        print(f"\n\033[1m{tier}\033[0m: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
        passed = subprocess.call(command, cwd=ROOT) == 0 and passed
    return passed, time.monotonic() - began


def main() -> int:
    """Run the tiers named, or all; returns the exit status."""
    every = ["lint", *WORKERS]
    wanted = sys.argv[1:] or [tier for tier in every if tier != BY_ITSELF]
    unknown = [tier for tier in wanted if tier not in every]
    if unknown:
        print(f"There is no tier {', '.join(unknown)}: choose from {', '.join(every)}.", file=sys.stderr)
        return 2
    results: list[tuple[str, bool, float]] = []
    for tier in wanted:
        results.append((tier, *run(tier)))
        if not results[-1][1]:
            break
    print()
    for tier, passed, seconds in results:
        print(f"  {'passed' if passed else 'FAILED'}  {tier:<12} {seconds:7.1f} s")
    for tier in wanted[len(results) :]:
        print(f"  not run {tier}")
    if BY_ITSELF not in wanted:
        print(f"  Not in this run: the tests on a real OpenStack (make {BY_ITSELF}).")
    if left_out():
        print(f"  Left out, for want of servers that aren't installed here: {', '.join(left_out())}.")
    return 0 if all(passed for _, passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())
