"""Orders of capacity as Blazar leases: one lease per flavor at least, all or nothing, found again by name.

Creates are serialised in this process, as two at once may both be given the same hosts. Every lease is looked for before it
is made and looked at after it was made or changed, because an error doesn't mean that nothing happened.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from almanac.core.ports import Handle, LeaseOrder, LeaseState, NoRoom, Permanent, SeenLease, SiteError, Temporary
from almanac.core.resources import Flavor
from almanac.core.windows import Window
from almanac.sites.openstack import leftovers
from almanac.sites.openstack.blazar import Blazar, BlazarLease, UnknownKind, Wanted
from almanac.sites.openstack.book import Book, Entry, entry, label
from almanac.sites.openstack.covering import shortfalls, surplus, whole_minutes
from almanac.sites.openstack.groups import Group, end
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

Parts = Mapping[str, Sequence[BlazarLease]]
"""Leases of one order by their flavor's label."""
_AGAIN = timedelta(minutes=1)
_AUTOMATIC = (LeaseKind.FLAVOR, LeaseKind.INSTANCE, LeaseKind.HOST)


class Leases:
    """The orders of one Almanac in one project.

    Args:
        blazar: the project's reservations.
        book: what was ordered.
        settings: the operator's.
        flavor_id: Nova's id of a flavor, by its name; raises Permanent.
        reserved: whether the cloud has reservations at all; otherwise orders are kept in the book alone.
        clock: aware UTC.
        occupied: the reservations in which machines stand; None where that isn't known.
    """

    def __init__(
        self,
        blazar: Blazar,
        book: Book,
        settings: OpenStackSettings,
        flavor_id: Callable[[str], str],
        reserved: Callable[[], bool],
        clock: Callable[[], datetime],
        occupied: Callable[[], Container[str]] | None = None,
    ) -> None:
        self._blazar = blazar
        self._book = book
        self._settings = settings
        self._flavor_id = flavor_id
        self._reserved = reserved
        self._clock = clock
        self._occupied = occupied
        self._creating = threading.Lock()
        self._left: tuple[str, ...] = ()

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        """Hold an order, or change what is held of it; see ``core.ports.Site.hold``.

        Raises:
            NoRoom: one of its flavors can't be had; what this call made is given back.
            Permanent: it is over before it could begin, or the cloud refuses it.
            Temporary: the cloud is in trouble, or has no room for more of what runs already; the next call goes on.
        """
        if order.window.end <= self._clock():
            raise Permanent(f"The lease {order.id} ends {order.window.end:%Y-%m-%d %H:%M} UTC, before it could begin.")
        before = self._book.read(order.id)
        wanted = entry(order, held=before is not None and before.held)
        handle = {"lease": order.id}
        self._book.write(wanted)
        yield handle
        if self._reserved():
            with self._creating:
                self._converge(order, wanted, before)
        self._book.write(replace(wanted, held=True))
        yield handle

    def give_back(self, handle: Handle) -> None:
        """End all leases of an order; nothing there is fine."""
        order = str(handle["lease"])
        if self._reserved():
            for parts in self._parts(order).values():
                end(self._blazar, parts)
        self._book.remove(order)

    def exchange(self, order: str, flavors: Iterable[Flavor], reservation: str) -> bool:
        """Hold in another lease what a reservation holds; it stays where there is no room for both.

        Args:
            order: whose it is.
            flavors: the order's.
            reservation: that is of no use; nothing may stand in it.

        Returns:
            Whether the other took its place.

        Raises:
            SiteError: Blazar is in trouble; the next ``hold`` ends whichever is one too many.
        """
        labelled = {label(flavor.name): flavor for flavor in flavors}
        with self._creating:
            parts = [(name, one) for name, all_ in self._parts(order).items() for one in all_ if name in labelled]
            useless = [(name, one) for name, one in parts if one.reservation == reservation and one.usable]
            for name, one in useless:
                try:
                    self._create(order, labelled[name], one.window, one.amount)
                except NoRoom:
                    return False
                end(self._blazar, [one])
        return bool(useless)

    def active(self, order: str) -> dict[str, list[tuple[str, int]]] | None:
        """Flavor's label -> reservations that are usable now, each with the number of nodes that it holds.

        Returns:
            None where nothing is reserved ahead of time and the order's window is now.

        Raises:
            Temporary: the order isn't held, or not yet active.
            Permanent: it has ended.
        """
        now, known = self._clock(), self._book.read(order)
        if known is None:
            raise Temporary(f"There is no lease {order} at this site.")
        if known.window.end <= now:
            raise Permanent(f"The lease {order} has ended.")
        if not self._reserved():
            if now < known.window.start:
                raise Temporary(f"The lease {order} isn't active yet.", known.window.start - now)
            return None
        parts = self._parts(order)
        if self._state(known, parts, now) is not LeaseState.ACTIVE:
            raise Temporary(f"The lease {order} isn't active yet.")
        return {name: [(one.reservation, one.amount) for one in all_ if one.started] for name, all_ in parts.items()}

    def kind(self) -> LeaseKind:
        """How capacity is leased here: as set, else what was found to work, else the first to try."""
        if not self._reserved():
            return LeaseKind.NONE
        if self._settings.lease_kind is not LeaseKind.AUTO:
            return self._settings.lease_kind
        return self._book.kind() or _AUTOMATIC[0]

    def seen(self, now: datetime, occupied: Container[str] | None = None) -> tuple[SeenLease, ...]:
        """All orders that hold something, by the book and by name.

        Args:
            now: aware UTC.
            occupied: the reservations in which machines stand; None where that isn't known.
        """
        book = self._book.entries()
        if not self._reserved():
            return tuple(self._see(one, {}, now, whole=True) for one in book.values() if one.held)
        held = {order for order, one in book.items() if one.held}
        # What was cut off in the midst can't be ended, so it is no reason to see an order that isn't held (any more).
        all_ = self._all_parts(now).items()
        found = {order: left for order, parts in all_ if (left := parts if order in held else _endable(parts))}
        seen = []
        for order in sorted(book.keys() | found.keys()):
            parts = found.get(order, {})
            known = book.get(order) or _guessed(order, parts)
            if parts or (known.held and known.window.end <= now):
                whole = self._whole(known, parts, now) and not self._has_spare(known, parts, now, occupied)
                seen.append(self._see(known, parts, now, whole=whole))
        return tuple(seen)

    def leftovers(self) -> tuple[str, ...]:
        """What Blazar has left behind, in words for an operator; what was known last while Blazar doesn't answer."""
        now = self._clock()
        if self._reserved():
            with suppress(SiteError):
                every = [one for parts in self._all_parts(now).values() for all_ in parts.values() for one in all_]
                self._left = tuple(leftovers.in_blazar(one) for one in every if one.cut_off)
        since = now - leftovers.TOLD_FOR
        return self._left + tuple(leftovers.in_nova(*one) for one in self._book.unfinished(since).items())

    def _see(self, known: Entry, parts: Parts, now: datetime, *, whole: bool) -> SeenLease:
        state = self._state(known, parts, now) if parts else _by_time(known.window, now)
        reason = " ".join(dict.fromkeys(one.trouble for all_ in parts.values() for one in all_ if one.trouble))
        return SeenLease(known.id, state, known.window, {"lease": known.id}, reason, whole)

    def _whole(self, known: Entry, parts: Parts, now: datetime) -> bool:
        window = whole_minutes(known.window, self._settings.early)
        return known.held and not any(
            shortfalls([one for one in parts.get(flavor, ()) if one.usable], window, amount, now)
            for flavor, amount in known.groups.items()
        )

    def _has_spare(self, known: Entry, parts: Parts, now: datetime, occupied: Container[str] | None) -> bool:
        """Whether a lease is held that a cluster which shrank doesn't need any more, so that ``hold`` gives it back."""
        window = whole_minutes(known.window, self._settings.early)
        return occupied is not None and any(
            surplus([one for one in parts.get(flavor, ()) if one.usable], window, amount, now, occupied)
            for flavor, amount in known.groups.items()
        )

    @staticmethod
    def _state(known: Entry, parts: Parts, now: datetime) -> LeaseState:
        if known.window.end <= now:
            return LeaseState.ENDED
        started = {name: sum(one.amount for one in all_ if one.started) for name, all_ in parts.items()}
        enough = all(started.get(flavor, 0) >= amount for flavor, amount in known.groups.items())
        return LeaseState.ACTIVE if enough else LeaseState.PENDING

    def _converge(self, order: LeaseOrder, wanted: Entry, before: Entry | None) -> None:
        """Bring every flavor of an order to what is wanted. The caller holds the lock."""
        parts, window = self._parts(order.id), whole_minutes(order.window, self._settings.early)
        made: list[BlazarLease] = []
        try:
            for flavor in sorted({node.flavor for node in order.nodes}, key=lambda one: one.name):
                name = label(flavor.name)
                create = partial(self._create, order.id, flavor)
                group = Group(self._blazar, create, made, self._clock, self._occupied)
                group.converge(parts.get(name, ()), window, wanted.groups[name])
        except (NoRoom, Permanent) as refusal:
            self._compensate(order.id, made, before)
            if before is not None and before.held and before.window.contains(self._clock()):
                # People are at work in it: that it can't be longer or larger is no reason to take it from them.
                why = str(refusal).rstrip(".")
                raise Temporary(f"{why}. What is held stays, and the rest is asked for again.", _AGAIN) from refusal
            raise
        for name in parts.keys() - wanted.groups.keys():
            end(self._blazar, parts[name])
        now = self._clock()
        if any(not self._blazar.lease(one.id, now).usable for one in made):
            raise Temporary(f"A lease of {order.id} did not last; it is made anew.", timedelta(seconds=1))

    def _compensate(self, order: str, made: Sequence[BlazarLease], before: Entry | None) -> None:
        """All or nothing: what this call made goes; what was held whole before stays."""
        if before is not None and before.held:
            end(self._blazar, made)
            self._book.write(before)
            return
        for parts in self._parts(order).values():
            end(self._blazar, parts)
        self._book.remove(order)

    def _create(self, order: str, flavor: Flavor, window: Window, amount: int) -> BlazarLease:
        """Make a lease, of the first kind that this cloud knows where none is set."""
        size, name = flavor.resources, self._name(order, flavor.name)
        kinds = _AUTOMATIC[_AUTOMATIC.index(self.kind()) :] if self._automatic() else (self.kind(),)
        for kind in kinds:
            wanted = Wanted(kind, self._flavor_id(flavor.name), size.cores, size.memory_mib, size.disk_gib)
            try:
                made = self._blazar.create(name, window, wanted, amount, self._clock())
            except UnknownKind:
                if kind is kinds[-1]:
                    raise
                continue
            if self._automatic():
                self._book.remember(kind)
            return made
        raise Permanent("Blazar has no kind of reservation that Almanac knows.")

    def _automatic(self) -> bool:
        return self._settings.lease_kind is LeaseKind.AUTO

    def _name(self, order: str, flavor: str) -> str:
        return f"almanac/{self._book.instance}/{order}/{label(flavor)}"

    def _parts(self, order: str) -> Parts:
        return self._all_parts(self._clock()).get(order, {})

    def _all_parts(self, now: datetime) -> dict[str, dict[str, list[BlazarLease]]]:
        """Our leases by order and flavor's label."""
        found: dict[str, dict[str, list[BlazarLease]]] = defaultdict(lambda: defaultdict(list))
        for lease in self._blazar.leases(now):
            match lease.name.split("/", 3):
                case ["almanac", instance, order, flavor] if instance == self._book.instance:
                    found[order][flavor].append(lease)
        return found


def _endable(parts: Parts) -> Parts:
    left = {name: [one for one in all_ if not one.cut_off] for name, all_ in parts.items()}
    return {name: all_ for name, all_ in left.items() if all_}


def _by_time(window: Window, now: datetime) -> LeaseState:
    if now < window.start:
        return LeaseState.PENDING
    return LeaseState.ACTIVE if now < window.end else LeaseState.ENDED


def _guessed(order: str, parts: Parts) -> Entry:
    """An order that isn't in the book (which was lost): what its leases hold together, so that it is seen and ended."""
    windows = [one.window for all_ in parts.values() for one in all_]
    window = Window(min(one.start for one in windows), max(one.end for one in windows))
    return Entry(order, window, {name: max(one.amount for one in all_) for name, all_ in parts.items()}, held=True)
