"""What people do, over HTTP: sign in, ask, book, change, connect, end, account for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.api.world import PROFILE, SITE

from almanac.api.app import create_app

GOOD = {"profile": PROFILE, "duration_s": 3600}


def made(answer, status: int = 200):
    """The JSON of an answer that succeeded."""
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_booking_shows_every_field_with_times_in_utc(world):
    body = {**GOOD, "start": "2027-03-01T13:00:00+01:00", "title": "Milchstraße ✨"}
    booking = made(world.call("owner", "POST", "/bookings", json=body), 201)
    assert booking.pop("id").startswith("b-")
    assert booking.pop("eta")
    assert booking == {
        "project": "gaia",
        "owner": "ada",
        "profile": PROFILE,
        "site": SITE,
        "seats": 1,
        "workers": 2,
        "title": "Milchstraße ✨",
        "start": "2027-03-01T12:00:00Z",
        "end": "2027-03-01T13:00:00Z",
        "status": "booked",
        "created_at": "2027-03-01T10:00:00Z",
        "expires_at": None,
        "ended_at": None,
        "reserved": True,
        "node_hours": 3.0,
        "progress": None,
        "ready_at": None,
        "reason": None,
        "warning": None,
        "price_per_hour": 0.0,
        "why": "",
        "approval": "",
        "series": None,
        "data": {},
    }


def test_the_same_key_books_once_per_person(world):
    booked = [
        made(world.call(role, "POST", "/bookings", json=GOOD, headers={"Idempotency-Key": "k1"}), 201)["id"]
        for role in ("owner", "owner", "member")
    ]
    assert booked[0] == booked[1] != booked[2]


def test_the_same_key_sent_many_times_at_once_books_once_even_on_a_quota(world):
    project = {"name": "narrow", "max_bookings_per_person": 1}
    made(world.call("operator", "POST", "/projects", json=project), 201)
    made(world.call("operator", "PUT", "/projects/narrow/members/ada", json={"role": "member"}))
    body = {**GOOD, "project": "narrow"}

    def book(_: int):
        return world.call("owner", "POST", "/bookings", json=body, headers={"Idempotency-Key": "k1"})

    with ThreadPoolExecutor(8) as pool:
        answers = [made(answer, 201)["id"] for answer in pool.map(book, range(16))]
    assert len(set(answers)) == 1


def test_quotas_can_be_changed(world):
    made(world.call("operator", "POST", "/projects", json={"name": "narrow", "max_bookings_per_person": 0}), 201)
    made(world.call("operator", "PUT", "/projects/narrow/members/ada", json={"role": "member"}))
    body = {**GOOD, "project": "narrow"}
    refused = world.call("owner", "POST", "/bookings", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "quota_exceeded")
    open_ = {"max_nodes": None, "max_bookings_per_person": 1}
    changed = made(world.call("operator", "PUT", "/projects/narrow/quotas", json=open_))
    assert (changed["max_nodes"], changed["max_bookings_per_person"]) == (None, 1)
    made(world.call("owner", "POST", "/bookings", json=body), 201)
    assert world.call("operator", "PUT", "/projects/nonesuch/quotas", json=open_).status_code == 404


def test_a_key_tells_nothing_of_a_booking_that_the_token_doesnt_reach(world):
    made(world.call("operator", "POST", "/projects", json={"name": "second"}), 201)
    made(world.call("operator", "PUT", "/projects/second/members/ada", json={"role": "member"}))
    keyed = {"Idempotency-Key": "k1"}
    made(world.call("owner", "POST", "/bookings", json={**GOOD, "project": "second"}, headers=keyed), 201)
    scoped = made(world.call("owner", "POST", "/tokens", json={"name": "gaia only", "project": "gaia"}), 201)
    world.tokens["scoped"] = scoped["token"]
    answer = world.call("scoped", "POST", "/bookings", json=GOOD, headers=keyed)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "second" not in answer.text


def test_ask_offer_accept(world):
    free = made(world.call("owner", "POST", "/availability", json={**GOOD, "limit": 3}))
    assert free["largest_now"] >= 1
    assert free["refusal"] is None
    first = free["offers"][0]
    offer = made(world.call("owner", "POST", "/offers", json={**GOOD, "start": first["start"]}), 201)
    assert (offer["status"], offer["start"]) == ("offered", first["start"])
    assert offer["expires_at"] == "2027-03-01T10:10:00Z"
    accepted = made(world.call("owner", "POST", f"/offers/{offer['id']}/accept"))
    assert accepted["status"] in {"booked", "building"}
    again = world.call("owner", "POST", f"/offers/{offer['id']}/accept")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "stale_offer")


def test_a_stale_offer_is_refused(world):
    offer = world.offer().id
    world.clock.advance(timedelta(minutes=10))
    answer = world.call("owner", "POST", f"/offers/{offer}/accept")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stale_offer")
    assert made(world.call("owner", "GET", f"/bookings/{offer}"))["status"] == "expired"


def test_extend_shorten_resize_cancel(world):
    body = {"profile": "spark-class", "duration_s": 3600, "start": "2027-03-02T10:00:00Z"}
    path = f"/bookings/{made(world.call('owner', 'POST', '/bookings', json=body), 201)['id']}"
    assert made(world.call("owner", "GET", f"{path}/extension"))["until"] > "2027-03-02T11:00:00Z"
    assert made(world.call("owner", "POST", f"{path}/extend", json={"by_s": 1800}))["end"] == "2027-03-02T11:30:00Z"
    moved = made(world.call("owner", "POST", f"{path}/shorten", json={"until": "2027-03-02T10:30:00Z"}))
    assert moved["end"] == "2027-03-02T10:30:00Z"
    assert made(world.call("lead", "POST", f"{path}/resize", json={"seats": 20}))["workers"] == 4
    assert made(world.call("owner", "POST", f"{path}/cancel", json={}))["status"] == "cancelled"
    assert [event["kind"] for event in made(world.call("owner", "GET", f"{path}/events"))][-1] == "cancelled"


def test_connect_once_it_is_ready_then_release(world):
    booking = made(world.call("owner", "POST", "/bookings", json=GOOD), 201)["id"]
    world.app.reconciler.tick()
    early = world.call("owner", "GET", f"/bookings/{booking}/connection")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "not_ready")
    assert set(early.json()["error"]["details"]) == {"done", "total", "doing"}
    world.until_ready(booking)
    connection = made(world.call("owner", "GET", f"/bookings/{booking}/connection"))
    assert connection["connect_url"].startswith("sc://localhost:")
    assert connection["environment"] == {"SPARK_REMOTE": connection["connect_url"]}
    assert ["?token=" in seat["notebook_url"] for seat in connection["seats"]] == [True]
    logs = made(world.call("owner", "GET", f"/bookings/{booking}/logs", params={"tail": 5}))["services"]
    assert logs
    name = min(logs)
    only = world.call("owner", "GET", f"/bookings/{booking}/logs", params={"tail": 5, "service": name})
    assert set(made(only)["services"]) == {name}
    assert made(world.call("owner", "POST", f"/bookings/{booking}/release", json={}))["status"] in {"ending", "ended"}
    assert world.call("owner", "GET", f"/bookings/{booking}/connection").status_code == 409


def test_no_capacity_says_what_would_fit(world):
    body = {"profile": "spark-large", "duration_s": 3600}
    for _ in range(500):
        answer = world.call("owner", "POST", "/bookings", json=body)
        if answer.status_code != 201:
            break
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "no_capacity"
    assert error["details"]["refusal"]["limiting"] in {"cores", "memory_mib", "disk_gib", "gpus"}
    assert error["details"]["refusal"]["alternatives"]


def test_listing_pages_and_filters(world):
    ids = [world.book(hours_ahead=hour).id for hour in (1, 2, 3, 4, 5)]
    other = world.book("member", hours_ahead=2).id
    world.app.bookings.cancel(world.caller("owner"), ids[4], world.clock())

    def listed(**query: object) -> list[str]:
        return [booking["id"] for booking in made(world.call("owner", "GET", "/bookings", params=query))["bookings"]]

    assert listed() == ids
    assert set(listed(mine=False)) == {*ids, other}
    assert listed(status="cancelled") == [ids[4]]
    assert listed(status=["cancelled", "booked"]) == ids
    assert listed(**{"from": "2027-03-01T14:00:00Z", "to": "2027-03-01T15:00:00Z"}) == ids[2:4]
    page = made(world.call("owner", "GET", "/bookings", params={"limit": 2}))
    assert [booking["id"] for booking in page["bookings"]] == ids[:2]
    assert listed(limit=10, after=page["next"]) == ids[2:]
    assert made(world.call("owner", "GET", "/bookings", params={"limit": 10, "after": ids[3]}))["next"] is None


def test_one_cant_page_from_anothers_booking(world):
    theirs = world.book("outsider").id
    assert world.call("owner", "GET", "/bookings", params={"after": theirs}).status_code == 404


def test_the_catalogue_and_the_sites(world):
    profiles = {profile["name"]: profile for profile in made(world.call("owner", "GET", "/profiles"))}
    small = profiles[PROFILE]
    assert (small["sites"], small["workers"], small["max_duration_s"]) == ([SITE], 2, 12 * 3600)
    assert set(small["head"]) == {"flavor", "cores", "memory_mib", "disk_gib", "gpus"}
    assert profiles["notebook"]["worker"] is None
    world.book()
    (site,) = made(world.call("owner", "GET", "/sites"))
    assert (site["name"], site["drained"], site["trouble"], len(site["hosts"])) == (SITE, False, None, 8)
    assert site["free_now"]["cores"] < site["total"]["cores"] == 8 * 64


def test_what_is_left_at_a_site_is_told_to_operators_alone(world, monkeypatch):
    site = world.app.catalogue.site(SITE)
    capacity = replace(site.capacity(), leftovers=("A lease is stuck.",))
    monkeypatch.setattr(site, "capacity", lambda: capacity)
    world.clock.advance(timedelta(minutes=1))
    told = {who: made(world.call(who, "GET", "/sites"))[0]["leftovers"] for who in ("owner", "lead", "operator")}
    assert told == {"owner": [], "lead": [], "operator": ["A lease is stuck."]}


def test_a_drained_site_takes_no_bookings_until_it_is_undrained(world):
    assert world.call("operator", "POST", f"/sites/{SITE}/drain").status_code == 204
    assert made(world.call("owner", "GET", "/sites"))[0]["drained"] is True
    assert world.call("owner", "POST", "/bookings", json=GOOD).status_code == 409
    assert world.call("operator", "POST", f"/sites/{SITE}/undrain").status_code == 204
    assert world.call("owner", "POST", "/bookings", json=GOOD).status_code == 201


def test_grants_and_the_ledger(world):
    empty = made(world.call("owner", "GET", "/ledger"))
    assert empty == {"balances": [], "lines": []}
    body = {"site": SITE, "node_hours": 10.5, "start": "2027-03-01T00:00:00Z", "end": "2027-04-01T00:00:00Z"}
    grant = made(world.call("operator", "POST", "/projects/gaia/grants", json=body), 201)
    assert (grant["granted_by"], grant["node_hours"]) == ("admin", 10.5)
    assert made(world.call("owner", "GET", "/projects/gaia/grants")) == [grant]
    world.book(hours_ahead=1)
    (balance,) = made(world.call("owner", "GET", "/ledger", params={"project": "gaia", "site": SITE}))["balances"]
    assert balance == {
        "project": "gaia",
        "site": SITE,
        "granted_h": 10.5,
        "held_h": 6.0,
        "charged_h": 0.0,
        "available_h": 4.5,
    }
    assert [line["kind"] for line in made(world.call("owner", "GET", "/ledger"))["lines"]] == ["hold", "grant"]
    full = world.call("owner", "POST", "/bookings", json={**GOOD, "duration_s": 7200})
    assert (full.status_code, full.json()["error"]["code"]) == (409, "quota_exceeded")
    tiny = world.call("operator", "POST", "/projects/gaia/grants", json={**body, "node_hours": 1e-9})
    assert tiny.status_code == 422
    assert world.call("operator", "POST", "/projects/gaia/grants", json={**body, "site": "nowhere"}).status_code == 404
    assert world.call("operator", "GET", "/ledger", params={"project": "nosuch"}).status_code == 404
    assert made(world.call("operator", "GET", "/projects/gaia/grants")) == [grant]


def test_a_project_without_a_grant_is_not_metered(world):
    world.book(hours_ahead=1)
    (balance,) = made(world.call("owner", "GET", "/ledger"))["balances"]
    assert (balance["held_h"], balance["available_h"]) == (6.0, None)


def test_invite_sign_in_and_out(world):
    assert made(world.call("operator", "POST", "/people", json={"name": "eva"}), 201)["disabled"] is False
    invitation = made(world.call("operator", "POST", "/people/eva/invite"), 201)
    signed_in = made(world.call("anonymous", "POST", "/sign-in", json={"one_time_token": invitation["one_time_token"]}))
    assert signed_in["person"] == "eva"
    world.tokens["eva"] = signed_in["token"]
    assert made(world.call("eva", "GET", "/me")) == {"person": "eva", "operator": False, "projects": {}}
    made(world.call("lead", "PUT", "/projects/gaia/members/eva", json={"role": "member"}))
    assert made(world.call("eva", "GET", "/me"))["projects"] == {"gaia": "member"}
    (token,) = made(world.call("eva", "GET", "/tokens"))
    assert world.call("eva", "DELETE", f"/tokens/{token['id']}").status_code == 204
    answer = world.call("eva", "GET", "/me")
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, f"The token {token['id']} was revoked.")


def test_who_fails_to_sign_in_too_often_must_wait_but_their_tokens_work(world):
    body = {"one_time_token": "alm_k3m9q2xa_" + "x" * 43}
    answers = [world.call("anonymous", "POST", "/sign-in", json=body).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2
    refused = world.call("anonymous", "POST", "/sign-in", json=body)
    assert int(refused.headers["Retry-After"]) == refused.json()["error"]["details"]["retry_after_s"] == 6
    assert world.call("owner", "GET", "/me").status_code == 200
    world.clock.advance(timedelta(seconds=6))
    assert world.call("anonymous", "POST", "/sign-in", json=body).status_code == 401


def test_health_needs_no_token_and_tells_whether_the_loop_beats(world):
    assert made(world.call("anonymous", "GET", "/health"))["loop"] == {"alive": False, "beat_at": None}
    with world.app.database.write() as unit:
        unit.sites.lead("loop", "me", world.clock(), timedelta(seconds=15))
    loop = made(world.call("anonymous", "GET", "/health"))["loop"]
    assert loop == {"alive": True, "beat_at": "2027-03-01T10:00:00Z"}
    world.clock.advance(timedelta(seconds=15))
    assert made(world.call("anonymous", "GET", "/health"))["loop"]["alive"] is False


@pytest.mark.parametrize("name", ["BookingBody", "MoveEndBody", "ProjectBody", "GrantBody", "TokenBody"])
def test_the_document_explains_the_bodies(name):
    assert create_app(None).openapi()["components"]["schemas"][name]["description"]


def test_a_seat_that_was_given_up_a_moment_ago_is_no_target_any_more(world):
    booked = world.book()
    world.until_ready(booked.id)
    cluster = booked.id.replace("b-", "c-", 1)
    with world.app.database.write() as unit:
        endpoints = unit.clusters.get(cluster).endpoints
        late = endpoints | {"notebook:seat-9": endpoints["notebook:seat-1"]}
        unit.clusters.record(cluster, world.clock(), endpoints=late)
    assert world.call("operator", "GET", f"/monitoring/scrape/{cluster}/notebook:seat-9").status_code == 404
