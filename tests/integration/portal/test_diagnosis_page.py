"""Why it is slow, as a page: while it runs, kept, beside another run; and where there is nothing to tell."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.integration.portal.visitor import Visitor
from tests.support.diagnosed import HEALTHY, SKEWED, diagnosing, ended, running, saved
from tests.support.event_logs import App, Job, Stage, same, with_one


@pytest.fixture
def storage(tmp_path):
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


@pytest.fixture
def here(world, storage):
    return diagnosing(world, storage)


@pytest.fixture
def ada(here):
    return Visitor(here).signed_in("owner")


def over(here, storage, app=SKEWED, **more):
    booking = here.book(**more).id
    here.until_ready(booking)
    saved(storage, booking, app)
    ended(here, booking)
    here.app.diagnoses.keep(here.clock())
    return booking


def test_causes_with_what_they_cost_the_evidence_and_what_to_change(here, ada, storage):
    page = ada.see(f"/bookings/{over(here, storage)}/diagnosis").text
    assert "Stage 0 waits for its longest task" in page
    assert "<strong>1 min 6 s</strong> less, 55 % of the run" in page
    assert "<dt>longest task</dt><dd>2 min 0 s</dd>" in page
    assert "a few keys hold most rows" in page
    assert "Final; it is kept with the booking." in page
    assert "16 (2 times)" in page
    assert "hx-sse:connect" not in page


def test_the_way_there_and_the_verdict_on_the_receipt(here, ada, storage):
    booking = over(here, storage)
    page = ada.see(f"/bookings/{booking}").text
    assert "Stage 0 waits for its longest task: saves 1 min 6 s (55%)." in page
    assert f'href="/bookings/{booking}/diagnosis">Its diagnosis' in page
    assert f'href="/bookings/{booking}/diagnosis">Why is it slow?' in ada.see(f"/bookings/{booking}/metrics").text


def test_a_healthy_run_is_told_so(here, ada, storage):
    page = ada.see(f"/bookings/{over(here, storage, HEALTHY)}/diagnosis").text
    assert "Nothing is wrong with it." in page


def test_beside_another_run(here, ada, storage):
    slow = over(here, storage, title="Slow & <steady>")
    quick = over(here, storage, HEALTHY)
    page = ada.see(f"/bookings/{quick}/diagnosis?with={slow}").text
    assert "No longer: skew." in page
    assert "-67%" in page
    assert "Slow &amp; &lt;steady&gt;" in page
    form = ada.form(f"/bookings/{quick}/diagnosis", f"/bookings/{quick}/diagnosis")
    assert form.fields == {"with": slow}


def test_while_it_runs_the_page_goes_on_by_itself(here, ada, monkeypatch, tmp_path):
    booking = running(here, monkeypatch, tmp_path / "node")
    first = ada.see(f"/bookings/{booking}/diagnosis")
    assert first.status_code == 200
    assert "hasn&#39;t begun" in first.text
    assert f'hx-sse:connect="/bookings/{booking}/diagnosis/live"' in first.text
    assert f'href="/bookings/{booking}/diagnosis">Why is it slow?' in ada.see(f"/bookings/{booking}").text
    replace(SKEWED, ended=False).write(tmp_path / "node" / "events" / "app-1")
    page = ada.see(f"/bookings/{booking}/diagnosis").text
    assert "So far, as of 10:00" in page
    assert "Stage 0 waits" in page


def test_the_stream_tells_until_the_booking_is_over(here, ada, storage):
    booking = over(here, storage)
    stream = ada.see(f"/bookings/{booking}/diagnosis/live")
    assert "Stage 0 waits for its longest task" in stream.text
    assert "event: over" in stream.text


def test_names_from_the_log_are_only_text(here, ada, storage):
    hostile = App([Job([Stage(with_one(same(32), run=120_000), name="<script>alert(1)</script>")])])
    page = ada.see(f"/bookings/{over(here, storage, hostile)}/diagnosis").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_of_several_applications_each_has_a_link(here, ada, storage):
    booking = here.book().id
    here.until_ready(booking)
    saved(storage, booking, SKEWED, "app-1")
    saved(storage, booking, HEALTHY, "app-2")
    ended(here, booking)
    page = ada.see(f"/bookings/{booking}/diagnosis").text
    assert f'href="/bookings/{booking}/diagnosis?application=app-1"' in page
    assert "Stage 0 waits" in ada.see(f"/bookings/{booking}/diagnosis?application=app-1").text


def test_without_a_log_the_page_says_so(here, ada):
    booking = here.book().id
    here.until_ready(booking)
    ended(here, booking)
    answer = ada.see(f"/bookings/{booking}/diagnosis")
    assert answer.status_code == 409
    assert "is gone" in answer.text
    assert "--live" not in answer.text


@pytest.mark.parametrize("query", ["application=../x", "with=%3Cb%3E", "more=1"])
def test_what_makes_no_sense_is_refused(here, ada, storage, query):
    assert ada.see(f"/bookings/{over(here, storage)}/diagnosis?{query}").status_code == 422


def test_others_dont_see_it(here, storage):
    booking = over(here, storage)
    visitor = Visitor(here).signed_in("outsider")
    for path in ("", "/live"):
        answer = visitor.see(f"/bookings/{booking}/diagnosis{path}")
        assert answer.status_code == 404
        assert "Stage 0" not in answer.text
