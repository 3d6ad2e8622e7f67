"""Why a booking's Spark took as long as it did: while it runs, when it has ended, when its files are gone, beside another."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.diagnosed import HEALTHY, SKEWED, diagnosing, ended, running, saved
from tests.support.event_logs import MIB, App, Job, Stage, same

from almanac.diagnosis.findings import Platform
from almanac.services.conditions import Conditions
from almanac.services.diagnoses import Diagnoses


@pytest.fixture
def storage(tmp_path):
    return tmp_path / "storage"


@pytest.fixture
def here(world, storage):
    """A world whose bookings leave files."""
    storage.mkdir()
    return diagnosing(world, storage)


@pytest.fixture
def over(here, storage):
    """A booking that has ended, with a skewed job in its log."""
    booking = here.book(title="Proper motions").id
    here.until_ready(booking)
    saved(storage, booking, SKEWED)
    ended(here, booking)
    return booking


def told(world, booking: str, role: str = "owner", **query: str):
    answer = world.call(role, "GET", f"/bookings/{booking}/diagnosis", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(world, booking: str, status: int, role: str = "owner", **query: str):
    answer = world.call(role, "GET", f"/bookings/{booking}/diagnosis", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_the_cause_of_a_booking_that_has_ended(here, over):
    found = told(here, over)
    cause = found["diagnosis"]["causes"][0]
    assert (cause["kind"], cause["title"]) == ("skew", "Stage 0 waits for its longest task")
    assert cause["saved_s"] == pytest.approx(66.25)
    assert (found["live"], found["application"], found["applications"]) == (False, "app-1", ["app-1"])
    assert found["diagnosis"]["what_if"][0]["least_s"] <= found["diagnosis"]["what_if"][0]["most_s"]


def test_what_was_kept_survives_the_files_and_stands_on_the_receipt(here, over, storage):
    assert here.app.diagnoses.keep(here.clock())
    assert not here.app.diagnoses.keep(here.clock())
    shutil.rmtree(storage)
    assert told(here, over)["diagnosis"]["causes"][0]["kind"] == "skew"
    receipt = here.call("owner", "GET", f"/bookings/{over}/receipt").json()
    assert receipt["jobs"] == ["Stage 0 waits for its longest task: saves 1 min 6 s (55%)."]


def test_a_log_that_is_gone_before_it_was_read_is_told_so(here, over, storage):
    shutil.rmtree(storage / "gaia")
    before = refused(here, over, 409)
    here.app.diagnoses.keep(here.clock())
    assert refused(here, over, 409) == before
    assert before["code"] == "no_diagnosis"
    assert "is gone" in before["message"]
    assert "almanac diagnose EVENT_LOG" in before["hint"]
    assert here.call("owner", "GET", f"/bookings/{over}/receipt").json()["jobs"] == []


def test_a_running_booking_is_told_as_far_as_its_log_goes(here, monkeypatch, tmp_path):
    booking = running(here, monkeypatch, tmp_path / "node")
    waiting = refused(here, booking, 409)
    assert "hasn't begun" in waiting["message"]
    log = tmp_path / "node" / "events" / "eventlog_v2_app-1"
    log.mkdir()
    replace(SKEWED, ended=False).write(log / "events_1_app-1")
    found = told(here, booking)
    assert found["live"]
    assert found["diagnosis"]["causes"][0]["kind"] == "skew"
    assert not found["diagnosis"]["ended"]


def test_a_log_that_hasnt_grown_isnt_read_again(here, monkeypatch, tmp_path):
    booking = running(here, monkeypatch, tmp_path / "node")
    SKEWED.write(tmp_path / "node" / "events" / "app-1")
    first = told(here, booking)
    monkeypatch.setattr("almanac.monitoring.event_log_reader._READER", ("false",))
    assert told(here, booking) == first


def test_while_a_long_log_is_read_the_answer_is_to_look_again(here, monkeypatch, tmp_path, storage):
    booking = running(here, monkeypatch, tmp_path / "node")
    SKEWED.write(tmp_path / "node" / "events" / "app-1")
    go_on, reader = threading.Event(), here.app.diagnoses._looks._reader

    class Slow:
        def diagnose(self, parts, platform):
            go_on.wait()
            return reader.diagnose(parts, platform)

    nobody = Conditions(here.app.monitoring)
    slow = Diagnoses(here.app.database, here.app.catalogue, Slow(), nobody, storage, patience_s=0)
    here.http.app.state.almanac = replace(here.app, diagnoses=slow)
    error = refused(here, booking, 503)
    assert error["code"] == "still_reading"
    go_on.set()
    while (answer := here.call("owner", "GET", f"/bookings/{booking}/diagnosis")).status_code == 503:
        threading.Event().wait(0.02)
    assert answer.json()["diagnosis"]["causes"][0]["kind"] == "skew"


def test_two_runs_are_compared(here, storage, over):
    better = here.book().id
    here.until_ready(better)
    saved(storage, better, HEALTHY)
    ended(here, better)
    against = told(here, better, **{"with": over})["against"]
    assert against["gone"] == ["skew"]
    assert against["wall"]["before_s"] > against["wall"]["after_s"]
    assert told(here, better)["against"] is None


@pytest.mark.parametrize("kept", [False, True])
def test_of_several_applications_the_newest_is_told_unless_another_is_named(here, over, storage, kept):
    saved(storage, over, HEALTHY, "app-2")
    assert not kept or here.app.diagnoses.keep(here.clock())
    assert told(here, over)["applications"] == ["app-1", "app-2"]
    assert told(here, over)["diagnosis"]["causes"] == []
    assert told(here, over, application="app-1")["diagnosis"]["causes"][0]["kind"] == "skew"
    unknown = refused(here, over, 404, application="app-3")
    assert "app-3" in unknown["message"]
    assert unknown["hint"] == "There is: app-1, app-2."


def test_a_log_that_is_cut_is_told_as_far_as_it_goes(here, over, storage):
    (log,) = storage.rglob("events_1_*")
    log.write_bytes(log.read_bytes()[:-400])
    assert any("stops in the middle" in note for note in told(here, over)["diagnosis"]["notes"])


@pytest.mark.parametrize("text", [b"", b"no log\n", b'{"Event":"SparkListenerTaskEnd","Stage ID":0}\n'])
def test_a_log_that_is_none_is_told_so_and_that_is_kept(here, over, storage, text):
    (log,) = storage.rglob("events_1_*")
    log.write_bytes(text)
    assert "is not an event log of Spark" in refused(here, over, 409)["message"]
    here.app.diagnoses.keep(here.clock())
    assert "is not an event log of Spark" in refused(here, over, 409)["message"]


def test_without_a_job_there_is_nothing_to_judge(here, over, storage):
    (log,) = storage.rglob("events_1_*")
    App([]).write(log)
    found = told(here, over)["diagnosis"]
    assert (found["causes"], found["stages"], found["wall_s"]) == ([], [], 0)


def test_a_booking_without_spark_has_none(here):
    booking = here.book(profile="notebook").id
    here.until_ready(booking)
    error = refused(here, booking, 409)
    assert "runs no Spark" in error["message"]
    ended(here, booking)
    here.app.diagnoses.keep(here.clock())
    assert "runs no Spark" in refused(here, booking, 409)["message"]


def test_before_it_runs_there_is_none(here):
    booking = here.book(hours_ahead=3).id
    error = refused(here, booking, 409)
    assert "nothing has run in it yet" in error["message"]
    assert error["hint"] == f"almanac wait {booking}"


def test_where_the_log_is_elsewhere_until_the_end_that_is_told(here):
    booking = here.book().id
    here.until_ready(booking)
    error = refused(here, booking, 409)
    assert "on its own machines at local until it ends" in error["message"]
    assert f"almanac metrics {booking} --live" in error["hint"]


def test_others_dont_see_it_and_cant_compare_with_it(here, over, storage):
    theirs = here.book("outsider").id
    here.until_ready(theirs)
    assert refused(here, over, 404, "outsider")["code"] == "not_found"
    assert refused(here, over, 404, **{"with": theirs})["code"] == "not_found"
    assert told(here, over, "member")["booking"] == over


@pytest.mark.parametrize("query", [{"application": "../../etc"}, {"with": "B 7"}, {"which": "all"}])
def test_what_makes_no_sense_is_refused(here, over, query):
    assert refused(here, over, 422, **query)["code"] == "bad_request"


def test_a_killed_almanac_makes_it_later(here, over, monkeypatch):
    monkeypatch.setattr(type(here.app.diagnoses._looks), "read", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        here.app.diagnoses.keep(here.clock())
    monkeypatch.undo()
    assert here.app.diagnoses.keep(here.clock())
    assert told(here, over)["diagnosis"]["causes"][0]["kind"] == "skew"


def test_what_was_seen_of_the_machines_is_part_of_it(world, storage, monkeypatch, tmp_path):
    asked = []

    class Watcher:
        def during(self, booking, since, until):
            asked.append((booking, since, until))
            return Platform(node_cpu=0.2, io_pressure=0.6, disk_busy=0.1)

    here = diagnosing(world, storage, Watcher())
    booking = running(here, monkeypatch, tmp_path / "node")
    log = App([Job([Stage(same(32, cpu=0.2, read=16 * MIB))])]).write(tmp_path / "node" / "events" / "app-1")
    begins = here.app.bookings.get(here.caller("owner"), booking, here.clock()).start
    found = told(here, booking)["diagnosis"]
    assert asked == [(booking, begins, datetime.fromtimestamp(log.stat().st_mtime_ns / 1e9, UTC))]
    assert [cause["title"] for cause in found["causes"]] == ["Waiting for the storage"]
    assert "processors 20% in use" in found["notes"][-1]
