"""The operator's page: sites, leases, failures; and that it is an operator's alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.integration.portal.visitor import Visitor

from almanac.core.errors import Forbidden
from almanac.core.ports import Permanent
from almanac.services.caller import Caller


@pytest.fixture
def operator(world):
    return Visitor(world).signed_in("operator")


@pytest.mark.parametrize("role", ["owner", "lead", "outsider"])
def test_others_are_refused_and_not_led_there(world, role):
    visitor = Visitor(world).signed_in(role)
    assert visitor.see("/operate").status_code == 403
    assert "/operate" not in visitor.see("/").text


def test_what_is_held_is_told_with_what_it_is_for(operator):
    made = operator.world.book()
    operator.world.until_ready(made.id)
    page = operator.see("/operate").text
    assert made.id in page
    assert ">held<" in page.replace(" ", "")
    assert "truly reserved" in page
    assert "No booking of the last two days failed" in page


def test_a_site_is_drained_and_used_again_by_an_operator_alone(world, operator):
    form = operator.form("/operate", "/operate/sites/local/drain", drained="true")
    assert operator.send(form).status_code == 303
    assert world.app.catalogue.drained("local", world.clock())
    assert "Take bookings again" in operator.see("/operate").text
    back = operator.form("/operate", "/operate/sites/local/drain", drained="false")
    assert operator.send(back, csrf="forged").status_code == 403
    assert world.app.catalogue.drained("local", world.clock())
    assert operator.send(back).status_code == 303
    assert not world.app.catalogue.drained("local", world.clock())
    assert Visitor(world).signed_in("owner").send(form).status_code == 403


def test_what_is_left_at_a_site_is_there_with_what_to_do(world, operator, monkeypatch):
    site = world.app.catalogue.site("local")
    capacity = replace(site.capacity(), leftovers=("The lease <b>x</b> is stuck: end it.",))
    monkeypatch.setattr(site, "capacity", lambda: capacity)
    world.clock.advance(timedelta(minutes=1))
    assert "The lease &lt;b&gt;x&lt;/b&gt; is stuck: end it." in operator.see("/operate").text


def test_what_fails_is_there_with_its_reason(world, operator, monkeypatch):
    def broken(*_):
        raise Permanent("The rack <b>burns</b>.")

    monkeypatch.setattr(type(world.app.catalogue.site("local")), "start", broken)
    failed = world.book()
    for _ in range(30):
        world.clock.advance(timedelta(seconds=1))
        world.app.reconciler.tick()
    page = operator.see("/operate").text
    assert failed.id in page
    assert "The rack &lt;b&gt;burns&lt;/b&gt;." in page


def test_an_overview_is_an_operators(world):
    with pytest.raises(Forbidden):
        world.app.overseeing.overview(Caller("ada"), world.clock())
