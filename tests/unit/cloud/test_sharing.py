"""Which clouds of killed test runs are ended by the next one."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripts.cloud import processes
from scripts.cloud.stack import Stack, plan
from tests.support import cloud


@pytest.fixture
def left(tmp_path: Path) -> Iterator[Stack]:
    """What a killed test run leaves: a cloud (of one process), and its two lock files."""
    state = tmp_path / "almanac-cloud-killed"
    stack = plan(state, tmp_path / "venv", hosts=1, open_hosts=1)
    stack.save()
    processes.start(stack, "mariadb", ["sleep", "300"])
    for suffix in (".gate", ".users"):
        state.with_suffix(suffix).touch()
    yield stack
    processes.end(stack)


def test_a_cloud_that_nobody_holds_is_ended(left: Stack, tmp_path: Path) -> None:
    cloud.sweep(tmp_path)
    assert not processes.found(left)
    assert list(tmp_path.iterdir()) == []


def test_a_cloud_in_use_is_left_alone(left: Stack, tmp_path: Path) -> None:
    with left.state.with_suffix(".users").open() as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cloud.sweep(tmp_path)
    assert processes.found(left)


def test_a_cloud_being_started_is_left_alone(left: Stack, tmp_path: Path) -> None:
    with left.state.with_suffix(".gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        cloud.sweep(tmp_path)
    assert processes.found(left)
