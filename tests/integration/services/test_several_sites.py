"""Several sites: which one a booking goes to, whose grant pays, and that one in trouble holds up no other."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from tests.support.rig import ADA, FLAVORS, HOSTS, LIMITS, MINUTE, PROFILES, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Profile
from almanac.core.choosing import Terms
from almanac.core.errors import NoCapacity, NotFound, NotOffered, QuotaExceeded
from almanac.core.ports import Temporary
from almanac.factory import Almanac
from almanac.services.caller import Caller, Role
from almanac.services.requests import AvailabilityQuery, BookingFilter, BookingRequest
from almanac.services.rules import Rules
from almanac.sites.simulated import SimulatedSite, World

HOUR = timedelta(hours=1)
CHEAP_CAVE = {"sky": Terms(core_hour=0.5, data=frozenset({"gaia-dr3"})), "cave": Terms({"worker": 0.25, "head": 0.25})}
CHEAP_RULES = Rules(terms=CHEAP_CAVE)
GAIA = Profile("gaia", "", "head", "worker", workers=1, max_workers=1, data=("gaia-dr3",))


@pytest.fixture
def other(rig: Rig):
    """Another Almanac on the rig's database and sites, with other rules, profiles or sites."""
    made: list[Almanac] = []

    def make(rules: Rules = CHEAP_RULES, sites=None) -> Almanac:
        made.append(rig.another(rules, (*PROFILES, GAIA), sites))
        return made[-1]

    yield make
    for app in made:
        app.database.close()


def book(app: Almanac, rig: Rig, profile="spark", **more):
    return app.bookings.book(ADA, BookingRequest(profile, **{"duration": HOUR, **more}), rig.clock())


def told(app: Almanac, booking: str) -> list[str]:
    return [event.message for event in app.access.events(ADA, booking)]


def test_without_terms_the_operators_order_decides_and_is_said(rig):
    booked = book(rig.app, rig)
    assert (booked.site, booked.price_per_hour) == ("sky", 0)
    assert booked.why == "it comes first in the operator's order"
    assert told(rig.app, booked.id)[0] == "Booked spark at sky: it comes first in the operator's order."


def test_the_cheaper_site_is_taken_then_the_one_with_room(rig, other):
    app = other()
    first = book(app, rig, seats=6)
    assert (first.site, first.price_per_hour) == ("cave", 1.0)
    assert first.why == "it is cheaper than sky by 2.5 an hour"
    second = book(app, rig, seats=6)
    assert (second.site, second.price_per_hour) == ("sky", 3.5)
    assert second.why == "cave has no room then"
    assert app.bookings.get(ADA, second.id, rig.clock()).price_per_hour == 3.5


def test_data_comes_before_the_price_and_the_wish_before_all(rig, other):
    app = other()
    assert book(app, rig, "gaia").why == "it has the data gaia-dr3"
    assert book(app, rig, data="gaia-dr3").site == "sky"
    assert book(app, rig, "gaia", data="").site == "cave"
    wished = book(app, rig, "gaia", site="cave")
    assert (wished.site, wished.why) == ("cave", "you asked for it")
    with pytest.raises(NotFound, match="No site has the data euclid") as refused:
        book(app, rig, data="euclid")
    assert refused.value.hint == "There is: gaia-dr3. Leave it out to go anywhere."
    with pytest.raises(NotFound) as refused:
        book(rig.app, rig, data="euclid")
    assert "No site names any data" in refused.value.hint


def test_offers_show_the_price_and_what_speaks_for_and_against(rig, other):
    app = other()
    found = app.finder.availability(ADA, AvailabilityQuery("gaia", HOUR, limit=2), rig.clock())
    assert [(o.site, o.price_per_hour, o.why) for o in found.offers] == [
        ("sky", 1.5, "it has the data gaia-dr3"),
        ("cave", 0.5, "it lacks the data gaia-dr3, which sky has"),
    ]
    offer = app.bookings.offer(ADA, BookingRequest("gaia", HOUR), rig.clock())
    assert (offer.site, offer.price_per_hour, offer.why) == ("sky", 1.5, "it has the data gaia-dr3")


def test_a_project_goes_where_its_grant_is(rig, other):
    app = other(Rules(require_grants=True))
    with pytest.raises(QuotaExceeded, match=r"at sky; gaia has 0\.0 left"):
        book(app, rig)
    rig.grant("cave", 5)
    booked = book(app, rig)
    assert (booked.site, booked.why) == ("cave", "sky has no grant left that covers it")
    found = app.finder.availability(ADA, AvailabilityQuery("spark", HOUR), rig.clock())
    assert {offer.site for offer in found.offers} == {"cave"}
    with pytest.raises(QuotaExceeded, match="at sky"):
        book(app, rig, site="sky")
    with app.database.read() as unit:
        assert unit.ledger.balance("gaia", "cave", rig.clock()).held == 2 * 3600
        assert unit.ledger.lines(site="sky") == []
    with pytest.raises(QuotaExceeded):
        book(app, rig, duration=3 * HOUR)


def test_a_used_up_grant_sends_people_to_the_site_that_is_not_metered(rig):
    rig.grant("sky", 3)
    assert book(rig.app, rig).site == "sky"
    assert book(rig.app, rig).site == "cave"


def test_alternatives_are_only_where_the_grant_is(rig, other):
    app = other(Rules(require_grants=True))
    rig.grant("cave", 50)
    book(app, rig, seats=6)
    with pytest.raises(NoCapacity) as refused:
        book(app, rig, seats=6)
    assert {found["site"] for found in refused.value.details["refusal"]["alternatives"]} == {"cave"}
    rig.grant("sky", 1)
    with pytest.raises(QuotaExceeded, match="at sky"):
        book(app, rig, seats=6, site="sky")


def test_a_site_in_trouble_is_avoided_and_comes_back(rig):
    rig.tick()
    rig.faults["sky"].fail("observe", Temporary("the cloud is away"), times=None)
    rig.tick()
    away = book(rig.app, rig)
    assert (away.site, away.why) == ("cave", "sky doesn't answer at present")
    trouble = {site.name: site.trouble for site in rig.app.catalogue.sites(rig.clock())}
    assert trouble == {"sky": "the cloud is away", "cave": None}
    assert book(rig.app, rig, site="sky").site == "sky"
    rig.faults["sky"].clear()
    rig.tick()
    assert book(rig.app, rig).site == "sky"


def test_one_site_down_stops_nothing_at_the_other(rig):
    for call in ("capacity", "observe", "hold", "start", "stop", "give_back"):
        rig.faults["sky"].fail(call, Temporary("connection refused"), times=None)
    stuck, fine = book(rig.app, rig, site="cave"), book(rig.app, rig, site="cave")
    for _ in range(120):
        rig.tick()
    now = rig.clock()
    assert {rig.app.bookings.get(ADA, b.id, now).status for b in (stuck, fine)} == {BookingStatus.READY}
    rig.app.bookings.release(ADA, fine.id, now)
    for _ in range(10):
        rig.tick()
    assert rig.app.bookings.get(ADA, fine.id, rig.clock()).status is BookingStatus.ENDED


class Hanging(SimulatedSite):
    """Answers nothing until it is let go, as a cloud behind a broken network."""

    gate = threading.Event()

    def capacity(self):
        self.gate.wait(60)
        return super().capacity()

    def observe(self):
        self.gate.wait(60)
        return super().observe()


def shown(app: Almanac, rig: Rig, name: str):
    return next(site for site in app.catalogue.sites(rig.clock()) if site.name == name)


def test_a_site_that_has_answered_and_is_slow_now_is_in_no_trouble_until_it_hangs(rig, other, monkeypatch):
    monkeypatch.setattr("almanac.services.reconcile.LOOK_S", 0.01)
    Hanging.gate = threading.Event()
    Hanging.gate.set()
    app = other(Rules(), sites=[Hanging("sky", HOSTS["sky"], FLAVORS, LIMITS["sky"], rig.clock), rig.sites["cave"]])
    app.reconciler.tick()
    Hanging.gate.clear()
    app.reconciler.tick()
    assert app.catalogue.trouble("sky") is None
    assert book(app, rig).site == "sky"
    monkeypatch.setattr("almanac.services.asking.HANGS_AFTER", timedelta(0))
    app.reconciler.tick()
    assert "silent" in app.catalogue.trouble("sky")
    assert book(app, rig).site == "cave"
    Hanging.gate.set()


def test_a_site_that_hangs_from_the_start_holds_up_nobody(rig, other, monkeypatch):
    monkeypatch.setattr("almanac.services.catalogue._PATIENCE_S", 0.05)
    Hanging.gate = threading.Event()
    hanging = Hanging("sky", HOSTS["sky"], FLAVORS, LIMITS["sky"], rig.clock, world=World())
    app = other(Rules(), sites=[hanging, rig.sites["cave"]])
    booked = book(app, rig)
    assert booked.site == "cave"
    with pytest.raises(NotOffered, match=r"now: sky doesn't answer: sky has been silent for \d+ s\."):
        book(app, rig, site="sky")
    while app.bookings.get(ADA, booked.id, rig.clock()).status is not BookingStatus.READY:
        rig.clock.advance(MINUTE / 6)
        app.reconciler.tick()
    assert "sky has been silent" in shown(app, rig, "sky").trouble
    Hanging.gate.set()
    while shown(app, rig, "sky").trouble is not None:
        rig.clock.advance(MINUTE)
        app.reconciler.tick()
    assert book(app, rig).site == "sky"


def test_bookings_of_a_site(rig):
    there, _ = book(rig.app, rig, site="cave"), book(rig.app, rig, site="sky")
    found, _ = rig.app.bookings.list(ADA, BookingFilter(site="cave"), rig.clock())
    assert [view.id for view in found] == [there.id]


def test_the_project_whose_grant_counts_is_named_or_the_only_one(rig, other):
    app = other(Rules(require_grants=True))
    rig.grant("cave", 5)
    several = Caller("ada", roles={"gaia": Role.MEMBER, "euclid": Role.MEMBER})
    query = AvailabilityQuery("spark", HOUR)
    assert {o.site for o in app.finder.availability(several, query, rig.clock()).offers} == {"sky", "cave"}
    named = replace(query, project="gaia")
    assert {o.site for o in app.finder.availability(several, named, rig.clock()).offers} == {"cave"}
    with pytest.raises(QuotaExceeded):
        app.finder.availability(several, replace(query, project="euclid"), rig.clock())
    with pytest.raises(NotFound):
        app.finder.availability(ADA, replace(query, project="euclid"), rig.clock())


def test_a_site_where_nothing_moves_is_left_alone_for_a_while(rig, monkeypatch):
    looks: list[str] = []
    for name, site in rig.sites.items():
        monkeypatch.setattr(site, "observe", partial(_noted, looks, name, site.observe))
    booked = book(rig.app, rig, site="cave")
    for _ in range(180):
        rig.tick()
        if rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY:
            break
    else:
        pytest.fail("it never became ready")
    looks.clear()
    for _ in range(30):
        rig.tick()
    assert looks.count("sky") == 30
    assert 1 <= looks.count("cave") <= 3


def _noted(looks, name, observe):
    looks.append(name)
    return observe()
