"""What a check of a cloud is made of: steps that are tried, what they find, and what they all stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from almanac.core.catalogue import Profile
from almanac.core.fitting import by_name
from almanac.core.ports import SiteCapacity, SiteError, Temporary
from almanac.core.resources import Flavor, NodeGroup, Resources
from almanac.sites.openstack.capacity import Capacity
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

INSTANCE = "check"
"""In the names of what a check makes, where an Almanac has its own: no Almanac takes them for its."""
ADMINISTRATOR = "The cloud's administrator"
AUTOMATIC = (LeaseKind.FLAVOR, LeaseKind.INSTANCE, LeaseKind.HOST)


class Outcome(StrEnum):
    """How a step went. NOTE: it works, but with something that one should know."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found.

    Attributes:
        says: in words.
        mend: who can mend it, and how; empty where there is nothing to mend.
    """

    outcome: Outcome
    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try.

    Attributes:
        needed: whether the steps after it make no sense when it fails.
    """

    title: str
    run: Callable[[], Finding]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Needs:
    """What people are to book at the site: profiles, and the shapes that they name."""

    profiles: Sequence[Profile]
    shapes: Sequence[Flavor]


def carried_out(step: Step) -> Finding:
    """A step's finding; what the cloud refuses is a finding, too."""
    try:
        return step.run()
    except Temporary as trouble:
        return Finding(Outcome.FAILED, trouble.reason, f"It may pass: try again, then ask: {ADMINISTRATOR.lower()}.")
    except SiteError as trouble:
        return Finding(Outcome.FAILED, str(trouble), f"You, if a setting is wrong; otherwise {ADMINISTRATOR.lower()}.")


class Trial:
    """What is tried out.

    Args:
        cloud: the project.
        settings: the operator's.
        needs: what people are to book there.
        url: where machines are to reach Almanac.
        clock: aware UTC.
    """

    def __init__(
        self, cloud: Cloud, settings: OpenStackSettings, needs: Needs, url: str, clock: Callable[[], datetime]
    ) -> None:
        self.cloud = cloud
        self.settings = settings
        self.needs = needs
        self.url = url
        self.clock = clock

    @cached_property
    def reserved(self) -> bool:
        """Whether capacity can be reserved here, and is to be."""
        return self.settings.lease_kind is not LeaseKind.NONE and self.cloud.has("reservation")

    @cached_property
    def seen(self) -> SiteCapacity:
        """Hosts and flavors as the site will see them."""
        kind = LeaseKind.NONE
        if self.reserved:
            automatic = self.settings.lease_kind is LeaseKind.AUTO
            kind = AUTOMATIC[0] if automatic else self.settings.lease_kind
        return Capacity(self.cloud, self.settings, lambda: kind, Resources).look(self.cloud.name)

    def groups(self, profile: Profile) -> tuple[NodeGroup, ...]:
        """The nodes of a profile's smallest booking.

        Raises:
            KeyError: no flavor is large enough for one of them.
        """
        return profile.groups(1, by_name(self.seen.flavors, self.needs.shapes))

    def used(self) -> list[Flavor]:
        """The flavors that some profile runs on, the smallest first."""
        named = by_name(self.seen.flavors, self.needs.shapes)
        names = [flavor for profile in self.needs.profiles for flavor in (profile.head, profile.worker)]
        used = {named[name].name: named[name] for name in names if name in named}
        return sorted(used.values() or self.seen.flavors, key=lambda flavor: flavor.resources.vector)
