"""A Prometheus that is killed, hangs or isn't there: an operator is told what to do, and bookings go on."""

from __future__ import annotations

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.integration.api.world import grow, plant
from tests.integration.monitoring.conftest import listening, until
from tests.integration.monitoring.test_prometheus import running
from tests.integration.portal.visitor import Visitor

from almanac.cli.main import run
from almanac.monitoring import daemon, prometheus
from almanac.monitoring.configuration import Collection
from almanac.monitoring.daemon import Daemon
from almanac.portal.app import create_app
from almanac.services.live import FRESH_FOR


@pytest.fixture
def world(sqlite_template, tmp_path):
    with TestClient(create_app(None)) as http:
        seed = plant(Path(shutil.copy(sqlite_template, tmp_path / "seed.db")))
        (tmp_path / "world").mkdir()
        with grow(seed, tmp_path / "world", http) as world:
            yield world


@pytest.fixture
def looked_at_often(monkeypatch):
    monkeypatch.setattr(daemon, "_HEALTH_EVERY_S", 0.05)
    monkeypatch.setattr(prometheus, "_LOOK_S", 0.2)


@pytest.fixture
def metrics(world, tmp_path):
    """A Prometheus that answers; its directory."""
    directory = tmp_path / "metrics"
    made = prometheus.Prometheus(directory, Collection("http://127.0.0.1:9"), tmp_path / "log", "the token")
    made.start()
    assert made.until_ready(60), made.trouble
    world.app.monitoring.use(made, {}, [made.daemon])
    yield directory
    made.stop()


def told(world) -> str:
    return world.call("anonymous", "GET", "/health").json()["metrics"]["trouble"]


def test_where_nothing_is_collected_nothing_is_missing(world):
    assert world.call("anonymous", "GET", "/health").json()["metrics"] is None


def test_killed_and_hindered_it_is_told_and_bookings_go_on(world, metrics, caplog):
    assert told(world) == ""
    (process,) = running(metrics)
    hindrance = metrics / "token.new"
    hindrance.mkdir()
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: "prometheus can't be run (Is a directory)" in told(world))
    assert "Bookings go on" in told(world)
    assert any("was killed (SIGKILL) and is started again; see log" in line for line in caplog.messages)
    page = Visitor(world).signed_in("operator").see("/operate").text
    assert "t be run (Is a directory); it is tried again." in page
    world.until_ready(world.book().id)
    hindrance.rmdir()
    until(lambda: told(world) == "")
    assert "be run (" not in Visitor(world).signed_in("operator").see("/operate").text


def test_one_that_hangs_is_told_until_it_goes_on(looked_at_often, world, metrics):
    (process,) = running(metrics)
    process.suspend()
    until(lambda: "prometheus runs but doesn't answer" in told(world))
    process.resume()
    until(lambda: told(world) == "")


def test_one_that_is_installed_later_is_started_then(world, tmp_path, monkeypatch, capsys):
    exporter = Daemon("late", "prometheus-node-exporter", lambda port: (str(port),), lambda: None, tmp_path / "log")
    world.app.monitoring.use(exporter, {}, [exporter])
    exporter.start()
    until(lambda: "late isn't installed: apt-get install prometheus-node-exporter" in told(world))
    with listening(world.http.app) as url:
        monkeypatch.setenv("ALMANAC_URL", url)
        assert run(["status"]) == 0
    assert "late isn't installed: apt-get install" in " ".join(capsys.readouterr().out.split())
    program = tmp_path / "bin" / "late"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nexec python3 -m http.server --bind 127.0.0.1 "$1"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    until(lambda: told(world) == "")
    exporter.stop()


def test_one_that_keeps_ending_is_told_as_such(tmp_path):
    broken = Daemon("false", "coreutils", lambda _: (), lambda: None, tmp_path / "log")
    broken.start()
    until(lambda: "ended with status 1, 3 times in a row, and is started again" in broken.trouble)
    broken.stop()


class Broken:
    """A Prometheus that is asked and says nothing."""

    def __init__(self):
        self.asked = 0

    def ask(self, *_):
        self.asked += 1
        raise prometheus.NoMetrics("Prometheus doesn't answer.", hint="Try again in a moment.")


def test_those_who_look_while_it_says_nothing_wait_for_one_question(world):
    broken, booking = Broken(), world.book().id
    world.app.monitoring.use(broken, {})
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: world.call("owner", "GET", f"/bookings/{booking}/metrics"), range(10)))
    assert {(answer.status_code, answer.json()["error"]["message"]) for answer in answers} == {
        (409, "Prometheus doesn't answer.")
    }
    assert broken.asked == 1
    world.clock.advance(FRESH_FOR * 2)
    assert world.call("owner", "GET", f"/bookings/{booking}/metrics").status_code == 409
    assert broken.asked == 2
