"""The page of capacity: what is held and why, hour by hour, and dials that are tried before they are turned."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from tests.integration.api.world import PROFILE
from tests.integration.portal.visitor import Visitor

from almanac.core.bookings import Phase
from almanac.services.dials import Dials
from almanac.services.kept_dials import KeptDials
from almanac.services.plan_desk import PlanDesk

TRY, TURN = "/capacity/what-if", "/capacity/dials"


@pytest.fixture
def operator(world):
    return Visitor(world).signed_in("operator")


@pytest.fixture
def planned(world):
    """A plan that follows four weeks of lunches."""
    world.lunches()
    world.app.planning.make(world.clock())


def dials(operator):
    return operator.form("/capacity", TURN)


def tried(operator, **typed):
    form = dials(operator)
    form.action = TRY
    return operator.send(form, **typed)


def drawn(text):
    return json.loads(text.partition('id="plot-data">')[2].partition("</script>")[0])


@pytest.mark.parametrize("role", ["owner", "lead", "outsider"])
def test_others_are_refused_and_not_led_there(world, role):
    visitor = Visitor(world).signed_in(role)
    assert visitor.see("/capacity").status_code == 403
    assert "/capacity" not in visitor.see("/").text


def test_without_a_plan_the_page_says_what_would_make_one(operator):
    page = operator.see("/capacity").text
    assert "There is no plan for" in page
    assert "almanac admin demand import" in page


def test_what_is_held_is_told_with_its_reason(operator, planned):
    page = operator.see(f"/capacity?profile={PROFILE}&days=1").text
    assert "weeks of history" in page
    assert ">planned<" in page
    assert re.search(r"Buy \d places? at local from .* without it \d", page)
    assert "Hour by hour" in page
    assert "such forecasts missed" in page
    assert "It can be told after two days of plans." in page


def test_hours_are_drawn_around_now(operator, planned, world):
    found = drawn(operator.see("/capacity?days=1").text)
    assert len(found["at"]) == 24 + 24 + 1
    assert found["at"][24] == world.clock().timestamp()
    assert max(found["held"][24:]) >= 3
    assert max(found["wanted"][:24]) == 3
    assert set(found["wanted"][24:]) == {None}
    assert set(found["tried"]) == {None}
    assert all(low <= high for low, high in zip(found["middle"][24:], found["high"][24:], strict=True))


def test_days_that_make_no_sense_are_refused(operator):
    assert operator.see("/capacity?days=400").status_code == 422
    assert "There is no plan" in operator.see("/capacity?profile=spork").text


def test_dials_are_tried_and_nothing_changes(operator, planned, world):
    answer = tried(operator, floor="2", missing="5")
    assert answer.status_code == 200
    assert "What these dials would hold in the coming week" in answer.text
    assert "% more than now" in answer.text
    assert min(drawn(answer.text)["tried"][-24:]) == 2
    assert 'value="2"' in answer.text
    assert world.app.plan_desk.look(world.caller("operator"), world.clock()).dials.floor == {}


def test_what_was_tried_is_turned(operator, planned, world):
    answer = operator.send(dials(operator), floor="2", ceiling="9", at_once="99.9", zone="Europe/Madrid")
    assert answer.headers["location"] == f"/capacity?profile={PROFILE}&days=3"
    counts = world.app.plan_desk.look(world.caller("operator"), world.clock()).dials
    assert (counts.floor, counts.ceiling, counts.at_once) == ({PROFILE: 2}, {PROFILE: 9}, 0.999)
    operator.send(dials(operator), floor="")
    counts = world.app.plan_desk.look(world.caller("operator"), world.clock()).dials
    assert (counts.floor, counts.ceiling, counts.zone) == ({}, {PROFILE: 9}, "Europe/Madrid")


def test_the_page_says_when_a_plan_is_older_than_its_dials(operator, planned, world):
    world.clock.advance(timedelta(seconds=1))
    operator.send(dials(operator), floor="1")
    assert "The dials were turned since" in operator.see("/capacity").text
    world.app.planning.make(world.clock())
    assert "The dials were turned since" not in operator.see("/capacity").text


def test_dials_that_somebody_else_turned_are_not_turned_back(operator, planned, world):
    form = dials(operator)
    world.clock.advance(timedelta(seconds=1))
    world.app.plan_desk.turn(world.caller("operator"), world.clock(), missing=7.0)
    answer = operator.send(form, floor="1")
    assert answer.status_code == 409
    assert "admin turned the dials while you looked at them." in answer.text
    assert 'value="7"' in answer.text
    assert world.app.plan_desk.look(world.caller("operator"), world.clock()).dials.floor == {}


def test_terms_are_lines_that_are_turned_kept_and_mended(operator, planned, world):
    lines = "easter 2027-03-20 2027-04-04 0.3\r\n\r\nexams 2027-03-10T08:00 2027-03-10T12:00 2"
    assert operator.send(dials(operator), terms=lines, zone="Europe/Madrid").status_code == 303
    first, second = world.app.plan_desk.look(world.caller("operator"), world.clock()).dials.terms
    assert (first.kind, first.window.duration, first.factor) == ("exams", timedelta(hours=4), 2)
    assert (second.kind, second.window.duration) == ("easter", timedelta(days=16, hours=-1))
    form = dials(operator)
    assert form.fields["terms"].splitlines()[1] == "easter 2027-03-20 2027-04-04 0.3"
    operator.send(form, floor="1")
    kept = world.app.plan_desk.look(world.caller("operator"), world.clock()).dials
    assert kept.terms == (first, second)
    assert kept.floor == {PROFILE: 1}
    assert operator.send(dials(operator), terms="").status_code == 303
    assert world.app.plan_desk.look(world.caller("operator"), world.clock()).dials.terms == ()


@pytest.mark.parametrize(
    ("typed", "status", "told"),
    [
        ({"missing": "1"}, 422, "A missing place can't cost 1 times a held one."),
        ({"at_once": "100"}, 422, "can't be promised to start at once"),
        ({"floor": "3", "ceiling": "2"}, 422, "its ceiling 2"),
        ({"zone": "Mars/Olympus"}, 422, "is not a time zone"),
        ({"terms": "\neaster soon"}, 422, "Line 2 of the terms isn't understood: easter soon"),
        ({"profile": "spork", "floor": "1"}, 404, "no profile spork"),
        ({"floor": "-1"}, 422, "floor"),
        ({"missing": "nan"}, 422, "missing"),
    ],
)
@pytest.mark.parametrize("action", [TRY, TURN])
def test_dials_that_make_no_sense_are_told_beside_what_was_typed(operator, planned, action, typed, status, told):
    form = dials(operator)
    form.action = action
    answer = operator.send(form, **typed)
    assert answer.status_code == status
    assert told in unescape(answer.text)


def test_what_cant_be_had_is_said_first(operator, planned, world):
    operator.send(dials(operator), floor="5000")
    world.app.planning.make(world.clock())
    page = operator.see("/capacity").text
    assert "Not all that is wanted can be had." in page
    assert "local gives no more than" in page


def test_what_a_site_refuses_is_told_with_its_reason(operator, planned, world):
    operator.send(dials(operator), floor="1")
    world.app.planning.make(world.clock())
    world.app.reconciler.tick()
    refused = "local has no room for it: a competitor was quicker."
    with world.app.database.write() as unit:
        for lease in unit.leases.planned("local"):
            unit.leases.record(lease.id, world.clock(), phase=Phase.ABSENT, last_error=refused)
    page = operator.see("/capacity").text
    assert ">asked for<" in page
    assert refused in page


def test_where_nothing_is_held_dials_can_be_tried_but_not_turned(world, operator):
    kept = KeptDials(world.app.database, Dials(), world.app.catalogue.profile)
    desk = PlanDesk(world.app.database, world.app.planning, world.app.history, kept, enabled=False)
    world.lunches()
    world.http.app.state.almanac = replace(world.app, plan_desk=desk)
    page = operator.see("/capacity").text
    assert "planning.enabled" in page
    assert "Turn the dials" not in page
    answer = tried(operator, profile=PROFILE, floor="1")
    assert answer.status_code == 200
    assert "that is wanted can be had" in answer.text
    assert min(drawn(answer.text)["tried"][-24:]) == 1
    assert operator.send(dials(operator), floor="1").status_code == 409


def test_what_it_saved_is_compared(world, operator, planned, monkeypatch):
    found = {
        "since": (world.clock() - timedelta(days=14)).isoformat(),
        "hours": 336,
        "held": 120.0,
        "static_peak": 600.0,
        "reactive": 100.0,
        "headroom": 2,
        "at_once": 0.992,
    }
    monkeypatch.setattr(world.app.planning._savings, "of", lambda *_: found)
    world.app.planning.make(world.clock())
    page = operator.see("/capacity").text
    assert "it held 80 % less than a static peak, and 20 % more than an autoscaler" in page
    assert "99.2 %" in page
