"""Which clouds of killed test runs are ended by the next one."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.cloud import processes
from scripts.cloud.stack import Stack, plan
from tests.support import cloud


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose name is short enough for a socket's."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.fixture
def left(place: Path) -> Iterator[Stack]:
    """What a killed test run leaves: a cloud (of one process), and its two lock files."""
    state = place / "almanac-cloud-killed"
    stack = plan(state, place / "venv", hosts=1, open_hosts=1)
    stack.save()
    processes.start(stack, "mariadb", ["sleep", "300"])
    for suffix in (".gate", ".users"):
        state.with_suffix(suffix).touch()
    yield stack
    processes.end(stack)


def test_a_cloud_that_nobody_holds_is_ended(left: Stack, place: Path) -> None:
    cloud.sweep(place)
    assert not processes.found(left)
    assert list(place.iterdir()) == []


def test_a_cloud_in_use_is_left_alone(left: Stack, place: Path) -> None:
    with left.state.with_suffix(".users").open() as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cloud.sweep(place)
    assert processes.found(left)


def test_a_cloud_being_started_is_left_alone(left: Stack, place: Path) -> None:
    with left.state.with_suffix(".gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        cloud.sweep(place)
    assert processes.found(left)
