"""The composition root: settings in, a whole Almanac out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from almanac.core.catalogue import Profile
from almanac.core.defaults import built_in_flavors, built_in_profiles, class_seats
from almanac.core.errors import SiteTrouble
from almanac.core.ports import Limits, Permanent, Site
from almanac.core.resources import Flavor, Host, Resources
from almanac.services.access import Access
from almanac.services.accounts import Accounts
from almanac.services.bookings import Bookings
from almanac.services.calendars import Calendars
from almanac.services.catalogue import Catalogue
from almanac.services.changes import Changes
from almanac.services.choosing import Chooser
from almanac.services.duties import Duties
from almanac.services.finding import Finder
from almanac.services.hands import Hands, InOrder, SideBySide
from almanac.services.health import Healthcheck
from almanac.services.leads import Leads
from almanac.services.ledger import Ledger
from almanac.services.nodes import Nodes
from almanac.services.profile_file import ProfileFile, merged, read
from almanac.services.projects import Projects
from almanac.services.reconcile import Reconciler
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.services.warm import WarmPool
from almanac.settings import Settings
from almanac.sites.local.ground import Settings as LocalSiteSettings
from almanac.sites.local.machine import find_host
from almanac.sites.local.site import LocalSite
from almanac.sites.simulated import SimulatedSite, World
from almanac.spark.archive import find_archive
from almanac.spark.runtime import Runtime, find_runtime
from almanac.storage.database import Database

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_HANDS = 8
"""Builds and teardowns that one Almanac does side by side: they wait for sites and disks, not for this process."""


def wall_clock() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Almanac:
    """The services of one Almanac, composed.

    Attributes:
        clock: the present, aware UTC; simulated in tests.
        wake: set by services when the loop should look at once.
        nodes: where machines in clouds get their orders; None when no site has such.
    """

    database: Database
    catalogue: Catalogue
    accounts: Accounts
    projects: Projects
    ledger: Ledger
    finder: Finder
    bookings: Bookings
    changes: Changes
    access: Access
    warm: WarmPool
    health: Healthcheck
    reconciler: Reconciler
    clock: Clock
    wake: threading.Event
    nodes: Nodes | None = None


def compose(
    database: Database,
    vault: Vault,
    sites: Sequence[Site],
    profiles: Sequence[Profile],
    rules: Rules,
    clock: Clock = wall_clock,
    hands: Callable[[Callable[[], None]], Hands] = lambda _: InOrder(),
    nodes: Nodes | None = None,
) -> Almanac:
    """Put the services together on a migrated database and given sites.

    Args:
        database: migrated.
        vault: for the clusters' secrets.
        sites: in the order of preference.
        profiles: the catalogue.
        rules: the operator's rules on booking.
        clock: the present, aware UTC.
        hands: makes what does a tick's work, given what to call when some of it is done.
        nodes: the desk of the sites' machines, which those sites were given; None when no site has such.
    """
    wake = threading.Event()
    catalogue = Catalogue(database, sites, profiles, rules)
    calendars = Calendars(database, catalogue)
    leads = Leads(database, catalogue)
    chooser = Chooser(database, catalogue, rules)
    warm = WarmPool(database, catalogue, calendars, chooser)
    finder = Finder(catalogue, calendars, leads, chooser)
    duties = Duties(database, catalogue, calendars, warm)
    return Almanac(
        database=database,
        catalogue=catalogue,
        accounts=Accounts(database),
        projects=Projects(database, catalogue.site),
        ledger=Ledger(database),
        finder=finder,
        bookings=Bookings(database, catalogue, calendars, warm, finder, leads, rules, wake.set),
        changes=Changes(database, catalogue, calendars, vault, leads, rules, wake.set),
        access=Access(database, catalogue, vault, leads),
        warm=warm,
        health=Healthcheck(database),
        reconciler=Reconciler(database, catalogue, vault, duties, hands(wake.set), clock),
        clock=clock,
        wake=wake,
        nodes=nodes,
    )


def build(settings: Settings, clock: Clock = wall_clock) -> Almanac:
    """A whole Almanac from its settings: database migrated, sites found, catalogue read.

    Raises:
        BadRequest: the catalogue or a setting isn't right.
        StorageTrouble: the database doesn't answer.
        SiteTrouble: this machine lacks something that its site can't do without.
    """
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = read(settings.catalogue) if settings.catalogue else ProfileFile()
    database = Database(settings.database_url)
    database.migrate()
    sites, profiles = _sites(settings, file, clock)
    rules = Rules(settings.offer_held_for, settings.require_grants)
    vault = Vault.at(settings.state / "secret.key")
    return compose(database, vault, sites, merged(profiles, file), rules, clock, partial(SideBySide, _HANDS))


def _sites(settings: Settings, file: ProfileFile, clock: Clock) -> tuple[list[Site], tuple[Profile, ...]]:
    sites: list[Site] = []
    profiles: dict[str, Profile] = {}
    if settings.local.enabled:
        local, host, flavors = _local(settings, file, clock)
        sites.append(local)
        profiles |= {profile.name: profile for profile in built_in_profiles((host,), flavors)}
    if settings.simulated is not None:
        simulated, hosts, flavors = _simulated(settings, file, clock)
        sites.append(simulated)
        profiles = {profile.name: profile for profile in built_in_profiles(hosts, flavors)} | profiles
    return sites, tuple(profiles.values())


def _flavors(total: Resources, file: ProfileFile) -> tuple[Flavor, ...]:
    by_name = {flavor.name: flavor for flavor in (*built_in_flavors(total, class_seats(total)), *file.flavors)}
    return tuple(by_name.values())


def _local(settings: Settings, file: ProfileFile, clock: Clock) -> tuple[LocalSite, Host, tuple[Flavor, ...]]:
    wanted = settings.local
    chosen = LocalSiteSettings(
        network=wanted.network,
        cpu_allocation_ratio=wanted.cpu_allocation_ratio,
        memory_reserve_mib=wanted.memory_reserve_mib,
    )
    host = find_host(settings.state, chosen.cpu_allocation_ratio, chosen.memory_reserve_mib, chosen.disk_reserve_gib)
    flavors = _flavors(host.resources, file)
    runtime = partial(local_runtime, settings)
    try:
        site = LocalSite(wanted.name, settings.state / "local", flavors, runtime, chosen, clock=clock)
    except Permanent as error:
        raise SiteTrouble(
            f"This machine can't be a site: {error}", hint="Mend that, or set local.enabled = false in almanac.toml."
        ) from error
    return site, host, flavors


def local_runtime(settings: Settings) -> Runtime:
    """Java, Spark and Python of this machine, with the class-data archive if there is one yet.

    Raises:
        NoJava, NoSpark: as they say.
    """
    runtime = find_runtime(settings.cache)
    archive = find_archive(runtime, settings.cache)
    return replace(runtime, archive=str(archive)) if archive else runtime


def _simulated(
    settings: Settings, file: ProfileFile, clock: Clock
) -> tuple[SimulatedSite, list[Host], tuple[Flavor, ...]]:
    wanted = settings.simulated
    if wanted is None:
        raise ValueError("no simulated site is configured")
    each = Resources(wanted.cores, wanted.memory_mib, wanted.disk_gib, wanted.gpus)
    hosts = [Host(f"{wanted.name}-{number}", each) for number in range(1, wanted.hosts + 1)]
    flavors = _flavors(each, file)
    limits = Limits(build=timedelta(seconds=wanted.build_s), teardown=timedelta(seconds=10))
    site = SimulatedSite(
        wanted.name,
        hosts,
        flavors,
        limits,
        clock,
        start_seconds=lambda _: wanted.build_s,
        world=World(settings.state / "simulated.json"),
    )
    return site, hosts, flavors
