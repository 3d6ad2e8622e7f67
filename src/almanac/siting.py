"""The sites that the settings name, and what the built-in catalogue is at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from almanac.core.catalogue import Profile
from almanac.core.defaults import built_in_flavors, built_in_profiles, class_seats
from almanac.core.errors import NotFound, SiteTrouble
from almanac.core.ports import Limits, Permanent, Site
from almanac.core.resources import Flavor, Host, Resources
from almanac.services.nodes import Nodes
from almanac.services.profile_file import ProfileFile, merged, read
from almanac.services.vault import Vault
from almanac.settings import CloudSettings, Settings, SimulatedSettings
from almanac.sites.local.data import Mount, concern, trouble
from almanac.sites.local.ground import Settings as LocalSiteSettings
from almanac.sites.local.machine import find_host
from almanac.sites.local.site import LocalSite
from almanac.sites.simulated import SimulatedSite, World
from almanac.spark.archive import find_archive
from almanac.spark.runtime import Runtime, find_runtime
from almanac.storage.database import Database

if TYPE_CHECKING:
    from almanac.sites.openstack.check_boot import Booting
    from almanac.sites.openstack.checking import Step, Trial

Clock = Callable[[], datetime]

_A_CLOUD = Resources(cores=1024, memory_mib=1024 * 4096, disk_gib=100_000, gpus=8)
"""What a cloud is taken for before it answers: large enough for the whole built-in catalogue."""


@dataclass(frozen=True, slots=True)
class Made:
    """A site, and what the built-in catalogue is there.

    Attributes:
        hosts: by which the catalogue is sized.
        flavors: the shapes that its profiles name; a cloud has flavors of its own, which stand in for them.
    """

    site: Site
    hosts: tuple[Host, ...]
    flavors: tuple[Flavor, ...]


class Sites:
    """Makes the sites.

    Args:
        settings: which.
        file: the operator's flavors.
        nodes: where the machines of clouds report.
        clock: the present, aware UTC.
    """

    def __init__(self, settings: Settings, file: ProfileFile, nodes: Nodes, clock: Clock) -> None:
        self._settings = settings
        self._file = file
        self._nodes = nodes
        self._clock = clock

    def make(self) -> tuple[Made, ...]:
        """All of them, in the operator's order of preference.

        Raises:
            SiteTrouble: this machine lacks something that its site can't do without.
        """
        local = (self._local(),) if self._settings.local.enabled else ()
        clouds = (self._cloud(cloud) for cloud in self._settings.openstack)
        simulated = (self._simulated(wanted) for wanted in self._settings.simulated)
        return (*local, *clouds, *simulated)

    def _local(self) -> Made:
        settings, wanted = self._settings, self._settings.local
        chosen = LocalSiteSettings(
            network=wanted.network,
            cpu_allocation_ratio=wanted.cpu_allocation_ratio,
            memory_reserve_mib=wanted.memory_reserve_mib,
            mounts={label: each.mount for label, each in wanted.mounts.items()},
        )
        host = find_host(
            settings.state, chosen.cpu_allocation_ratio, chosen.memory_reserve_mib, chosen.disk_reserve_gib
        )
        flavors, runtime = known_flavors(host.resources, self._file), partial(local_runtime, settings)
        try:
            site = LocalSite(wanted.name, settings.state / "local", flavors, runtime, chosen, clock=self._clock)
        except Permanent as error:
            raise SiteTrouble(
                f"This machine can't be a site: {error}",
                hint="Mend that, or set local.enabled = false in almanac.toml.",
            ) from error
        return Made(site, (host,), flavors)

    def _cloud(self, wanted: CloudSettings) -> Made:
        from almanac.sites.openstack.site import OpenStackSite  # the SDK takes its time to import

        desk = self._nodes.desk(wanted.name, self._settings.url_for(wanted))
        state = self._settings.state / "openstack" / wanted.name
        site = OpenStackSite(wanted.name, wanted.site, desk, state, self._clock)
        return Made(site, (Host(wanted.cloud, _A_CLOUD),), known_flavors(_A_CLOUD, self._file))

    def _simulated(self, wanted: SimulatedSettings) -> Made:
        each = Resources(wanted.cores, wanted.memory_mib, wanted.disk_gib, wanted.gpus)
        hosts = tuple(Host(f"{wanted.name}-{number}", each) for number in range(1, wanted.hosts + 1))
        flavors = known_flavors(each, self._file)
        site = SimulatedSite(
            wanted.name,
            hosts,
            flavors,
            Limits(build=timedelta(seconds=wanted.build_s), teardown=timedelta(seconds=10)),
            self._clock,
            start_seconds=lambda _: wanted.build_s,
            world=World(self._settings.state / f"{wanted.name}.json"),
            reserved=wanted.reserved,
        )
        return Made(site, hosts, flavors)


def checks(settings: Settings, name: str, clock: Clock, *, boot: bool = False) -> Iterator[Step]:
    """What to try out of a site that the settings name: this machine, or a cloud (see ``sites.openstack.check``).

    Args:
        settings: with the cloud.
        name: the site's.
        clock: aware UTC.
        boot: whether to boot a machine, too, which reports to the Almanac that runs on these settings.

    Raises:
        NotFound: it isn't one.
        BadRequest: the catalogue isn't right.
    """
    from almanac.sites.openstack.check import steps
    from almanac.sites.openstack.checking import Needs, Trial
    from almanac.sites.openstack.cloud import Cloud

    if settings.local.enabled and name == settings.local.name:
        yield from _local_checks(settings)
        return
    wanted = next((cloud for cloud in settings.openstack if cloud.name == name), None)
    if wanted is None:
        names = ", ".join(cloud.name for cloud in settings.openstack)
        hint = f"There is: {names}." if names else "Add one: almanac site add NAME --cloud ENTRY"
        raise NotFound(f"There is no cloud {name} in almanac.toml.", hint=hint)
    file = read(settings.catalogue) if settings.catalogue else ProfileFile()
    flavors = known_flavors(_A_CLOUD, file)
    profiles = merged(built_in_profiles((Host(wanted.cloud, _A_CLOUD),), flavors), file)
    here = [profile for profile in profiles if not profile.sites or name in profile.sites]
    trial = Trial(Cloud(wanted.site), wanted.site, Needs(here, flavors), settings.url_for(wanted), clock)
    yield from steps(trial, _booting(settings, trial, wanted, clock) if boot else None)


def _local_checks(settings: Settings) -> Iterator[Step]:
    """What this machine lacks: how clusters are kept apart, and whether shared data is there."""
    from almanac.sites.local.isolation import find_isolation
    from almanac.sites.openstack.checking import Finding, Outcome, Step

    def isolation() -> Finding:
        found = find_isolation(settings.local.network)
        return Finding(Outcome.NOTE if found.missing else Outcome.OK, str(found))

    def data(label: str, mount: Mount) -> Finding:
        why = trouble(label, mount)
        if why:
            return Finding(Outcome.FAILED, why, f"You: mount or make it, or mend local.mounts.{label} in almanac.toml.")
        worry = concern(label, mount)
        use = "for writing" if mount.write else "for reading"
        return Finding(Outcome.NOTE, worry) if worry else Finding(Outcome.OK, f"{label} is {mount.source}, {use}.")

    yield Step("isolation", isolation)
    for label, wanted in settings.local.mounts.items():
        yield Step(f"data {label}", partial(data, label, wanted.mount))


def _booting(settings: Settings, trial: Trial, wanted: CloudSettings, clock: Clock) -> Booting:
    """Boots a machine beside the Almanac that runs, on its database: there the machine reports."""
    from almanac.sites.openstack.check_boot import Booting
    from almanac.sites.openstack.site import OpenStackSite

    database = Database(settings.database_url)
    database.migrate()
    nodes = Nodes(database, Vault.at(settings.state / "secret.key"), clock, storage_of(settings))
    desk = nodes.desk(f"{wanted.name}.check", settings.url_for(wanted))
    state = settings.state / "openstack" / f"{wanted.name}.check"
    # The check gives a machine up itself, and says more than the site would.
    patient = replace(wanted.site, join_within=wanted.join_within * 2)
    return Booting(trial, OpenStackSite(wanted.name, patient, desk, state, clock), desk)


def storage_of(settings: Settings) -> Path:
    """Where people's files are between bookings: the same ones at every site."""
    return settings.state / "local" / "storage"


def known_flavors(total: Resources, file: ProfileFile) -> tuple[Flavor, ...]:
    """The built-in flavors for a host of a size, with the operator's laid over them."""
    known = (*built_in_flavors(total, class_seats(total)), *file.flavors)
    return tuple({flavor.name: flavor for flavor in known}.values())


def built_in(made: Iterable[Made]) -> tuple[Profile, ...]:
    """The built-in profiles: each as the first site has it that is large enough for it."""
    profiles: dict[str, Profile] = {}
    for each in made:
        profiles = {profile.name: profile for profile in built_in_profiles(each.hosts, each.flavors)} | profiles
    return tuple(profiles.values())


def shapes(made: Iterable[Made]) -> tuple[Flavor, ...]:
    """What the names of flavors in profiles mean; what the first site says goes."""
    known: dict[str, Flavor] = {}
    for each in made:
        known = {flavor.name: flavor for flavor in each.flavors} | known
    return tuple(known.values())


def local_runtime(settings: Settings) -> Runtime:
    """Java, Spark and Python of this machine, with the class-data archive if there is one yet.

    Raises:
        NoJava, NoSpark: as they say.
    """
    runtime = find_runtime(settings.cache)
    archive = find_archive(runtime, settings.cache)
    return replace(runtime, archive=str(archive)) if archive else runtime
