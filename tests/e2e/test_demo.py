"""``make demo``, as people run it: in a process of its own, with a real Spark."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from almanac.demo import processes_of

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
PICTURES = {
    f"{case}-{data}.png" for case in ("source-counts", "mean-proper-motions") for data in ("sample", "generated")
}
PATIENCE_S = 500.0
"""A machine whose tests of clouds run meanwhile is slow."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a demo with output in ``tmp_path``; afterwards nothing of it may run."""
    demos: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "almanac.demo", "--output", str(tmp_path), *arguments]
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
        demos.append(demo)
        return demo

    yield start
    for demo in demos:
        with demo:  # closes its pipe and waits for it
            demo.kill()
    for process in processes_of(tmp_path / "state"):
        process.kill()


def wait_for_line(demo: subprocess.Popen[str], text: str) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        if text in line:
            return
    pytest.fail(f"the demo ended without saying '{text}'")


def spark_runs(state: Path) -> bool:
    return any("org.apache.spark" in " ".join(command(process)) for process in processes_of(state))


def command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:  # it has ended since it was found
        return []


def test_the_demo_after_one_that_was_killed(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    killed = start("--rows", "20000")
    wait_for_line(killed, "asked to ready")
    killed.kill()
    killed.wait()
    assert spark_runs(tmp_path / "state")

    demo = start("--rows", "20000")
    said, _ = demo.communicate(timeout=PATIENCE_S)

    assert demo.returncode == 0, said
    assert "Ending what an earlier demo left running" in said
    assert "generated Gaia-like stars are there already" in said
    assert said.count("equal to numpy's") == 4
    assert processes_of(tmp_path / "state") == []
    assert {path.name for path in tmp_path.glob("*.png")} == PICTURES
    for path in tmp_path.glob("*.png"):
        with Image.open(path) as image:
            image.verify()
    times = {entry["what"]: entry["seconds"] for entry in json.loads((tmp_path / "times.json").read_text())}
    assert {"asked to ready", "ready to first result", "mean proper motions, generated"} <= times.keys()


def test_ctrl_c_gives_everything_back(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    demo = start("--rows", "20000")
    deadline = time.monotonic() + PATIENCE_S
    while not spark_runs(tmp_path / "state"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    demo.send_signal(signal.SIGINT)
    time.sleep(0.5)
    demo.send_signal(signal.SIGINT)  # an impatient second one changes nothing
    said, _ = demo.communicate(timeout=PATIENCE_S)

    assert demo.returncode == 130, said
    assert "Interrupted; everything was given back." in said
    assert processes_of(tmp_path / "state") == []


def test_bad_input_is_a_sentence(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    demo = start("--rows", "0")
    said, _ = demo.communicate(timeout=PATIENCE_S)

    assert demo.returncode == 1
    assert "The demo failed: 0 rows can't be generated: ask for at least 1" in said
    assert "Traceback" not in said


def test_only_processes_of_the_state_count(tmp_path: Path) -> None:
    sleeper = ["sleep", "60"]
    mine = subprocess.Popen(sleeper, env={**os.environ, "ALMANAC_STATE": str(tmp_path)})
    other = subprocess.Popen(sleeper, env={**os.environ, "ALMANAC_STATE": f"{tmp_path}/another"})
    try:
        while psutil.Process(mine.pid).name() != "sleep":
            time.sleep(0.01)
        assert [process.pid for process in processes_of(tmp_path)] == [mine.pid]
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
