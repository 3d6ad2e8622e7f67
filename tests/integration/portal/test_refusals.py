"""Whatever a page refuses, it says why and offers something that works: each button and the likeliest link is tried."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.integration.api.world import SITE, World
from tests.integration.portal.visitor import forms

from almanac.core.windows import Window
from almanac.services.requests import FURTHEST, BookingFilter

Typed = dict[str, str]
LARGE = {"profile": "spark-large"}


def full(world: World) -> Typed:
    while "spark-large" in starting_now(world):
        world.book(profile="spark-large")
    return LARGE


def starting_now(world: World) -> set[str]:
    found = world.app.starting.starts(world.caller("owner"), timedelta(hours=2), world.clock(), "gaia")
    return {each.profile.name for each in found if each.offer and each.offer.start <= world.clock()}


def beyond_grant(world: World) -> Typed:
    now = world.clock()
    period = Window(now, now + timedelta(days=30))
    world.app.projects.add_grant(world.caller("operator"), "gaia", SITE, 3.0, period, now)
    return {"profile": "spark-small", "lasts_s": "28800"}


def too_many_nodes(world: World) -> Typed:
    world.app.projects.set_quotas(world.caller("operator"), "gaia", max_nodes=4, max_bookings_per_person=None)
    world.book(profile="spark-small")
    return {"profile": "spark-medium"}


def too_many_bookings(world: World) -> Typed:
    world.app.projects.set_quotas(world.caller("operator"), "gaia", max_nodes=None, max_bookings_per_person=1)
    world.book(profile="notebook", hours_ahead=5)
    return {"profile": "spark-small"}


def not_offered(_: World) -> Typed:
    return {"profile": "spark-nothing"}


def drained_for_it(world: World) -> Typed:
    return {"profile": "spark-small", "site": "elsewhere"}


def too_long(_: World) -> Typed:
    return {"profile": "notebook", "lasts_s": str(300 * 86400)}


def too_many_seats(_: World) -> Typed:
    return {"profile": "notebook", "seats": "900"}


def past(_: World) -> Typed:
    return {"profile": "notebook", "start": "2026-01-01T09:00"}


def furthest(world: World) -> Typed:
    return {"profile": "notebook", "start": f"{world.clock() + FURTHEST + timedelta(days=9):%Y-%m-%dT%H:%M}"}


def no_time(_: World) -> Typed:
    return {"profile": "notebook", "start": "soon"}


REFUSALS: dict[Callable[[World], Typed], int] = {
    full: 409,
    beyond_grant: 409,
    too_many_nodes: 409,
    too_many_bookings: 409,
    not_offered: 404,
    drained_for_it: 404,
    too_long: 422,
    too_many_seats: 422,
    past: 422,
    furthest: 422,
    no_time: 422,
}
"""Every way in which a booking can be refused, and its status."""


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
def test_every_refusal_offers_what_works(ada, refusal):
    typed = refusal(ada.world)
    answer = ada.send(ada.form("/book", "/book"), **typed)
    assert answer.status_code == REFUSALS[refusal]
    assert 'role="alert"' in answer.text
    assert "almanac " not in answer.text.partition('role="alert"')[2].partition("</div>")[0]
    instead = [one for one in forms(answer.text) if one.action == "/book"][:-1]  # the last is the form itself
    if refusal is too_many_bookings:
        assert instead == []
        assert 'href="/bookings"' in answer.text
        kept, _ = ada.world.app.bookings.list(ada.world.caller("owner"), BookingFilter(mine=True), ada.world.clock())
        given_back = ada.form(f"/bookings/{kept[0].id}", f"/bookings/{kept[0].id}/cancel")
        assert ada.send(given_back).status_code == 303
        assert ada.send(ada.form("/book", "/book"), **typed).status_code == 303
        return
    assert 1 <= len(instead) <= 3
    made = ada.send(instead[0])
    assert made.status_code == 303, made.text
    assert made.headers["location"].startswith("/bookings/b-")
