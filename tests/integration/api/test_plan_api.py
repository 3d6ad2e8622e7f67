"""The plan and its dials over HTTP, and demand from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from tests.integration.api.world import PROFILE, START, World

from almanac.services.dials import Dials
from almanac.services.kept_dials import KeptDials
from almanac.services.plan_desk import PlanDesk

HOUR = timedelta(hours=1)


def ask(world: World, method: str, path: str, status: int = 200, **options: object):
    answer = world.call("operator", method, path, **options)
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def planned(world: World):
    world.app.planning.make(world.clock())
    (plan,) = ask(world, "GET", "/plan")["plans"]
    return plan


def test_the_plan_tells_what_is_held_and_why(world):
    world.lunches()
    plan = planned(world)
    coming = plan["coming"]
    assert plan["profile"] == PROFILE
    assert "weeks of history" in plan["basis"]
    assert len(coming["held"]) == len(coming["quantiles"]) == 168
    assert len(coming["quantiles"][0]) == len(coming["levels"])
    at_noon = (12 - START.hour) % 24
    assert coming["held"][at_noon] >= 3
    assert plan["places"][0]["reason"].startswith("Buy ")
    assert not plan["places"][0]["bought"]
    assert plan["score"]["origins"] > 0


def test_the_past_week_stands_beside_the_coming_one(world):
    world.lunches()
    planned(world)
    for _ in range(13):
        world.app.history.record(world.clock())
        world.clock.advance(HOUR / 12)
    past = planned(world)["past"]
    assert {len(values) for name, values in past.items() if name != "start"} == {168}
    assert past["held"][:-1] == [None] * 167
    assert past["held"][-1] == past["booked"][-1] == 0
    assert past["middle"][-1] >= 0
    assert past["walk_ins"][-1] == 0
    assert 3 in past["walk_ins"]


def test_other_dials_are_tried_and_nothing_changes(world):
    world.lunches()
    before = planned(world)
    tried = ask(world, "POST", "/plan/what-if", json={"floor": {PROFILE: 2}, "missing": 5})
    assert min(tried["plans"][0]["coming"]["demand"]) == 2
    assert tried["plans"][0]["cost"] > before["cost"]
    assert tried["dials"]["missing"] == 5
    after = ask(world, "GET", "/plan")
    assert after["plans"][0] == before
    assert after["dials"]["floor"] == {}
    assert after["turned_by"] is None


def test_dials_that_are_turned_count_outlive_a_restart_and_are_told(world):
    world.lunches()
    terms = [{"start": "2027-03-20T00:00:00Z", "end": "2027-04-01T00:00:00Z", "kind": "easter", "factor": 0.2}]
    turned = ask(world, "PUT", "/plan/dials", json={"floor": {PROFILE: 1}, "zone": "Europe/Madrid", "terms": terms})
    assert (turned["turned_by"], turned["dials"]["zone"]) == ("admin", "Europe/Madrid")
    ask(world, "PUT", "/plan/dials", json={"missing": 12})
    kept = KeptDials(world.app.database, Dials(), world.app.catalogue.profile).now().dials
    assert (kept.floor, kept.missing, kept.terms[0].kind) == ({PROFILE: 1}, 12, "easter")
    assert min(planned(world)["coming"]["demand"]) == 1
    with world.app.database.read() as unit:
        told = [event for event in unit.events.since(0) if event.kind == "dials"]
    assert [event.actor for event in told] == ["admin", "admin"]
    assert told[1].message == "The plan's dials were turned: missing 12.0 (was 30.0)."
    assert "floor spark-small 1 (was none)" in told[0].message


def test_turning_a_dial_to_what_it_is_changes_nothing(world):
    ask(world, "PUT", "/plan/dials", json={"missing": 30})
    assert ask(world, "GET", "/plan")["turned_at"] is None


def test_a_new_plan_follows_at_the_next_look(world):
    world.lunches()
    assert world.app.planning.look(world.clock())
    assert not world.app.planning.look(world.clock())
    ask(world, "PUT", "/plan/dials", json={"floor": {PROFILE: 1}})
    assert world.app.planning.look(world.clock())


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"missing": 1}, 422, "missing"),
        ({"at_once": 1}, 422, "at_once"),
        ({"floor": {"spork": 1}}, 404, "no profile spork"),
        ({"floor": {PROFILE: 3}, "ceiling": {PROFILE: 2}}, 422, "its ceiling 2"),
        ({"zone": "Mars/Olympus"}, 422, "not a time zone"),
        ({"terms": [{"start": "2027-04-01T00:00Z", "end": "2027-03-01T00:00Z", "kind": "x"}]}, 422, "end"),
        ({"rocket": 1}, 422, "rocket"),
    ],
)
@pytest.mark.parametrize("route", [("POST", "/plan/what-if"), ("PUT", "/plan/dials")])
def test_dials_that_make_no_sense_are_refused(world, route, body, status, told):
    assert told in ask(world, *route, status, json=body)["error"]["message"]


def test_where_nothing_is_held_dials_can_be_tried_but_not_turned(world):
    dials = KeptDials(world.app.database, Dials(), world.app.catalogue.profile)
    desk = PlanDesk(world.app.database, world.app.planning, world.app.history, dials, enabled=False)
    world.http.app.state.almanac = replace(world.app, plan_desk=desk, planning=None)
    world.lunches()
    assert not ask(world, "GET", "/plan")["enabled"]
    assert ask(world, "POST", "/plan/what-if", json={"missing": 5})["plans"]
    refused = ask(world, "PUT", "/plan/dials", 409, json={"missing": 5})["error"]
    assert "planning.enabled = true" in refused["hint"]


def test_sources_of_demand_are_listed_and_forgotten(world):
    world.lunches()
    world.app.history.record(world.clock())
    assert [each["source"] for each in ask(world, "GET", "/demand")] == ["almanac", "lunches"]
    ask(world, "DELETE", "/demand/lunches", 204)
    assert [each["source"] for each in ask(world, "GET", "/demand")] == ["almanac"]
    refused = ask(world, "DELETE", "/demand/almanac", 422)["error"]
    assert refused["message"] == "Almanac's own demand is kept."


def test_a_year_of_hours_fits_into_a_request(world):
    hours = 53 * 168
    values = np.arange(hours) % 1000 + 100_000
    start = START - hours * HOUR
    body = {"profile": PROFILE, "start": start.isoformat(), "walk_in": values.tolist(), "booked": values.tolist()}
    made = ask(world, "PUT", "/demand/years", json=body)
    assert made["until"] == START.isoformat().replace("+00:00", "Z")
    huge = world.call("operator", "PUT", "/demand/years", content=b" " * 1_100_000)
    assert huge.status_code == 413
    elsewhere = world.call("operator", "POST", "/plan/what-if", content=b" " * 70_000)
    assert elsewhere.status_code == 413


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"walk_in": [1]}, 422, "within an hour"),
        ({"start": START.isoformat(), "walk_in": [1]}, 422, "aren't over"),
        ({"start": "2027-02-01T00:00Z"}, 422, "walk_in, booked or both"),
        ({"start": "2027-02-01T00:00Z", "walk_in": [-1]}, 422, "walk_in"),
        ({"start": "2027-02-01T00:00Z", "walk_in": [1], "booked": [1, 2]}, 422, "not the same ones"),
        ({"start": "2027-02-01T00:00Z", "walk_in": [1], "profile": "spork"}, 404, "spork"),
    ],
)
def test_demand_that_makes_no_sense_is_refused(world, body, status, told):
    whole = {"profile": PROFILE, "start": "2027-02-01T00:30Z"} | body
    assert told in ask(world, "PUT", "/demand/odd", status, json=whole)["error"]["message"]
