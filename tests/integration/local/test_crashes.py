"""kill -9 of Almanac at every point of a start and of a stop: the next call converges and leaves nothing behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from almanac.core.ports import ClusterState

FILES, LOGS = "gaia/people/ada", "gaia/logs/b-1"
SCRIPT = """
import os, signal, sys
from pathlib import Path
from tests.support.lab import Lab
call, cut_after, lab = sys.argv[2], int(sys.argv[3]), Lab(Path(sys.argv[1]))
spec = lab.spec()
print(flush=True)
spec = lab.given(spec, "gaia/people/ada", "gaia/logs/b-1")
handles = lab.site.start(spec) if call == "start" else lab.site.stop({"cluster": "c-1"})
for number, handle in enumerate(handles, 1):
    if number == cut_after:
        os.kill(os.getpid(), signal.SIGKILL)
"""
CHECKPOINTS = {"start": 5, "stop": 5}


def almanac(state: Path, call: str, cut_after: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, state, call, str(cut_after)], stdout=subprocess.PIPE, text=True
    )


def killed_at(state: Path, call: str, cut_after: int) -> None:
    with almanac(state, call, cut_after) as dying:
        assert dying.wait(60) == -signal.SIGKILL


def killed_after(state: Path, call: str, seconds: float) -> None:
    with almanac(state, call) as dying:
        dying.stdout.readline()
        try:
            dying.wait(seconds)
        except subprocess.TimeoutExpired:
            dying.kill()


@pytest.fixture
def kept(lab):
    """What ada has in the storage."""
    kept = lab.site.storage / FILES
    kept.mkdir(parents=True)
    (kept / "sky.ipynb").write_text("stars")
    return kept


def spec(lab):
    return lab.given(lab.spec(), FILES, LOGS)


def use(lab, text: str) -> None:
    """Ada works."""
    assert (lab.home() / "sky.ipynb").exists()
    (lab.home() / "sky.ipynb").write_text(text)
    (lab.home() / "new.txt").write_text(text)


def saved(lab, kept, text: str) -> None:
    assert {file.name: file.read_text() for file in kept.iterdir()} == {"sky.ipynb": text, "new.txt": text}
    assert (lab.site.storage / LOGS / "connect.log").exists()


def test_the_checkpoints_are_all_tried(lab, kept):
    assert len(list(lab.site.start(spec(lab)))) == CHECKPOINTS["start"]
    assert len(lab.stop()) == CHECKPOINTS["stop"]


@pytest.mark.parametrize("cut_after", range(1, CHECKPOINTS["start"] + 1))
def test_a_start_killed_at_a_checkpoint_is_completed_by_the_next(lab, kept, cut_after):
    killed_at(lab.state, "start", cut_after)
    lab.start(spec(lab))
    lab.ready()
    assert len(lab.processes(saying="http.server")) == 4
    use(lab, "more stars")
    lab.stop()
    saved(lab, kept, "more stars")
    assert lab.left() == []


@pytest.mark.parametrize("cut_after", range(1, CHECKPOINTS["start"] + 1))
def test_a_start_killed_at_a_checkpoint_can_be_stopped(lab, kept, cut_after):
    killed_at(lab.state, "start", cut_after)
    assert lab.seen().id == "c-1"
    lab.stop()
    assert lab.left() == []
    assert (kept / "sky.ipynb").read_text() == "stars"


@pytest.mark.parametrize("cut_after", range(1, CHECKPOINTS["stop"] + 1))
def test_a_stop_killed_at_a_checkpoint_is_completed_by_the_next(lab, kept, cut_after):
    lab.start(spec(lab))
    lab.ready()
    use(lab, "more stars")
    killed_at(lab.state, "stop", cut_after)
    lab.stop()
    saved(lab, kept, "more stars")
    assert lab.left() == []
    assert lab.stop() == [{"cluster": "c-1"}]


@pytest.mark.parametrize("cut_after", range(1, CHECKPOINTS["stop"] + 1))
def test_a_stop_killed_at_a_checkpoint_can_be_undone(lab, kept, cut_after):
    lab.start(spec(lab))
    lab.ready()
    use(lab, "more stars")
    killed_at(lab.state, "stop", cut_after)
    lab.start(spec(lab))
    lab.ready()
    assert (lab.home() / "new.txt").read_text() == "more stars"
    lab.stop()
    saved(lab, kept, "more stars")
    assert lab.left() == []


@pytest.mark.parametrize("seed", range(6))
def test_starts_and_stops_killed_anywhere_converge(lab, kept, seed):
    chance = random.Random(seed)  # noqa: S311
    killed_after(lab.state, "start", chance.uniform(0, 0.06))
    killed_after(lab.state, "start", chance.uniform(0, 0.4))
    lab.start(spec(lab))
    lab.ready()
    use(lab, f"seed {seed}")
    killed_after(lab.state, "stop", chance.uniform(0, 0.5))
    lab.stop()
    saved(lab, kept, f"seed {seed}")
    assert lab.left() == []


def test_a_keeper_killed_while_it_starts_is_replaced(lab):
    def killed() -> bool:
        for keeper in lab.processes(saying="sites.local.keeper"):
            with suppress(ProcessLookupError):
                os.kill(keeper, signal.SIGKILL)
        return lab.seen().state is ClusterState.DEAD

    for _ in range(5):
        lab.start(lab.spec())
        lab.until(killed)
    lab.start(lab.spec())
    lab.ready()
    assert len(lab.processes(saying="http.server")) == 4
