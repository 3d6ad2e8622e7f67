"""A whole Almanac on a simulated site, with two projects that must know nothing of each other, and somebody in every role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from argon2.profiles import CHEAPEST
from cryptography.fernet import Fernet
from starlette.testclient import TestClient

from almanac.api.attempts import Attempts
from almanac.api.routes.feeds import FeedLimits
from almanac.api.slowdown import FailureLimit
from almanac.core.catalogue import Above, Profile
from almanac.core.defaults import built_in_flavors, built_in_profiles, class_seats
from almanac.core.ports import Limits
from almanac.core.resources import Host, Resources
from almanac.core.series import Frequency, Policy, Recurrence, Schedule
from almanac.core.windows import Window
from almanac.factory import Almanac, compose
from almanac.services.caller import Caller, Role
from almanac.services.dials import Dials
from almanac.services.passwords import Passwords
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.series import SeriesRequest
from almanac.services.series_views import SeriesView
from almanac.services.sign_in import SignIn
from almanac.services.vault import Vault
from almanac.services.views import BookingView
from almanac.services.waiting import WaitRequest
from almanac.services.waiting_state import WaitingView
from almanac.sites.simulated import SimulatedClock, SimulatedSite
from almanac.sites.simulated import World as SimulatedWorld
from almanac.storage.database import Database

START = datetime(2027, 3, 1, 10, tzinfo=UTC)
API = "/api/v1"
SITE = "local"
PROFILE = "spark-small"
LIMIT = 10
"""Seats of a class above which an approval is needed."""
MARK = "zqxj"
"""In the name or title of everything that belongs to the other project."""

PEOPLE = {
    "owner": ("ada", "gaia", Role.MEMBER),
    "member": ("mia", "gaia", Role.MEMBER),
    "lead": ("lena", "gaia", Role.LEAD),
    "outsider": (f"bea-{MARK}", f"beta-{MARK}", Role.LEAD),
}
ROLES = ("anonymous", "outsider", "member", "owner", "lead", "operator")


@dataclass
class World:
    """The application, its clock, and a token for each role."""

    app: Almanac
    clock: SimulatedClock
    http: TestClient
    tokens: dict[str, str] = field(default_factory=dict)

    def call(self, role: str, method: str, path: str, **options: object):
        """A request under ``/api/v1`` as somebody in a role."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role in self.tokens else {}
        return self.http.request(method, API + path, headers={**headers, **options.pop("headers", {})}, **options)

    def book(self, role: str = "owner", *, hours_ahead: float = 0, **more: str) -> BookingView:
        """A booking of two hours."""
        start = self.clock() + timedelta(hours=hours_ahead) if hours_ahead else None
        request = BookingRequest(**{"profile": PROFILE, "duration": timedelta(hours=2), "start": start, **more})
        return self.app.bookings.book(self.caller(role), request, self.clock())

    def offer(self, role: str = "owner") -> BookingView:
        """An offer for now."""
        return self.app.bookings.offer(self.caller(role), BookingRequest(PROFILE, timedelta(hours=1)), self.clock())

    def above_limits(self, role: str = "owner", **more: str) -> BookingView:
        """A booking that waits for an approval."""
        return self.book(role, hours_ahead=30, seats=LIMIT + 1, profile="spark-class", **more)

    def series(self, role: str = "owner", **more: str) -> SeriesView:
        """Three Tuesdays."""
        weekly = Recurrence(Frequency.WEEKLY, times=3)
        schedule = Schedule(datetime.fromisoformat("2027-03-09T10:00"), timedelta(hours=1), "Europe/Madrid", weekly)
        request = SeriesRequest(PROFILE, schedule, **more)
        return self.app.series.make(self.caller(role), request, Policy.WHAT_FITS, self.clock())

    def waiting(self, role: str = "owner", **more: str) -> WaitingView:
        """A request that waits: nothing looks until the loop does."""
        within = Window.lasting(self.clock() + timedelta(hours=50), timedelta(hours=9))
        request = WaitRequest(PROFILE, timedelta(hours=1), within, **more)
        return self.app.waiting.wait(self.caller(role), request, self.clock())

    def lunches(self, people: int = 3, weeks: int = 4) -> None:
        """Let forecasts know of weeks in which so many came from 12 to 15."""
        hour = timedelta(hours=1)
        hours = weeks * 168
        start = START - hours * hour
        walk_in = [people if (start + number * hour).hour in {12, 13, 14} else 0 for number in range(hours)]
        walk_in[:5] = [None] * 5
        body = {"profile": PROFILE, "start": start.isoformat(), "walk_in": walk_in}
        assert self.call("operator", "PUT", "/demand/lunches", json=body).is_success

    def until_ready(self, booking: str) -> None:
        """Let the loop work and time pass until the booking is ready."""
        operator = self.caller("operator")
        for _ in range(100):
            self.app.reconciler.tick()
            if self.app.bookings.get(operator, booking, self.clock()).status == "ready":
                return
            self.clock.advance(timedelta(seconds=1))
        raise AssertionError(f"{booking} never became ready")

    def caller(self, role: str):
        """The service's view of somebody in a role."""
        return self.app.accounts.authenticate(self.tokens[role], self.clock())


@dataclass(frozen=True)
class Seed:
    """A database with somebody in every role, to be copied, and what opens it."""

    database: Path
    tokens: dict[str, str]
    key: bytes


def plant(database: Path) -> Seed:
    """Put somebody in every role into a migrated SQLite file."""
    seed = Seed(database, {}, Fernet.generate_key())
    with _composed(database, seed.key, SimulatedClock(START)) as app:
        one_time = app.accounts.first_admin(START)
        seed.tokens["operator"] = app.accounts.sign_in(one_time, START).token
        admin = app.accounts.authenticate(seed.tokens["operator"], START)
        for project in {project for _, project, _ in PEOPLE.values()}:
            app.projects.add_project(admin, project, START, title=f"The project {project}")
        for role, (person, project, rank) in PEOPLE.items():
            seed.tokens[role] = join(app, admin, person, START)
            app.projects.set_member(admin, project, person, rank)
    return seed


def join(app: Almanac, admin: Caller, person: str, now: datetime) -> str:
    """Make a person, and return a token of theirs."""
    app.accounts.add_person(admin, person, now)
    return app.accounts.sign_in(app.accounts.invite(admin, person, now).one_time_token, now).token


@contextmanager
def grow(seed: Seed, directory: Path, http: TestClient) -> Iterator[World]:
    """A world on a copy of the seed, answering at the client's application."""
    database = Path(shutil.copy(seed.database, directory / "almanac.db"))
    if _simulation(seed.database).exists():
        shutil.copy(_simulation(seed.database), _simulation(database))
    clock = SimulatedClock(START)
    with _composed(database, seed.key, clock) as app:
        http.app.state.almanac = app
        http.app.state.sign_in_failures = FailureLimit()
        http.app.state.attempts = Attempts(http.app.state.sign_in_failures)
        http.app.state.feed_limits = FeedLimits()
        http.cookies.clear()
        yield World(app, clock, http, dict(seed.tokens))


def _simulation(database: Path) -> Path:
    """Where the simulated site of a database keeps what runs there."""
    return database.with_suffix(".simulated.json")


@contextmanager
def _composed(path: Path, key: bytes, clock: SimulatedClock) -> Iterator[Almanac]:
    database = Database(f"sqlite:///{path}")
    each = Resources(64, 256 * 1024, 2000)
    hosts = [Host(f"host-{number}", each) for number in range(8)]
    flavors = built_in_flavors(each, class_seats(each))
    limits = Limits(build=timedelta(seconds=5), teardown=timedelta(seconds=5))
    world = SimulatedWorld(_simulation(path))
    site = SimulatedSite(SITE, hosts, flavors, limits, clock, start_seconds=lambda _: 2.0, world=world)
    app = compose(database, Vault(key), [site], _limited(built_in_profiles(hosts, flavors)), Rules(plan=Dials()), clock)
    yield replace(app, sign_in=SignIn(database, Passwords(CHEAPEST)))
    database.close()


def _limited(profiles: tuple[Profile, ...]) -> list[Profile]:
    """A large class needs an approval."""
    limit = Above(seats=LIMIT)
    return [replace(each, approve_above=limit) if each.name == "spark-class" else each for each in profiles]
