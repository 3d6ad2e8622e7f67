"""Receipts: what became of a booking, and the same again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.api.world import PROFILE, SITE


def receipt(world, booking: str):
    answer = world.call("owner", "GET", f"/bookings/{booking}/receipt")
    assert answer.status_code == 200, answer.text
    return answer.json()


def used(world, minutes: int = 60) -> str:
    """A booking for now that was ready, used for a while and released."""
    booking = world.book(title="Proper motions").id
    world.until_ready(booking)
    world.clock.advance(timedelta(minutes=minutes))
    world.app.bookings.release(world.caller("owner"), booking, world.clock())
    return booking


def test_a_receipt_tells_what_became_of_a_booking(world):
    booking = used(world)
    told = receipt(world, booking)
    for _ in range(20):
        world.app.reconciler.tick()
        world.clock.advance(timedelta(seconds=2))
    over = receipt(world, booking)
    assert told["status"] == "ending"
    assert over["status"] == "ended"
    assert not told["is_saved"]
    assert over["is_saved"]
    assert over["why"] == "Released; what was not used is refunded."
    assert over["ended_by"] == over["owner"] == "ada"
    assert {each["what"]: each["path"] for each in over["saved"]} == {
        "files of seat-1": "gaia/people/ada",
        "logs": f"gaia/people/ada/bookings/{booking}/logs",
    }


def test_time_to_ready_stands_beside_what_was_promised(world):
    promised = world.book(hours_ahead=0)
    world.until_ready(promised.id)
    world.app.bookings.release(world.caller("owner"), promised.id, world.clock())
    readiness = receipt(world, promised.id)["readiness"]
    events = world.app.access.events(world.caller("owner"), promised.id)
    ready_at = next(event.at for event in events if event.kind == "ready")
    assert readiness["promised_at"] == promised.eta.isoformat().replace("+00:00", "Z")
    assert readiness["waited_s"] == (ready_at - promised.start).total_seconds() > 0
    assert readiness["late_s"] == max(0, (ready_at - promised.eta).total_seconds())


def test_a_late_build_is_late_by_as_much(world):
    booking = world.book(hours_ahead=1)
    world.clock.advance(timedelta(hours=1, minutes=3))
    world.until_ready(booking.id)
    world.app.bookings.release(world.caller("owner"), booking.id, world.clock())
    readiness = receipt(world, booking.id)["readiness"]
    assert readiness["late_s"] == readiness["waited_s"] >= 180


def test_the_cost_is_the_ledgers(world):
    booking = used(world)
    cost, use = receipt(world, booking)["cost"], receipt(world, booking)["use"]
    lines = world.call("owner", "GET", "/ledger", params={"project": "gaia"}).json()["lines"]
    sums = {
        kind: sum(line["node_hours"] for line in lines if line["kind"] == kind) for kind in ("hold", "charge", "refund")
    }
    assert cost == pytest.approx(
        {"held_h": sums["hold"], "charged_h": sums["charge"], "refunded_h": sums["refund"]}, abs=1e-3
    )
    assert cost["held_h"] == pytest.approx(cost["charged_h"] + cost["refunded_h"], abs=1e-3)
    assert use["usable_s"] == 3600


def test_idle_time_is_what_lay_after_the_last_use(world):
    booking = world.book().id
    world.until_ready(booking)
    with world.app.database.write() as unit:
        cluster = unit.clusters.for_booking(booking)
        unit.clusters.record(cluster.id, world.clock(), last_active=world.clock() + timedelta(minutes=20))
    world.clock.advance(timedelta(minutes=50))
    world.app.bookings.release(world.caller("owner"), booking, world.clock())
    assert receipt(world, booking)["use"] == {"usable_s": 3000.0, "idle_s": 1800.0}


def test_what_was_cancelled_cost_nothing_and_saved_nothing(world):
    booking = world.book(hours_ahead=5).id
    world.app.bookings.cancel(world.caller("owner"), booking, world.clock())
    told = receipt(world, booking)
    assert told["cost"]["charged_h"] == 0
    assert told["cost"]["held_h"] == told["cost"]["refunded_h"] > 0
    assert (told["saved"], told["use"]) == ([], {"usable_s": 0.0, "idle_s": None})
    assert told["readiness"]["ready_at"] is told["readiness"]["waited_s"] is None


def test_an_accepted_offer_and_an_approved_booking_are_promised_too(world):
    offer = world.offer().id
    accepted = world.app.bookings.accept(world.caller("owner"), offer, world.clock())
    asked = world.above_limits().id
    approved = world.app.approvals.approve(world.caller("lead"), asked, world.clock())
    for booking in (accepted, approved):
        with world.app.database.read() as unit:
            told = [event.data for event in unit.events.for_booking(booking.id) if event.data]
        assert told == [{"promised": booking.eta.isoformat()}]


@pytest.mark.parametrize("hours_ahead", [0, 5])
def test_what_isnt_over_has_no_receipt_yet(world, hours_ahead):
    booking = world.book(hours_ahead=hours_ahead)
    answer = world.call("owner", "GET", f"/bookings/{booking.id}/receipt")
    assert answer.status_code == 409
    assert answer.json()["error"]["message"] == f"There is no receipt yet: {booking.id} is {booking.status}."
    assert answer.json()["error"]["hint"] == f"almanac show {booking.id}"


def test_the_same_again_now_or_at_a_time_and_once_for_a_key(world):
    booking = used(world)
    now = world.call("owner", "POST", f"/bookings/{booking}/again", json={})
    assert now.status_code == 201, now.text
    same = {"profile": PROFILE, "seats": 1, "project": "gaia", "site": SITE, "title": "Proper motions", "owner": "ada"}
    assert {name: now.json()[name] for name in same} == same
    headers = {"Idempotency-Key": "again-1"}
    path, body = f"/bookings/{booking}/again", {"start": "2027-03-08T10:00:00Z"}
    later = [world.call("owner", "POST", path, json=body, headers=headers) for _ in range(2)]
    assert later[0].json()["id"] == later[1].json()["id"]
    assert (later[0].json()["start"], later[0].json()["end"]) == ("2027-03-08T10:00:00Z", "2027-03-08T12:00:00Z")


def test_a_members_booking_again_is_ones_own(world):
    answer = world.call("lead", "POST", f"/bookings/{used(world)}/again", json={})
    assert answer.json()["owner"] == "lena"
