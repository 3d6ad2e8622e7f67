"""A cloud's beginning and end: ended for certain, even when its start was killed half-way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.cloud import lifecycle, ports, processes
from scripts.cloud.stack import Stack, load
from scripts.cloud.steps import Clock

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--hosts", "1", "--open-hosts", "1")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "c"
    lifecycle.down(tmp_path / "c", Clock(quiet=True))


def test_it_goes_up_once_and_down_entirely(state: Path) -> None:
    told = command(state, "up", *SMALL)
    assert told.returncode == 0, told.stderr
    stack = stack_of(state)
    assert "openstack --os-cloud almanac" in told.stdout
    assert not [
        secret for secret in stack.secrets.values() if secret in told.stdout + told.stderr + command_lines(stack)
    ]
    assert "is up already" in command(state, "up", *SMALL).stderr
    assert command(state, "status").returncode == 0

    assert command(state, "down").returncode == 0
    assert_gone(stack)
    assert sorted(path.name for path in state.iterdir()) == ["lock", "log", "stack.json"]


def test_a_start_killed_half_way_leaves_nothing_after_down(state: Path) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "scripts.cloud", "--state", str(state), "up", *SMALL],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with start:
        assert start.stderr is not None
        for line in start.stderr:
            if "database" in line:
                break
        time.sleep(1.0)  # some services are being started now
        start.send_signal(signal.SIGKILL)
    stack = stack_of(state)
    assert processes.found(stack)
    assert command(state, "down").returncode == 0
    assert_gone(stack)


def test_an_interrupted_start_ends_what_it_started(state: Path) -> None:
    start = subprocess.Popen(
        [sys.executable, "-m", "scripts.cloud", "--state", str(state), "up", *SMALL],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with start:
        assert start.stderr is not None
        for line in start.stderr:
            if "database" in line:
                break
        start.send_signal(signal.SIGTERM)
        assert "Interrupted" in start.stderr.read()
    assert start.returncode == 130
    assert_gone(stack_of(state))


def stack_of(state: Path) -> Stack:
    stack = load(state)
    assert stack is not None
    return stack


def assert_gone(stack: Stack) -> None:
    assert not processes.found(stack)
    assert ports.all_free(range(min(stack.ports.values()), max(stack.ports.values()) + 1))


def command_lines(stack: Stack) -> str:
    return "".join(Path(f"/proc/{process}/cmdline").read_text() for process in processes.found(stack))


def command(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "scripts.cloud", "--state", str(state), *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
