"""The plan carried out through Blazar: places are leases, a walk-in takes one over, and dials drive what is held."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.sky import Sky

from almanac.core.bookings import BookingStatus, Phase
from almanac.core.catalogue import Profile
from almanac.core.plan_places import Place
from almanac.core.windows import Window
from almanac.factory import Almanac, compose
from almanac.services.caller import Caller, Role
from almanac.services.dials import Dials
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.storage.rows import PersonRow, PlanRow, ProjectRow

HOUR = timedelta(hours=1)
ALONE = Profile("alone", "", "m.small", no_show_after=None, idle_after=None)
"""One node, so one of Blazar's leases."""
OPERATOR, ADA = Caller("op", operator=True), Caller("ada", roles={"gaia": Role.MEMBER})
pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


@pytest.fixture
def sky(tenant, tmp_path) -> Iterator[Sky]:
    made = Sky(tenant, tmp_path)
    yield made
    made.close()


@pytest.fixture
def app(sky) -> Almanac:
    made = compose(sky.database, sky.vault, [sky.site], [ALONE], Rules(plan=Dials()), sky.clock, nodes=sky.nodes)
    with made.database.write() as unit:
        unit.people.add_person(PersonRow("ada", sky.clock()))
        unit.people.add_project(ProjectRow("gaia", "Gaia", sky.clock()))
        unit.people.set_member("gaia", "ada", "member")
    return made


def until(app: Almanac, true: Callable[[], object], what: str) -> None:
    """Let the loop tick until something is so."""
    deadline = time.monotonic() + 400
    while not true():
        assert time.monotonic() < deadline, what
        app.reconciler.tick()
        time.sleep(0.3)


def phase(app: Almanac, lease: str) -> Phase | None:
    with app.database.read() as unit:
        row = unit.leases.get(lease)
    return row and row.phase


def ends(tenant) -> list[datetime]:
    return [datetime.fromisoformat(lease["end_date"]).replace(tzinfo=UTC) for lease in tenant.leases()]


def test_a_walk_in_takes_over_a_lease_that_the_plan_holds(app, sky, tenant):
    now = sky.clock()
    place = Place("l-held", "alone", "sky", Window(now, now + HOUR), now, "Because.")
    with app.database.write() as unit:
        unit.plans.put(PlanRow("alone", now, False, "As the test says.", {}), [place])
    until(app, lambda: phase(app, "l-held") is Phase.READY, "Blazar never holds the place")
    until(app, lambda: tenant.leases()[0]["status"] == "ACTIVE", "the lease never begins")
    (lease,) = tenant.leases()
    booked = app.bookings.book(ADA, BookingRequest("alone", 2 * HOUR), sky.clock())
    assert booked.start <= sky.clock()
    assert "in capacity held ahead" in app.access.events(ADA, booked.id)[0].message

    def ready() -> bool:
        return app.bookings.get(ADA, booked.id, sky.clock()).status is BookingStatus.READY

    until(app, ready, "it never becomes ready")
    # Blazar lengthens a lease on its own hosts only: where another test has them later, one that follows does the rest.
    assert lease["id"] in {each["id"] for each in tenant.leases()}
    [machine] = tenant.servers()
    assert machine["flavor"]["original_name"] == f"reservation:{lease['reservations'][0]['id']}"
    assert max(ends(tenant)) >= booked.end - timedelta(minutes=1)
    app.bookings.release(ADA, booked.id, sky.clock())
    until(app, lambda: not tenant.leases() and not tenant.servers(), "something is left of it")


def test_what_is_held_follows_a_dial(app, tenant, sky):
    for floor in (1, 2, 0):
        app.plan_desk.turn(OPERATOR, sky.clock(), floor={"alone": floor})
        app.planning.make(sky.clock())
        until(app, lambda wanted=floor: len(tenant.leases()) == wanted, f"{floor} are never held")
    assert tenant.left() == ""
