"""A whole Almanac on simulated sites and a simulated clock, that can be killed anywhere and started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from almanac.core.catalogue import Profile
from almanac.core.ledger import LineKind
from almanac.core.ports import Limits, PlacedNode
from almanac.core.resources import Flavor, Host, Resources
from almanac.core.windows import Window
from almanac.factory import Almanac, compose
from almanac.services.bookings import Rules
from almanac.services.caller import Caller, Role
from almanac.services.vault import Vault
from almanac.sites.simulated import Faults, Killed, SimulatedClock, SimulatedSite, World
from almanac.storage.database import Database
from almanac.storage.rows import LedgerRow, PersonRow, ProjectRow
from almanac.storage.unit import Unit

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ADA = Caller("ada", roles={"gaia": Role.MEMBER})

FLAVORS = (Flavor("head", Resources(1, 2048, 10)), Flavor("worker", Resources(2, 4096, 20)))
HOSTS = {
    "sky": tuple(Host(f"sky-{n}", Resources(5, 10240, 60)) for n in (1, 2)),
    "cave": (Host("cave-1", Resources(7, 14336, 80)),),
}
LIMITS = {
    "sky": Limits(teardown=20 * SECOND),
    "cave": Limits(gap=MINUTE, lead_time=30 * SECOND, minimum_lease=5 * MINUTE, teardown=30 * SECOND),
}
PROFILES = (
    Profile("spark", "", "head", "worker", workers=1, max_workers=3, seats_per_worker=2, max_seats=6),
    Profile("notebook", "", "head", max_duration=timedelta(hours=4), warm=1, sites=("sky",)),
)


class Fuse:
    """Kills Almanac at the n-th point that it passes: a commit, or a step at a site."""

    def __init__(self) -> None:
        self._left: int | None = None

    def light(self, points: int) -> None:
        """Be killed after that many points more."""
        self._left = points

    @property
    def burning(self) -> bool:
        """Whether it was lit and hasn't gone off."""
        return self._left is not None

    def put_out(self) -> None:
        """Go on living."""
        self._left = None

    def burn(self) -> None:
        """A point has been passed."""
        if self._left is None:
            return
        self._left -= 1
        if self._left < 0:
            self._left = None
            raise Killed


class FusedFaults(Faults):
    """Faults whose points burn the fuse."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    def check(self, call: str, subject: str, step: int = 0, done: bool = False) -> None:
        self._fuse.burn()
        super().check(call, subject, step, done)


class FusedDatabase(Database):
    """A database that can be left for good just before and just after each commit."""

    def __init__(self, url: str, fuse: Fuse) -> None:
        super().__init__(url)
        self._fuse = fuse

    @contextmanager
    def write(self, site_pool: str | None = None) -> Iterator[Unit]:
        with super().write(site_pool) as unit:
            yield unit
            self._fuse.burn()
        self._fuse.burn()


class Rig:
    """Almanac, its two sites, and the means to make its life hard.

    Attributes:
        clock: moves only when told to.
        worlds: what exists at each site, by name; outlives Almanac.
        faults: what goes wrong at each site.
        eyes: the sites as a bystander sees them, without faults.
        fuse: kills.
        app: the present Almanac.
    """

    def __init__(self, database_url: str) -> None:
        self.clock = SimulatedClock(T0)
        self.worlds = {name: World() for name in HOSTS}
        self.fuse = Fuse()
        self.faults: dict[str, Faults] = {name: FusedFaults(self.fuse) for name in HOSTS}
        self.sites = {name: self._site(name, self.faults[name]) for name in HOSTS}
        self.eyes = {name: self._site(name) for name in HOSTS}
        self._url = database_url
        self._key = Fernet.generate_key()
        self.app = self._start()
        self._people()

    def _people(self) -> None:
        with self.app.database.write() as unit:
            unit.people.add_person(PersonRow("ada", T0))
            unit.people.add_project(ProjectRow("gaia", "Gaia", T0))

    def _site(self, name: str, faults: Faults | None = None) -> SimulatedSite:
        return SimulatedSite(name, HOSTS[name], FLAVORS, LIMITS[name], self.clock, faults, world=self.worlds[name])

    def _start(self) -> Almanac:
        database = FusedDatabase(self._url, self.fuse)
        return compose(database, Vault(self._key), list(self.sites.values()), PROFILES, Rules(), self.clock)

    def another(self) -> Almanac:
        """A second Almanac beside the present one, as another process on the same database is."""
        return self._start()

    def restart(self) -> None:
        """A new Almanac on the same database and sites."""
        self.close()
        self.app = self._start()

    def grant(self, site: str, node_hours: int) -> None:
        """Meter ADA's project at a site: so many node-hours for the coming year."""
        period = Window.lasting(self.clock(), timedelta(days=365))
        with self.app.database.write() as unit:
            unit.ledger.append(
                LedgerRow(T0, T0, "gaia", site, LineKind.GRANT, node_hours * 3600, "operator", period=period)
            )

    def one_node(self, site: str) -> tuple[PlacedNode, ...]:
        """The smallest cluster that could stand there."""
        return (PlacedNode("head", "head", FLAVORS[0], HOSTS[site][0].name),)

    def close(self) -> None:
        """Let go of the database."""
        self.fuse.put_out()
        self.app.database.close()

    def tick(self) -> None:
        """Let the loop look once, a second later."""
        self.clock.advance(SECOND)
        self.app.reconciler.tick()
