"""Holding up a program, with real pipes, ports and programs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from almanac.spark.gate import held_up

READS_TWICE = ("/bin/sh", "-c", 'echo started; cat "$1"; cat "$1"', "reader")


NEVER_READS = ("/bin/sh", "-c", "echo started; exec sleep 60")


@contextmanager
def running(tmp_path: Path, port: int, program: tuple[str, ...] = READS_TWICE) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "content").write_text("pools\n")
    argv = held_up("127.0.0.1", port, str(tmp_path / "a pipe"), str(tmp_path / "content"), program)
    argv += (str(tmp_path / "a pipe"),)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def master():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener


def test_a_program_starts_at_once_and_is_held_up_until_the_port_answers(tmp_path, master):
    with running(tmp_path, master.getsockname()[1]) as process:
        assert process.stdout.readline() == "started\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        master.listen()
        assert process.stdout.read() == "pools\npools\n"
        assert process.wait(10) == 0


def test_it_is_held_up_anew_at_each_start(tmp_path, master):
    (tmp_path / "a pipe").write_text("left by the start before")
    with running(tmp_path, master.getsockname()[1]) as process:
        assert process.stdout.readline() == "started\n"
        assert (tmp_path / "a pipe").is_fifo()
        master.listen()
        assert process.stdout.read() == "pools\npools\n"


def test_it_ends_when_it_is_told_to_while_held_up(tmp_path, master):
    with running(tmp_path, master.getsockname()[1]) as process:
        assert process.stdout.readline() == "started\n"
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


def test_nothing_is_left_of_one_that_is_killed_before_it_reads(tmp_path, master):
    master.listen()
    with running(tmp_path, master.getsockname()[1], NEVER_READS) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
        assert process.wait(10) == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while group_lives(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
