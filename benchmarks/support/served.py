"""A real Almanac to be measured, and how measurements are told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from almanac.client import Client
from almanac.client import credentials as stored

PATIENCE_S = 300.0


class BenchmarkError(Exception):
    """Something didn't start, or answered wrongly."""


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        state: its directory.
        client: signed in as its operator.
        url: its address.
        token: its operator's.
        pid: its process.
        browser_link: signs a browser in, once.
    """

    state: Path
    client: Client
    url: str
    token: str = field(repr=False)
    pid: int
    browser_link: str = field(repr=False)


@contextmanager
def almanac(state: Path, catalogue: str = "") -> Iterator[Served]:
    """A real server on a fresh state directory, with a catalogue's TOML text; it doesn't outlive a benchmark that is ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    (state / "catalogue.toml").write_text(catalogue)
    os.environ |= {
        "ALMANAC_STATE": str(state),
        "ALMANAC_CONFIG": str(state / "credentials.toml"),
        "ALMANAC_CATALOGUE": str(state / "catalogue.toml"),
    }
    told = json.loads(command("up", "--port", "0", "--json"))
    try:
        token = stored.load().servers[told["url"]].token
        with Client(told["url"], token) as client:
            yield Served(state, client, told["url"], token, told["pid"], told["browser_link"])
    finally:
        command("down", "--release")


def command(*arguments: str) -> str:
    """What a command of Almanac's prints.

    Raises:
        BenchmarkError: it fails.
    """
    whole = [sys.executable, "-m", "almanac.cli", *arguments]
    done = subprocess.run(whole, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"almanac {' '.join(arguments)}: {done.stderr}{done.stdout}")
    return done.stdout


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest."""
    return {
        "min": round(min(values), 3),
        "median": round(statistics.median(values), 3),
        "max": round(max(values), 3),
    }


def tell(line: str) -> None:
    """Say how far it is, beside the result."""
    print(line, file=sys.stderr, flush=True)
