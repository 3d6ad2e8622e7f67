"""What an operator says of one cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class LeaseKind(StrEnum):
    """How capacity is leased. AUTO: the first that the cloud has, in the order below; NONE: best effort."""

    AUTO = "auto"
    FLAVOR = "flavor:instance"
    INSTANCE = "virtual:instance"
    HOST = "physical:host"
    NONE = "none"


class MountType(StrEnum):
    """How a machine gets at data. MANILA: a share of the cloud's own, by name or id, which is NFS or CephFS."""

    NFS = "nfs"
    CEPH = "ceph"
    MANILA = "manila"


@dataclass(frozen=True, slots=True)
class Mount:
    """Data that machines mount, where their profile asks for it.

    Attributes:
        source: ``10.0.0.5:/export/gaia-dr3`` (nfs), ``10.0.0.1:6789,10.0.0.2:6789:/volumes/gaia`` (ceph), a share (manila).
        options: more of mount's.
        user: CephFS's; empty elsewhere, or for the one that a share's rules name.
        secret_file: that user's key, on Almanac's machine.
        write: whether clusters may write there.
    """

    type: MountType
    source: str
    options: str = ""
    user: str = ""
    secret_file: Path | None = None
    write: bool = False


@dataclass(frozen=True, slots=True)
class OpenStackSettings:
    """One cloud, as its operator wants it used.

    Attributes:
        cloud: entry in ``clouds.yaml``.
        clouds_file: another ``clouds.yaml``; None for the usual places.
        region: where the entry names none, or another one.
        image: name or id of the image that machines boot.
        network: name or id of the network that machines are on; empty when the project has just one.
        floating_network: external network from which heads get an address; empty: heads are reached at their own.
        flavors: patterns (``m.*``) of the flavors to offer; none of them: all.
        lease_kind: see LeaseKind.
        door_cidrs: from where Almanac reaches heads; empty: from the machines' own network only.
        key_name: an SSH key for machines (a login for the operator; the port stays closed); empty for none.
        availability_zone: empty for the cloud's choice.
        volume_gib: size of the boot volume where a flavor has no disk.
        gpu_property: property of Blazar's hosts that tells their number of GPUs.
        early: how long before an order's start its leases start: Blazar starts leases one after the other.
        join_within: how long a new machine may take to boot and join.
        drain: how long machines may take to save people's files before they are given up.
        silent_after: a machine that has said nothing for so long is reported as silent, and not waited for at the end.
        lost_after: a machine that has said nothing for so long is replaced.
        build: how long a build takes until measurements say otherwise (a p95).
        look_every: how often to look at the cloud while nothing is on the move there; else it is at every tick.
        ca_file: PEM of the authority that signed Almanac's certificate, where images don't know it.
        mounts: data that machines mount where a profile asks for it, by label.
    """

    cloud: str
    image: str
    clouds_file: Path | None = None
    region: str = ""
    network: str = ""
    floating_network: str = ""
    flavors: tuple[str, ...] = ()
    lease_kind: LeaseKind = LeaseKind.AUTO
    door_cidrs: tuple[str, ...] = ()
    key_name: str = ""
    availability_zone: str = ""
    volume_gib: int = 20
    gpu_property: str = "gpus"
    early: timedelta = timedelta(seconds=20)
    join_within: timedelta = timedelta(minutes=20)
    drain: timedelta = timedelta(minutes=2)
    silent_after: timedelta = timedelta(seconds=30)
    lost_after: timedelta = timedelta(minutes=5)
    build: timedelta = timedelta(minutes=4)
    look_every: timedelta = timedelta(seconds=10)
    ca_file: Path | None = None
    mounts: Mapping[str, Mount] = field(default_factory=dict)
