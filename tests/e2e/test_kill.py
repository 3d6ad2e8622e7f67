"""kill -9 of Almanac between every pair of checkpoints of a build and of a teardown, on the local site with real processes."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import killable
from tests.support.lab import Lab

pytestmark = pytest.mark.turn(-1)

MOST_POINTS = 60


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    killable.prepare(tmp_path / "state")
    yield tmp_path / "state"
    Lab(tmp_path / "state" / "local").close()


PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.support.killable"])


def run(state: Path, goal: str, points: int = -1) -> bool:
    """Run Almanac in a process of its own until its goal, or until it is killed; whether it lived."""
    process = PROCESSES.Process(target=killable.reach, args=(state, goal, points))
    process.start()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return False
    assert process.exitcode == 0, f"{goal} after {points}: exit status {process.exitcode}"
    return True


def masters(lab: Lab) -> int:
    """How many Spark masters run, of all clusters of this Almanac."""
    return len(lab.processes("", saying="/master"))


@pytest.mark.timeout(600)
def test_builds_and_teardowns_converge_from_every_point(state):
    """Each round dies one point later on the way to `ready`, and again on the way to `ended`, until both are reached alive."""
    lab = Lab(state / "local")
    for points in range(MOST_POINTS):
        run(state, "book")
        built = run(state, "ready", points)
        run(state, "ready")
        assert len(lab.site.observe().clusters) == len(lab.site.observe().leases) == masters(lab) == 1
        run(state, "release")
        ended = run(state, "ended", points)
        run(state, "ended")
        assert lab.left() == []
        assert lab.site.observe().leases == ()
        if built and ended:
            assert points >= 8
            return
    pytest.fail(f"more than {MOST_POINTS} points")
