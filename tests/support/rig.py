"""A whole Almanac on simulated sites and a simulated clock, that can be killed anywhere and started again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet

from almanac.core.catalogue import Profile
from almanac.core.ledger import LineKind
from almanac.core.ports import Limits, PlacedNode, Site
from almanac.core.resources import Flavor, Host, Resources
from almanac.core.windows import Window
from almanac.factory import Almanac, compose
from almanac.services.caller import Caller, Role
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.simulated import Faults, Killed, SimulatedClock, SimulatedSite, World
from almanac.storage.database import Database
from almanac.storage.rows import LedgerRow, PersonRow, ProjectRow
from almanac.storage.unit import Unit

T0 = datetime(2026, 3, 1, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
ADA = Caller("ada", roles={"gaia": Role.MEMBER})
LENA = Caller("lena", roles={"gaia": Role.LEAD})

FLAVORS = (Flavor("head", Resources(1, 2048, 10)), Flavor("worker", Resources(2, 4096, 20)))
HOSTS = {
    "sky": tuple(Host(f"sky-{n}", Resources(5, 10240, 60)) for n in (1, 2)),
    "cave": (Host("cave-1", Resources(7, 14336, 80)),),
}
LIMITS = {
    "sky": Limits(teardown=20 * SECOND),
    "cave": Limits(
        gap=MINUTE,
        lead_time=30 * SECOND,
        minimum_lease=5 * MINUTE,
        teardown=30 * SECOND,
        look_every=15 * SECOND,
        prepares=True,
    ),
}
PROFILES = (
    Profile("spark", "", "head", "worker", workers=1, max_workers=3, seats_per_worker=2, max_seats=6),
    Profile("notebook", "", "head", max_duration=timedelta(hours=4), warm=1, sites=("sky",)),
)

PLAIN = Rules()


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


@dataclass(slots=True)
class Errand:
    """Something that is done while Almanac waits for a site, at the n-th such moment from now."""

    after: int
    run: Callable[[], None]


class Errands(list[Errand]):
    """What is about to be done."""

    def pass_moment(self) -> None:
        """Almanac waits for a site: do what is due."""
        for errand in self:
            errand.after -= 1
        for errand in [each for each in self if each.after < 0]:
            if errand in self:  # and not done meanwhile, by what another errand waited for
                self.remove(errand)
                errand.run()


class LateHands:
    """Does a tick's work some moments late, in the middle of later ticks and of each other's, as threads would.

    Args:
        late: moments at which somebody waits for a site; 0: at once.
    """

    def __init__(self, late: int) -> None:
        self._late = late
        self._busy: set[str] = set()
        self.errands = Errands()

    def busy(self) -> frozenset[str]:
        """What isn't done yet."""
        return frozenset(self._busy)

    def do(self, _site: str, subject: str, work: Callable[[], None]) -> None:
        """Do it later."""
        if subject in self._busy:
            return
        self._busy.add(subject)

        def run() -> None:
            try:
                work()
            finally:
                self._busy.discard(subject)

        if self._late:
            self.errands.append(Errand(self._late, run))
        else:
            run()

    def close(self) -> None:
        """Nothing to wait for."""


class BusySite(Faults):
    """Faults whose points burn the fuse, and at which others do their work."""

    def __init__(self, rig: Rig) -> None:
        super().__init__()
        self._rig = rig

    def check(self, call: str, subject: str, step: int = 0, done: bool = False) -> None:
        self._rig.fuse.burn()
        if call != "capacity":  # it is asked for in the middle of a booking
            self._rig.errands.pass_moment()
            self._rig.hands.errands.pass_moment()
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
        errands: what people are about to do while Almanac waits for a site.
        late: how late the work of a tick is done, in moments at which somebody waits for a site; from the next start on.
        hands: what is left to do of earlier ticks.
        app: the present Almanac.
        profiles: its catalogue, unless another is asked for.
    """

    def __init__(self, database_url: str, profiles: Sequence[Profile] = PROFILES) -> None:
        self.clock = SimulatedClock(T0)
        self.profiles = profiles
        self.late = 0
        self.worlds = {name: World() for name in HOSTS}
        self.fuse = Fuse()
        self.errands = Errands()
        self.hands = LateHands(0)
        self.faults: dict[str, Faults] = {name: BusySite(self) for name in HOSTS}
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
            unit.people.set_member("gaia", "ada", "member")

    def _site(self, name: str, faults: Faults | None = None) -> SimulatedSite:
        return SimulatedSite(name, HOSTS[name], FLAVORS, LIMITS[name], self.clock, faults, world=self.worlds[name])

    def _start(
        self, rules: Rules = PLAIN, profiles: Sequence[Profile] | None = None, sites: Sequence[Site] | None = None
    ) -> Almanac:
        self.hands = hands = LateHands(self.late)
        database, vault = FusedDatabase(self._url, self.fuse), Vault(self._key)
        at = list(self.sites.values()) if sites is None else sites
        return compose(database, vault, at, profiles or self.profiles, rules, self.clock, lambda _: hands)

    def another(
        self, rules: Rules = PLAIN, profiles: Sequence[Profile] = PROFILES, sites: Sequence[Site] | None = None
    ) -> Almanac:
        """A second Almanac beside the present one, as another process on the same database is."""
        return self._start(rules, profiles, sites)

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
