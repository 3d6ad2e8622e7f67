"""The sites that the settings name, and what the built-in catalogue is at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from almanac.core.catalogue import Profile
from almanac.core.defaults import built_in_flavors, built_in_profiles, class_seats
from almanac.core.errors import SiteTrouble
from almanac.core.ports import Limits, Permanent, Site
from almanac.core.resources import Flavor, Host, Resources
from almanac.services.nodes import Nodes
from almanac.services.profile_file import ProfileFile
from almanac.settings import Settings, SimulatedSettings
from almanac.sites.local.ground import Settings as LocalSiteSettings
from almanac.sites.local.machine import find_host
from almanac.sites.local.site import LocalSite
from almanac.sites.simulated import SimulatedSite, World
from almanac.spark.archive import find_archive
from almanac.spark.runtime import Runtime, find_runtime

Clock = Callable[[], datetime]


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
        simulated = (self._simulated(wanted) for wanted in self._settings.simulated)
        return (*local, *simulated)

    def _flavors(self, total: Resources) -> tuple[Flavor, ...]:
        known = (*built_in_flavors(total, class_seats(total)), *self._file.flavors)
        return tuple({flavor.name: flavor for flavor in known}.values())

    def _local(self) -> Made:
        settings, wanted = self._settings, self._settings.local
        chosen = LocalSiteSettings(
            network=wanted.network,
            cpu_allocation_ratio=wanted.cpu_allocation_ratio,
            memory_reserve_mib=wanted.memory_reserve_mib,
        )
        host = find_host(
            settings.state, chosen.cpu_allocation_ratio, chosen.memory_reserve_mib, chosen.disk_reserve_gib
        )
        flavors, runtime = self._flavors(host.resources), partial(local_runtime, settings)
        try:
            site = LocalSite(wanted.name, settings.state / "local", flavors, runtime, chosen, clock=self._clock)
        except Permanent as error:
            raise SiteTrouble(
                f"This machine can't be a site: {error}",
                hint="Mend that, or set local.enabled = false in almanac.toml.",
            ) from error
        return Made(site, (host,), flavors)

    def _simulated(self, wanted: SimulatedSettings) -> Made:
        each = Resources(wanted.cores, wanted.memory_mib, wanted.disk_gib, wanted.gpus)
        hosts = tuple(Host(f"{wanted.name}-{number}", each) for number in range(1, wanted.hosts + 1))
        flavors = self._flavors(each)
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
