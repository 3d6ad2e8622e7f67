"""Building, converging and mending a cluster: whatever is missing is made, whatever is too much goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from almanac.core.ports import ClusterSpec, Handle, Permanent, PlacedNode, Temporary
from almanac.sites.openstack import layout
from almanac.sites.openstack.book import label
from almanac.sites.openstack.ground import Ground, lost, reasons
from almanac.sites.openstack.machines import Machine, Place
from almanac.sites.openstack.network import Port
from almanac.sites.openstack.records import Record, record
from almanac.sites.openstack.settings import LeaseKind

_DELETION_S = 15.0
_REQUESTS = 4
_LEAVE_S = 5.0
_LOOK_S = 0.5
_LONGEST_PAUSE = timedelta(minutes=1)
_FORGIVEN_AFTER = timedelta(minutes=10)
_REFUSED_TWICE = 1
"""Replaced so often before, a machine that is refused once more wants another place."""

Reservations = Mapping[str, list[tuple[str, int]]] | None
"""Flavor's label -> reservations and how many nodes each holds; None where nothing is reserved."""


def prepare(ground: Ground, spec: ClusterSpec) -> Iterator[Handle]:
    """Make its place in the network; see ``core.ports.Site.prepare``.

    Raises:
        SiteError: the cloud is in trouble; ``start`` goes on from here.
    """
    if ground.records.read(spec.id) is None:
        yield from _founded(ground, spec, None)


def start(ground: Ground, spec: ClusterSpec) -> Iterator[Handle]:
    """Make it run as specified; see ``core.ports.Site.start``.

    Raises:
        SiteError: the lease can't be used, or the cloud is in trouble; the next call goes on from here.
    """
    handle = {"cluster": spec.id}
    before = ground.records.read(spec.id)
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="almanac-looks") as pool:
        looked = pool.submit(ground.machines.all)
        places = _Places(ground, spec, pool)
        if before is None:
            places.known()
        wanted, ports = yield from _founded(ground, spec, before)
    wanted, standing = _clear(ground, spec, wanted, _retire(ground, spec, ports, looked.result()))
    yield handle
    _direct(ground, spec, {node.name: ports[node.name] for node in spec.nodes}, places, standing)
    ground.records.write(replace(wanted, asked=True))
    yield handle


def _founded(
    ground: Ground, spec: ClusterSpec, before: Record | None
) -> Generator[Handle, None, tuple[Record, dict[str, Port]]]:
    """Write down what is wanted and make its place in the network, which takes no lease.

    Returns:
        The record, and every node's port; see ``_ports``.
    """
    handle = {"cluster": spec.id}
    doors = layout.door_ports(ground.render, spec)
    wanted = record(spec, _awaited(ground, spec), doors, before)
    ground.records.write(wanted)
    ground.records.unmark(spec.id, "ending")
    if before is not None and before.awaited != wanted.awaited:
        ground.records.unmark(spec.id, "ready")
    yield handle
    ports = _ports(ground, spec, doors)
    head = ports[spec.head.name]
    wanted = replace(wanted, head=ground.network.floating(head) or head.address)
    ground.records.write(wanted)
    yield handle
    return wanted, ports


def _awaited(ground: Ground, spec: ClusterSpec) -> dict[str, tuple[str, ...]]:
    """Node -> services that must be up; addresses don't matter for that."""
    anywhere = {node.name: node.name for node in spec.nodes}
    rendered = layout.services(ground.render, spec, anywhere)
    return {node: tuple(one.name for one in services if one.awaited) for node, services in rendered.items()}


def _ports(ground: Ground, spec: ClusterSpec, doors: Mapping[str, int]) -> dict[str, Port]:
    """Every node's port, made where it is missing; those of nodes that are no more wanted are among them."""
    with ThreadPoolExecutor(1, thread_name_prefix="almanac-ports") as pool:
        looked = pool.submit(ground.network.ports, spec.id)
        group = ground.network.group(spec.id, doors.values())
        ports = looked.result()
    missing = [node.name for node in spec.nodes if node.name not in ports]
    return ports | ground.network.add_ports(spec.id, missing, group)


def _retire(ground: Ground, spec: ClusterSpec, ports: Mapping[str, Port], standing: list[Machine]) -> list[Machine]:
    """End the machines of nodes that are no more wanted: workers, which have no files of people's.

    Args:
        ground: the site.
        spec: what is wanted.
        ports: by node, those that are no more wanted included.
        standing: all of our machines.

    Returns:
        The machines that still stand.
    """
    names = {node.name for node in spec.nodes}
    leaving = [one for one in standing if one.cluster == spec.id and one.node not in names]
    if leaving:
        _say_goodbye(ground, spec.id, [one.node for one in leaving])
    for machine in leaving:
        ground.machines.delete(machine)
    gone(ground, leaving)
    for node, port in ports.items():
        if node not in names:
            ground.network.remove_port(port)
    return [one for one in standing if one not in leaving]


def _say_goodbye(ground: Ground, cluster: str, nodes: list[str]) -> None:
    """Let workers end what they do; they aren't waited for long."""
    told = [node for node, report in ground.reports(cluster).items() if node in nodes and report.seen_at is not None]
    for node in told:
        ground.desk.direct(cluster, node, layout.last_orders({}, None))

    def busy() -> bool:
        heard = ground.reports(cluster)
        return any(node in heard and not heard[node].finished for node in told)

    wait_while(busy, _LEAVE_S)


def _clear(ground: Ground, spec: ClusterSpec, wanted: Record, standing: list[Machine]) -> tuple[Record, list[Machine]]:
    """Delete machines that will never do their work, but not again and again at once.

    Returns:
        The record, and the machines that still stand.

    Raises:
        Temporary: machines had to be replaced just before.
    """
    now, heard = ground.clock(), ground.reports(spec.id)
    ours = [one for one in standing if one.cluster == spec.id and not one.leaving]
    broken = {one.node: why for one in ours if (why := lost(ground, one, heard.get(one.node), now))}
    if not broken:
        return wanted, standing
    last, count = wanted.replaced_at, wanted.replaced
    if last is None or now - last > _FORGIVEN_AFTER:
        count = 0
    elif (due := last + min(_LONGEST_PAUSE, timedelta(seconds=2**count))) > now:
        raise Temporary(reasons(broken), due - now)
    wanted = replace(wanted, replaced=count + 1, replaced_at=now)
    ground.records.write(wanted)
    leaving = [one for one in ours if one.node in broken]
    for machine in leaving:
        ground.machines.delete(machine)
    gone(ground, leaving)
    left = [one for one in standing if one not in leaving]
    if count >= _REFUSED_TWICE:
        _exchange(ground, spec, leaving, left)
    return wanted, left


def _exchange(ground: Ground, spec: ClusterSpec, refused: list[Machine], standing: list[Machine]) -> None:
    """Lease again what Nova has found no place in, though Blazar says that it is there, and in which nothing stands.

    Nova's scheduler hears of a reservation's hosts once, in a message that isn't sent again when the broker loses it.

    Raises:
        Temporary: it is done, and the new lease begins in a moment.
    """
    useless = {one.reservation for one in refused if one.refused} - {one.reservation for one in standing} - {""}
    flavors = [node.flavor for node in spec.nodes]
    if [one for one in sorted(useless) if ground.leases.exchange(spec.lease, flavors, one)]:
        nodes = " and ".join(sorted(one.node for one in refused if one.reservation in useless))
        raise Temporary(
            f"Nova found no place for {nodes} in what Blazar had reserved; another lease takes its place.",
            timedelta(seconds=1),
        )


def _direct(
    ground: Ground, spec: ClusterSpec, ports: Mapping[str, Port], places: _Places, standing: list[Machine]
) -> None:
    """Tell every machine what to do, and ask for those that are missing."""
    addresses = {node: port.address for node, port in ports.items()}
    services = layout.services(ground.render, spec, addresses, ground.data.places)
    mounts = ground.data.orders(spec.data)
    there = {one.node for one in standing if one.cluster == spec.id and not one.leaving}
    wanted = []
    for node in spec.nodes:
        orders = layout.orders(spec, node, services[node.name], mounts)
        if node.name in there:
            ground.desk.direct(spec.id, node.name, orders)
            continue
        place = places.find(node, standing)
        token = ground.desk.invite(spec.id, node.name, ground.settings.join_within)
        ground.desk.direct(spec.id, node.name, orders)
        user_data = _user_data(ground, spec.id, node.name, token)
        wanted.append((spec.id, node.name, ports[node.name].id, user_data, place))
    with ThreadPoolExecutor(_REQUESTS, thread_name_prefix="almanac-machines") as pool:
        list(pool.map(lambda machine: ground.machines.create(*machine), wanted))


def _user_data(ground: Ground, cluster: str, node: str, token: str) -> str:
    try:
        return ground.user_data(ground.desk.url, cluster, node, token)
    except OSError as error:
        raise Temporary(f"The certificate authority's file can't be read: {error}") from error
    except ValueError as error:
        raise Permanent(str(error)) from error


class _Places:
    """Where a cluster's new machines may stand: looked at beside other things, and only needed if machines are missing."""

    def __init__(self, ground: Ground, spec: ClusterSpec, pool: ThreadPoolExecutor) -> None:
        self._ground = ground
        self._spec = spec
        self._taken: dict[str, int] = {}
        self._reservations: Future[Reservations] = pool.submit(ground.leases.active, spec.lease)

    def known(self) -> Reservations:
        """The reservations, once they are known.

        Raises:
            SiteError: the lease can't be used.
        """
        return self._reservations.result()

    def find(self, node: PlacedNode, standing: list[Machine]) -> Place:
        """A place for one machine, which is taken from now on.

        Args:
            node: the machine's.
            standing: all of our machines, as they were before the first was asked for.

        Raises:
            SiteError: the lease has none (yet).
        """
        reservations = self.known()
        flavor = self._ground.capacity.flavor(node.flavor.name)
        volume = 0 if int(flavor["disk"]) else self._ground.settings.volume_gib
        if reservations is None:
            return Place(str(flavor["id"]), "", LeaseKind.NONE, volume)
        kind = self._ground.leases.kind()
        for reservation, amount in reservations.get(label(node.flavor.name), ()):
            used = sum(one.reservation == reservation for one in standing) + self._taken.get(reservation, 0)
            if used < amount:
                self._taken[reservation] = self._taken.get(reservation, 0) + 1
                return Place(str(flavor["id"]) if kind is LeaseKind.HOST else reservation, reservation, kind, volume)
        raise Temporary(f"The lease {self._spec.lease} has no place for another {node.flavor.name} yet.")


def gone(ground: Ground, machines: list[Machine]) -> None:
    """Wait until machines are deleted for sure: until then they keep their ports and their places.

    Raises:
        Temporary: the cloud takes its time.
    """
    ids = {machine.id for machine in machines}
    if ids and wait_while(lambda: any(one.id in ids for one in ground.machines.all()), _DELETION_S):
        raise Temporary("The cloud is still deleting machines.", timedelta(seconds=2))


def wait_while(busy: Callable[[], bool], longest_s: float) -> bool:
    """Wait, but not for long. Returns whether it is still so."""
    until = time.monotonic() + longest_s
    while busy():
        if time.monotonic() >= until:
            return True
        time.sleep(_LOOK_S)
    return False
