"""Prometheus comes back when it dies, goes when Almanac dies, and is missed in words only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest
from tests.integration.monitoring.conftest import until

from almanac.core.errors import SiteTrouble
from almanac.monitoring.configuration import Collection
from almanac.monitoring.daemon import Daemon
from almanac.monitoring.prometheus import NoMetrics, Prometheus


def running(directory) -> list[psutil.Process]:
    """The Prometheus processes on a directory."""
    found = psutil.process_iter(["cmdline"])
    return [p for p in found if f"--storage.tsdb.path={directory / 'data'}" in (p.info["cmdline"] or ())]


@pytest.fixture
def prometheus(tmp_path):
    made = Prometheus(tmp_path, Collection("http://127.0.0.1:9"), tmp_path / "log", "the token")
    made.start()
    yield made
    made.stop()


def test_killed_it_comes_back_with_what_it_knew(prometheus, tmp_path):
    assert prometheus.until_ready(60)
    (process,) = running(tmp_path)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: prometheus.trouble or running(tmp_path) not in ([], [process]))
    assert prometheus.until_ready(60)
    assert prometheus.ask("query", {"query": "vector(1)"})["result"][0]["value"][1] == "1"
    assert all((tmp_path / name).stat().st_mode & 0o77 == 0 for name in ("token", "web.yml", "prometheus.yml", "log"))
    assert "the token" not in " ".join(running(tmp_path)[0].cmdline())


def test_it_dies_with_almanac(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from almanac.monitoring.prometheus import Prometheus;"
        "from almanac.monitoring.configuration import Collection; d = Path(sys.argv[1]);"
        "p = Prometheus(d, Collection('http://127.0.0.1:9'), d / 'log', 't'); p.start(); p.until_ready(60);"
        "print('ready', flush=True); time.sleep(300)"
    )
    almanac = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert almanac.stdout.readline() == b"ready\n"
    assert len(running(tmp_path)) == 1
    almanac.kill()
    almanac.wait()
    almanac.stdout.close()
    until(lambda: not running(tmp_path))


def test_what_isnt_installed_is_said(tmp_path):
    daemon = Daemon("no-such-prometheus", "prometheus", lambda _: (), lambda: None, tmp_path / "log")
    daemon.start()
    until(lambda: "isn't installed" in daemon.trouble)
    with pytest.raises(SiteTrouble, match="apt-get install prometheus"):
        _ = daemon.url
    daemon.stop()


def test_a_program_that_ends_at_once_is_said(tmp_path):
    daemon = Daemon("false", "coreutils", lambda _: (), lambda: None, tmp_path / "log")
    daemon.start()
    until(lambda: "ended with status 1" in daemon.trouble)
    daemon.stop()


def test_a_directory_that_cant_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    made = Prometheus(tmp_path / "file", Collection("http://127.0.0.1:9"), tmp_path / "log", "t")
    made.start()
    until(lambda: "can't be run" in made.trouble)
    with pytest.raises(NoMetrics):
        made.ask("query", {"query": "up"})
    made.stop()
