"""The reconcile decision: wanted rows and observed facts in, actions out. Pure.

It is level-triggered: it looks at what is, never at what happened, so a crash anywhere is mended by the next call.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.bookings import Phase
from almanac.core.ports import ClusterState, Handle, LeaseState, Observation, SeenCluster, SeenLease
from almanac.core.resources import Resources
from almanac.core.windows import Window

STUCK_AFTER = timedelta(minutes=10)
"""A cluster that isn't ready and of which nothing new was seen for this long is started again, which converges."""
ANY_MOMENT = timedelta(minutes=1)
"""So near to its window's start a lease becomes active any moment: sites may start one early, or a bit late."""


@dataclass(frozen=True, slots=True)
class WantedLease:
    """A lease row, as far as the decision needs it. ``wanted``: held, else returned."""

    id: str
    site: str
    wanted: bool
    phase: Phase
    window: Window
    handle: Handle | None
    changed_at: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class WantedCluster:
    """A cluster row, as far as the decision needs it.

    Attributes:
        wanted: running, else gone.
        spec_applied: whether the site has been given the present spec.
        build_at: when its build may start.
        takes: resources by host, of its nodes.
    """

    id: str
    site: str
    lease: str
    wanted: bool
    phase: Phase
    handle: Handle | None
    spec_applied: bool
    build_at: datetime
    takes: Mapping[str, Resources]
    changed_at: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Ask the site for the lease; ``why`` says what went wrong with it, where it was held before."""

    lease: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """End the lease; then its row is GONE, or, when ``again``, ABSENT, to be held anew."""

    lease: str
    handle: Handle | None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Prepare:
    """Make what the cluster needs besides its lease, which isn't active yet."""

    cluster: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start, converge or mend the cluster."""

    cluster: str
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Drain, save, tear down."""

    cluster: str
    handle: Handle | None


@dataclass(frozen=True, slots=True)
class Record:
    """Write down what was seen of a cluster."""

    cluster: str
    seen: SeenCluster


@dataclass(frozen=True, slots=True)
class EndOrphan:
    """End something that carries our tag but that no row wants."""

    site: str
    handle: Handle
    lease: bool
    id: str


Action = Hold | GiveBack | Prepare | Start | Stop | Record | EndOrphan


@dataclass(frozen=True, slots=True)
class Desired:
    """All unfinished rows, each site's hosts (``(site, host)`` -> resources), and the sites that prepare clusters."""

    leases: Sequence[WantedLease]
    clusters: Sequence[WantedCluster]
    room: Mapping[tuple[str, str], Resources]
    prepares: Container[str] = frozenset()


def decide(desired: Desired, observed: Mapping[str, Observation], now: datetime) -> list[Action]:
    """The actions that bring what is observed closer to what is desired.

    Sites that are missing from ``observed`` didn't answer: nothing is done there. Rows that changed since a site's
    observation began are left for the next call, but for new ones, of which nothing can have been seen. Stops come before
    starts, so that room is made before it is taken.

    Args:
        desired: what the database wants.
        observed: what each site that answered has.
        now: aware UTC.
    """
    seen_clusters = {(site, c.id): c for site, o in observed.items() for c in o.clusters}
    seen_leases = {(site, x.id): x for site, o in observed.items() for x in o.leases}
    lease_rows = {row.id: row for row in desired.leases}
    present = _Presence(desired, seen_clusters)
    stops: list[Action] = [*_orphans(desired, observed)]
    starts: list[Action] = []
    for cluster in desired.clusters:
        if _settled(cluster, observed, now):
            seen = seen_clusters.get((cluster.site, cluster.id))
            if not cluster.wanted:
                stops.extend(_unwanted_cluster(cluster, seen))
            else:
                lease = lease_rows.get(cluster.lease)
                active = seen_leases.get((cluster.site, cluster.lease))
                ahead = cluster.site in desired.prepares
                starts.extend(_wanted_cluster(cluster, seen, present, now, usable=_usable(lease, active), ahead=ahead))
    holds: list[Action] = []
    for lease in desired.leases:
        if _settled(lease, observed, now):
            found = seen_leases.get((lease.site, lease.id))
            if lease.wanted:
                holds.extend(_wanted_lease(lease, found))
            elif not present.in_lease(lease.id):
                stops.extend(_unwanted_lease(lease, found))
    return [*stops, *holds, *starts]


def _settled(row: WantedLease | WantedCluster, observed: Mapping[str, Observation], now: datetime) -> bool:
    """Whether the row may be acted on: its site answered, it is older than the answer, and it isn't backing off."""
    observation = observed.get(row.site)
    if observation is None or _younger(row, observation):
        return False
    return row.not_before is None or row.not_before <= now


def _younger(row: WantedLease | WantedCluster, observation: Observation) -> bool:
    """Whether what was seen may be out of date for the row. Of one for which nothing was ever asked, there is nothing to see."""
    untouched = row.phase is Phase.ABSENT and row.handle is None
    return row.changed_at >= observation.began and not untouched


def look_soon(desired: Desired, observed: Mapping[str, Observation], now: datetime) -> bool:
    """Whether the next look should come soon: rows wait for it, or a lease becomes active any moment."""
    rows: tuple[WantedLease | WantedCluster, ...] = (*desired.leases, *desired.clusters)
    if any(row.site in observed and _younger(row, observed[row.site]) for row in rows):
        return True
    active = {(site, x.id) for site, o in observed.items() for x in o.leases if x.state is LeaseState.ACTIVE}
    return any(
        row.wanted
        and row.phase is Phase.READY
        and row.site in observed
        and abs(now - row.window.start) < ANY_MOMENT
        and (row.site, row.id) not in active
        for row in desired.leases
    )


def _usable(row: WantedLease | None, seen: SeenLease | None) -> bool:
    return row is not None and row.phase is Phase.READY and seen is not None and seen.state is LeaseState.ACTIVE


class _Presence:
    """What stands on the hosts now: clusters that may have machines, or are to get them at once, by host and by lease."""

    def __init__(self, desired: Desired, seen: Mapping[tuple[str, str], SeenCluster]) -> None:
        self._room = desired.room
        self._used: dict[tuple[str, str], Resources] = defaultdict(Resources)
        self._leases: set[str] = set()
        self._admitted: set[str] = set()
        for cluster in desired.clusters:
            started = cluster.phase in {Phase.STARTING, Phase.READY, Phase.STOPPING} or cluster.handle is not None
            if started or (cluster.site, cluster.id) in seen:
                self._leases.add(cluster.lease)
                self._take(cluster)

    def _take(self, cluster: WantedCluster) -> None:
        self._admitted.add(cluster.id)
        for host, resources in cluster.takes.items():
            self._used[cluster.site, host] += resources

    def in_lease(self, lease: str) -> bool:
        return lease in self._leases

    def admit(self, cluster: WantedCluster) -> bool:
        """Take room for a new cluster if its hosts have it; a slow teardown next door makes it wait.

        One that was prepared has its room already.
        """
        if cluster.id in self._admitted:
            return True
        for host, resources in cluster.takes.items():
            room = self._room.get((cluster.site, host))
            if room is None or not (self._used[cluster.site, host] + resources).fits_in(room):
                return False
        self._take(cluster)
        return True


def _orphans(desired: Desired, observed: Mapping[str, Observation]) -> Iterator[Action]:
    clusters = {(row.site, row.id) for row in desired.clusters}
    leases = {(row.site, row.id) for row in desired.leases}
    for site, observation in observed.items():
        for cluster in observation.clusters:
            if (site, cluster.id) not in clusters:
                yield EndOrphan(site, cluster.handle, lease=False, id=cluster.id)
        for lease in observation.leases:
            if (site, lease.id) not in leases:
                yield EndOrphan(site, lease.handle, lease=True, id=lease.id)


def _wanted_lease(row: WantedLease, seen: SeenLease | None) -> Iterable[Action]:
    if row.phase is Phase.FAILED:
        return ()
    if seen is not None and seen.state is LeaseState.ERROR:
        return (GiveBack(row.id, seen.handle, again=True),)
    if row.phase is not Phase.READY or seen is None or not seen.whole:
        return (Hold(row.id, seen.reason if seen is not None and row.phase is Phase.READY else ""),)
    return ()


def _unwanted_lease(row: WantedLease, seen: SeenLease | None) -> Iterable[Action]:
    if row.phase is Phase.GONE and seen is None:
        return ()
    return (GiveBack(row.id, seen.handle if seen else row.handle),)


def _unwanted_cluster(row: WantedCluster, seen: SeenCluster | None) -> Iterable[Action]:
    if row.phase is Phase.GONE and seen is None:
        return ()
    return (Stop(row.id, seen.handle if seen else row.handle),)


def _wanted_cluster(
    row: WantedCluster, seen: SeenCluster | None, present: _Presence, now: datetime, *, usable: bool, ahead: bool
) -> Iterable[Action]:
    if row.phase is Phase.FAILED:
        return ()
    if row.phase is Phase.ABSENT:
        untouched = seen is None and row.handle is None
        if row.build_at > now or not (usable or (ahead and untouched)) or not present.admit(row):
            return ()
        return (Start(row.id, "build") if usable else Prepare(row.id),)
    if seen is None:
        return (Start(row.id, "gone" if row.phase is Phase.READY else "resume"),) if usable else ()
    record = Record(row.id, seen)
    if seen.state is ClusterState.DEAD:
        return (record, Start(row.id, "dead"))
    if not seen.whole:
        return (record, Start(row.id, "broken"))
    if not row.spec_applied:
        return (record, Start(row.id, "converge"))
    if seen.state is not ClusterState.READY and now - row.changed_at > STUCK_AFTER:
        return (record, Start(row.id, "stuck"))
    return (record,)
