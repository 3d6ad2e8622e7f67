"""Event logs read in a process apart."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

import pytest
from tests.support.event_logs import MIB, App, Job, Stage, same, with_one

from almanac.diagnosis import apart
from almanac.diagnosis.diagnose import diagnose, shortened
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
from almanac.diagnosis.trouble import BadEventLog
from almanac.diagnosis.written import loaded, plain
from almanac.monitoring import event_log_reader
from almanac.monitoring.event_log_reader import EventLogReader


@contextmanager
def opened(*paths):
    numbers = {path.name: os.open(path, os.O_RDONLY) for path in paths}
    try:
        yield numbers
    finally:
        for number in numbers.values():
            os.close(number)


@pytest.fixture
def log(tmp_path):
    return App([Job([Stage(with_one(same(32), run=120_000))])]).write(tmp_path / "app-1")


def test_the_same_as_here(log):
    with opened(log) as parts:
        found = EventLogReader().diagnose(parts, Platform())
    assert found == diagnose(read(log))


def test_what_is_known_of_the_platform_counts(tmp_path):
    log = App([Job([Stage(same(32, cpu=0.2, read=256 * MIB))])]).write(tmp_path / "app-1")
    with opened(log) as parts:
        found = EventLogReader().diagnose(parts, Platform(storage_bytes_per_second=200 * MIB))
    assert "storage" in [cause.kind for cause in found.causes]


def test_a_rolling_log_is_read_in_its_order(log, tmp_path):
    lines = log.read_bytes().splitlines(keepends=True)
    second, first = tmp_path / "events_2_app-1", tmp_path / "events_1_app-1"
    first.write_bytes(b"".join(lines[:9]))
    second.write_bytes(b"".join(lines[9:]))
    with opened(second, first) as parts:
        assert EventLogReader().diagnose(parts, Platform()) == diagnose(read(log))


def test_what_is_no_log_is_refused_as_here(tmp_path):
    (tmp_path / "app-1").write_text("stars\n")
    with opened(tmp_path / "app-1") as parts, pytest.raises(BadEventLog, match="is not an event log") as refused:
        EventLogReader().diagnose(parts, Platform())
    assert "one JSON object a line" in refused.value.hint


def test_one_that_takes_too_long_is_given_up(log, monkeypatch):
    monkeypatch.setattr(event_log_reader, "_READER", (sys.executable, "-c", "input(); import time; time.sleep(60)"))
    with opened(log) as parts, pytest.raises(BadEventLog, match="took longer than"):
        EventLogReader(longest_s=0.2).diagnose(parts, Platform())


def test_one_that_kills_its_reader_costs_nobody_else(log, monkeypatch):
    monkeypatch.setattr(event_log_reader, "_READER", (sys.executable, "-c", "import os; os.abort()"))
    with opened(log) as parts, pytest.raises(BadEventLog, match="too large"):
        EventLogReader().diagnose(parts, Platform())


def test_one_that_is_larger_than_memory_is_told_so(monkeypatch, log):
    monkeypatch.setattr(apart, "run_of", lambda *_: (_ for _ in ()).throw(MemoryError))
    assert "too large" in apart.answer({"parts": {}, "platform": {}})["trouble"][0]


def test_only_so_much_of_a_log_is_read(monkeypatch, log):
    monkeypatch.setattr(apart, "MOST_BYTES", 4 * 2**10)
    number = os.open(log, os.O_RDONLY)
    found = apart.answer({"parts": {"app-1": number}, "platform": {}})["diagnosis"]
    assert any(note.startswith("Only the first") for note in found.notes)


def test_of_many_stages_the_longest_are_listed(tmp_path):
    stages = [Stage(same(2, run=1000 * number)) for number in (3, 1, 4, 2)]
    found = diagnose(read(App([Job(stages)]).write(tmp_path / "app-1")))
    short = shortened(found, 2)
    assert [stage.id for stage in short.stages] == [0, 2]
    assert "Of 4 stages, the 2 longest are listed." in short.notes
    assert shortened(found, 4) is found


def test_written_and_read_back(log):
    found = diagnose(read(log))
    assert loaded(plain(found)) == found
    with pytest.raises(BadEventLog, match="make no sense"):
        loaded(plain(found) | {"wall_s": None})
