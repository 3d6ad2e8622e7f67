"""A week on a compressed clock: what people ask for drives leases at the site, and held capacity follows.

Weekdays bring walk-ins from 9 to 17, four weeks of which were imported; on Wednesday a workshop of thirty is booked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from cryptography.fernet import Fernet

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Profile
from almanac.core.demand_hours import Kind
from almanac.core.ports import Limits
from almanac.core.resources import Flavor, Host, Resources
from almanac.factory import Almanac, compose
from almanac.forecasting.series import HOUR, Series
from almanac.services.caller import Caller, Role
from almanac.services.dials import Dials
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.simulated import SimulatedClock, SimulatedSite, World
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
STEP = timedelta(minutes=10)
SPARK = Profile("spark", "", "node", "node", workers=1, max_workers=1, no_show_after=None, idle_after=None)
CLASS = Profile("class", "", "node", "node", max_workers=15, seats_per_worker=2, max_seats=30, no_show_after=None)
NODES = 48
OPERATOR = Caller("op", operator=True)
PEOPLE = [Caller(f"p{number}", roles={"gaia": Role.MEMBER}) for number in range(6)]


def come(hour: datetime) -> int:
    """How many ask for a cluster of their own at the beginning of an hour; each keeps it for 50 minutes."""
    usual = (0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 4, 2, 3, 5, 4, 2, 0, 0, 0, 0, 0, 0, 0)[hour.hour]
    return usual if hour.weekday() < 5 else 0


@dataclass
class Week:
    """What was seen: nodes held and used at the site, by hour, and how walk-ins got what they got."""

    held: list[int] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


class Town:
    """An Almanac that plans, a site, and its people."""

    def __init__(self, url: str) -> None:
        self.clock = SimulatedClock(START)
        world, node = World(), Flavor("node", Resources(4, 8192, 20))
        hosts = [Host(f"host-{number}", node.resources * 12) for number in range(NODES // 12)]
        limits = Limits(lead_time=STEP, minimum_lease=HOUR, build=timedelta(minutes=20), teardown=timedelta(minutes=1))
        site, self.eyes = (
            SimulatedSite("sky", hosts, [node], limits, self.clock, start_seconds=lambda _: 60.0, world=world)
            for _ in range(2)
        )
        rules = Rules(plan=Dials(floor={"spark": 1}))
        self.app: Almanac = compose(
            Database(url), Vault(Fernet.generate_key()), [site], [SPARK, CLASS], rules, self.clock
        )
        with self.app.database.write() as unit:
            unit.people.add_project(ProjectRow("gaia", "Gaia", START))
            for person in PEOPLE:
                unit.people.add_person(PersonRow(person.person, START))
                unit.people.set_member("gaia", person.person, "member")

    def remember(self, weeks: int) -> None:
        """Import what the weeks before were like."""
        hours = weeks * 168
        values = np.array([come(START + hour * HOUR) for hour in range(-hours, 0)], np.float64)
        told = {Kind.WALK_IN: Series(START - hours * HOUR, values, values >= 0)}
        self.app.history.put(OPERATOR, "before", "spark", told, START)
        self.app.history.record(START)

    def step(self) -> None:
        """Ten minutes; the loop looks every ten minutes by day and twice an hour by night, plans are made each hour by day."""
        self.clock.advance(STEP)
        now = self.clock()
        self.app.history.record(now)
        by_day = now.weekday() < 5 and 5 <= now.hour < 19
        if now.minute == 0 and (by_day or now.hour % 4 == 0):
            self.app.planning.look(now)
        if by_day or now.minute % 30 == 0:
            self.app.reconciler.tick()

    def arrive(self, week: Week) -> None:
        """Those who come at this hour."""
        for person in PEOPLE[: come(self.clock())]:
            request = BookingRequest("spark", timedelta(minutes=50))
            booked = self.app.bookings.book(person, request, self.clock())
            week.messages.append(self.app.access.events(person, booked.id)[0].message)

    def look(self, week: Week) -> None:
        """Count what the site holds and what bookings use of it."""
        now = self.clock()
        with self.app.database.read() as unit:
            week.used.append(sum(1 + each.workers for each in unit.bookings.due(now)))
            size = {lease.id: lease.order.count('"flavor"') for lease in unit.leases.unfinished()}
        there = (seen for seen in self.eyes.observe().leases if seen.window.start <= now < seen.window.end)
        week.held.append(sum(size.get(seen.id, 0) for seen in there))


@pytest.fixture
def town(sqlite_url: str) -> Iterator[Town]:
    made = Town(sqlite_url)
    yield made
    made.app.database.close()


def test_held_capacity_follows_a_week_of_demand_and_a_workshop_is_ready_at_its_bell(town) -> None:
    town.remember(weeks=4)
    bell = START + timedelta(days=2, hours=10)
    request = BookingRequest("class", 2 * HOUR, start=bell, seats=30)
    workshop = town.app.bookings.book(PEOPLE[0], request, town.clock())
    week = Week()
    for _ in range(7 * 24):
        town.arrive(week)
        for _ in range(HOUR // STEP):
            town.step()
            if town.clock() == bell:
                assert town.app.bookings.get(PEOPLE[0], workshop.id, bell).status is BookingStatus.READY
            if town.clock().minute == 30:
                town.look(week)
    held, used = np.array(week.held), np.array(week.used)
    hours = np.arange(len(held))
    by_night, by_day = held[(hours % 24) < 6], held[(hours < 120) & (hours % 24 >= 9) & (hours % 24 < 16)]
    assert (held >= used).all()
    assert by_night.max() <= 4  # one place of two nodes, and one more where somebody may come
    assert by_day.min() >= 4
    assert held.max() >= 16
    assert held.mean() < 0.35 * held.max()
    assert np.corrcoef(held, used)[0, 1] > 0.8
    ahead = [told for told in week.messages if "held ahead" in told or "warm pool" in told]
    assert len(ahead) > 0.9 * len(week.messages)
    (plan,) = [each for each in town.app.plan_desk.look(OPERATOR, town.clock()).plans if each.profile == "spark"]
    noons = [day * 24 + 12 for day in range(5)]
    assert [plan.past.walk_ins[hour] for hour in noons] == [2] * 5
    assert all(plan.past.held[hour] >= 2 for hour in noons)
    assert plan.saved is not None
    assert plan.saved.hours > 72
    assert plan.saved.held < 0.7 * min(plan.saved.static_peak, plan.saved.reactive)
