"""Event logs in directories that strangers write to."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest

from almanac.diagnosis.finding import logs_in, opened

HERE = PurePosixPath("run/events")


@pytest.fixture
def events(tmp_path):
    directory = tmp_path / HERE
    directory.mkdir(parents=True)
    return directory


def rolling(events, name, *parts):
    directory = events / f"eventlog_v2_{name}"
    directory.mkdir()
    for number, text in enumerate(parts, 1):
        (directory / f"events_{number}_{name}").write_text(text)
    (directory / f"appstatus_{name}.inprogress").touch()
    return directory


def names(found):
    return [log.application for log in found]


def test_a_rolling_log_and_a_plain_one_the_oldest_first(tmp_path, events):
    directory = rolling(events, "app-1", "a", "bc")
    for part in directory.glob("events_*"):
        os.utime(part, (20, 20))
    (events / "app-0.zstd").write_text("plain")
    os.utime(events / "app-0.zstd", (10, 10))
    (events / "notes.txt").touch()
    found = logs_in(tmp_path, HERE)
    assert names(found) == ["app-0", "app-1"]
    assert found[1].size == 3
    with opened(tmp_path, HERE, found[1]) as parts:
        assert {name: os.read(number, 9) for name, number in parts.items()} == {
            "events_1_app-1": b"a",
            "events_2_app-1": b"bc",
        }


def test_no_directory_is_no_log(tmp_path):
    assert logs_in(tmp_path, HERE) == ()
    assert logs_in(tmp_path / "nowhere", HERE) == ()


@pytest.mark.parametrize("link", ["run", "run/events", "run/events/eventlog_v2_app-1", "run/events/app-1"])
def test_no_link_is_followed(tmp_path, link):
    elsewhere = tmp_path / "theirs"
    (elsewhere / "events").mkdir(parents=True)
    rolling(elsewhere / "events", "app-1", "secret")
    rolling(elsewhere, "app-1", "secret")
    (elsewhere / "events_1_app-1").write_text("secret")
    place = tmp_path / "node"
    (place / link).parent.mkdir(parents=True)
    (place / link).symlink_to(elsewhere if link != "run/events/app-1" else elsewhere / "events_1_app-1")
    assert logs_in(place, HERE) == ()


def test_a_part_that_becomes_a_link_isnt_opened(tmp_path, events):
    directory = rolling(events, "app-1", "mine")
    (found,) = logs_in(tmp_path, HERE)
    (directory / "events_1_app-1").unlink()
    (directory / "events_1_app-1").symlink_to("/etc/hostname")
    with pytest.raises(OSError), opened(tmp_path, HERE, found):  # noqa: PT011 - whichever the kernel says
        pass


def test_a_pipe_is_no_part(tmp_path, events):
    directory = rolling(events, "app-1")
    os.mkfifo(directory / "events_1_app-1")
    assert logs_in(tmp_path, HERE) == ()


def test_a_log_that_is_gone_meanwhile(tmp_path, events):
    directory = rolling(events, "app-1", "a")
    (found,) = logs_in(tmp_path, HERE)
    (directory / "events_1_app-1").unlink()
    with pytest.raises(FileNotFoundError), opened(tmp_path, HERE, found):
        pass
