from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from almanac.core.errors import AlmanacError, Conflict
from almanac.server.files import StateFiles

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOLD = """
import sys
from pathlib import Path
from almanac.server.files import StateFiles
with StateFiles(Path(sys.argv[1])).only_server():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def files(tmp_path) -> StateFiles:
    files = StateFiles(tmp_path / "state")
    files.prepare()
    return files


def other_server(files: StateFiles) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(files.state)], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def test_nothing_runs_at_first(tmp_path):
    assert StateFiles(tmp_path / "nowhere").running() is None


def test_directories_and_files_are_for_their_owner_only(files):
    files.tell_address("http://127.0.0.1:1", NOW)
    files.tell_first_token("alm_x")
    assert stat.S_IMODE(files.state.stat().st_mode) == stat.S_IMODE(files.log.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (files.address, files.first_token)} == {0o600}


def test_a_server_is_found_with_its_address_once_it_listens(files):
    with files.only_server():
        assert files.running().pid == os.getpid()
        assert files.running().url is None
        files.tell_address("http://127.0.0.1:1", NOW)
        assert files.running().url == "http://127.0.0.1:1"
        assert files.running().started_at == NOW
    assert files.running() is None
    assert files.last_url() == "http://127.0.0.1:1"


def test_a_second_server_is_refused_by_name(files):
    with other_server(files) as process:
        with pytest.raises(Conflict, match=f"process {process.pid}") as caught, files.only_server():
            pass
        assert "almanac down" in caught.value.hint
        process.stdin.close()


def test_a_killed_server_leaves_no_lock_and_its_old_address_isnt_taken_for_a_new_ones(files):
    with other_server(files) as process:
        told = {"url": "http://127.0.0.1:1", "pid": process.pid, "started_at": NOW.isoformat()}
        files.address.write_text(json.dumps(told))
        assert files.running().url == "http://127.0.0.1:1"
        process.kill()
        process.communicate()
    assert files.running() is None
    with other_server(files) as process:
        assert files.running().url is None
        process.stdin.close()


def test_the_first_token_is_taken_once(files):
    files.tell_first_token("alm_x")
    assert [files.take_first_token(), files.take_first_token()] == ["alm_x", None]
    files.tell_first_token("alm_y")
    files.tell_first_token(None)
    assert files.take_first_token() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_a_broken_address_file_is_no_address(files, content):
    files.address.write_text(content)
    assert files.last_url() is None


def test_a_directory_that_cant_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AlmanacError, match="can't be used") as caught:
        StateFiles(tmp_path / "file" / "state").prepare()
    assert "--state DIR" in caught.value.hint
