"""One flavor of one order, brought from the leases that are there to those that are wanted.

What Blazar does to a lease of kind ``flavor:instance`` that is updated (version 18): new dates work once it is active; before
that, and with another amount at any time, it goes to ERROR. So nothing but dates is ever updated; a lease that hasn't started
is replaced, and more nodes or a time that was refused become a lease of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from datetime import datetime, timedelta

import stamina

from almanac.core.ports import NoRoom, Permanent, SiteError, Temporary
from almanac.core.windows import Window
from almanac.sites.openstack.blazar import Blazar, BlazarLease, Busy
from almanac.sites.openstack.covering import JOINT, Shortfall, matches, shortfalls, surplus
from almanac.sites.openstack.settings import LeaseKind

log = logging.getLogger(__name__)

_TRIES = 5
"""What was given back for nothing is asked for so many times within a call, which takes some seconds."""


def end(blazar: Blazar, leases: Sequence[BlazarLease]) -> None:
    """End leases; what Blazar's manager began to change and won't delete any more is left to its operator.

    Raises:
        SiteError: Blazar is in trouble.
    """
    for lease in leases:
        try:
            for attempt in stamina.retry_context(on=Busy, attempts=1 if lease.cut_off else 10, wait_max=2.0):
                with attempt:
                    blazar.delete(lease.id)
        except SiteError:
            if not lease.cut_off:
                raise
            log.info("Blazar won't delete %s (%s), left in %s; its operator can.", lease.id, lease.name, lease.status)


class Group:
    """The leases of one flavor in one order.

    Args:
        blazar: the project's reservations.
        create: makes a lease of this flavor for a window and a number of nodes.
        made: takes every lease that is made, so that they can be taken back together.
        clock: aware UTC.
        occupied: the reservations in which machines stand; None where that isn't known.
    """

    def __init__(
        self,
        blazar: Blazar,
        create: Callable[[Window, int], BlazarLease],
        made: list[BlazarLease],
        clock: Callable[[], datetime],
        occupied: Callable[[], Container[str]] | None = None,
    ) -> None:
        self._blazar = blazar
        self._create = create
        self._made = made
        self._clock = clock
        self._occupied = occupied

    def converge(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> None:
        """Hold ``amount`` nodes over the window (whole minutes), with as little change as it takes.

        Raises:
            NoRoom: not for that long, or not that many.
            Temporary: Blazar is in trouble, or still at it.
        """
        if any(part.in_making for part in parts):
            raise Temporary("Blazar is still making a lease.", timedelta(seconds=5))
        good = [part for part in parts if part.usable and part.window.overlaps(window)]
        end(self._blazar, [part for part in parts if part not in good])
        if any(part.started for part in good):
            self._change_running(good, window, amount)
        elif not good:
            self._make(window, amount)
        elif len(good) > 1 or not matches(good[0], window, amount, self._clock()):
            self._change_future(good, window, amount)

    def _make(self, window: Window, amount: int) -> BlazarLease:
        lease = self._create(window, amount)
        self._made.append(lease)
        return lease

    def _change_future(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> None:
        first = parts[0]
        if len(parts) == 1 and first.amount == amount and first.kind != LeaseKind.FLAVOR:
            self._blazar.move(first, window, self._clock())
            return
        self._replace(parts, window, amount)

    def _replace(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> None:
        """Make the new before the old goes; where there is no room for both, the old makes room, or is made again."""
        try:
            self._make(window, amount)
        except NoRoom:
            end(self._blazar, parts)
            try:
                self._make(window, amount)
            except SiteError:
                self._restore(parts)
                raise
        else:
            end(self._blazar, parts)

    def _restore(self, parts: Sequence[BlazarLease]) -> None:
        """Make again at once what was given back, before somebody else takes its room: a tick from now may be too late.

        An error doesn't mean that nothing was made, so each is looked for before it is asked for again.
        """
        known = {part.id for part in parts}
        for part in parts:
            for attempt in stamina.retry_context(on=Temporary, attempts=_TRIES, wait_max=2.0):
                with attempt:
                    made = self._found(part, known) or self._create(part.window, part.amount)
                    known.add(made.id)

    def _found(self, lost: BlazarLease, known: Container[str]) -> BlazarLease | None:
        """A lease that holds what a lost one held, though Blazar answered that it could not make it."""
        of_name = [one for one in self._blazar.leases(self._clock()) if one.name == lost.name and one.id not in known]
        if any(one.in_making for one in of_name):
            raise Temporary("Blazar is still making a lease.")
        same = (one for one in of_name if one.usable and (one.window, one.amount) == (lost.window, lost.amount))
        return next(same, None)

    def _change_running(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> None:
        """Servers run in what has started, so that is only ever shortened or lengthened; where none does it may go."""
        spare = self._spare(parts, window, amount)
        end(self._blazar, spare)
        kept = []
        for part in (one for one in parts if one not in spare):
            if part.window.end <= window.end:
                kept.append(part)
            elif part.started:
                kept.append(self._blazar.move(part, Window(part.window.start, window.end), self._clock()))
            else:
                end(self._blazar, [part])
        kept = self._lengthened(kept, window, amount)
        for short in shortfalls(kept, window, amount, self._clock()):
            self._fill(kept, short)

    def _spare(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> list[BlazarLease]:
        if self._occupied is None or not surplus(parts, window, amount, self._clock(), ()):
            return []
        return surplus(parts, window, amount, self._clock(), self._occupied())

    def _lengthened(self, parts: Sequence[BlazarLease], window: Window, amount: int) -> list[BlazarLease]:
        """The leases, those that run longer now where they were needed and Blazar agreed."""
        reaching = sum(part.amount for part in parts if part.window.end >= window.end)
        found = []
        for part in parts:
            longer = part
            if part.started and part.window.end < window.end and reaching + part.amount <= amount:
                try:
                    longer = self._blazar.move(part, Window(part.window.start, window.end), self._clock())
                    reaching += part.amount
                except (NoRoom, Permanent) as refusal:  # it asks for the very hosts that it has
                    log.info("%s is followed by another lease: %s", part.name, refusal)
            found.append(longer)
        return found

    def _fill(self, parts: Sequence[BlazarLease], short: Shortfall) -> None:
        """Lease what is missing: from this minute on, or after a lease that ends, on other hosts and a minute later."""
        start = short.window.start.replace(second=0, microsecond=0)
        if any(part.window.end == short.window.start for part in parts):
            start = short.window.start + JOINT
        if start < short.window.end:
            self._make(Window(start, short.window.end), short.missing)
