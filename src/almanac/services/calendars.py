"""Each site's capacity calendar, kept in memory and always as new as the database.

A writer touches the site's pool row first: that serialises writers, and the row's version says whether the calendar in
memory is current (it is one behind) or must be read again (another process wrote). Changes reach the calendar in memory
only after the commit.
"""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta

from almanac.core.capacity import Calendar
from almanac.core.errors import SiteTrouble
from almanac.core.ports import SiteCapacity
from almanac.core.resources import Claim
from almanac.services.catalogue import Catalogue
from almanac.storage.database import Database
from almanac.storage.unit import Unit

_REREAD = timedelta(hours=1)
"""A calendar this old is read again, so that past claims don't pile up in memory."""


class _Kept:
    """One site's calendar in memory, of the firm claims (bookings' and offers'), by holder."""

    def __init__(self, version: int, capacity: SiteCapacity, claims: Sequence[Claim], now: datetime) -> None:
        firm = [claim for claim in claims if not claim.holder.gives_way]
        self.version = version
        self.capacity = capacity
        self.read_at = now
        self.calendar = Calendar(capacity.hosts, firm, gap=capacity.limits.gap)
        self.holders: dict[str, list[Claim]] = defaultdict(list)
        self._expiring: list[tuple[datetime, str]] = []
        for claim in firm:
            self.holders[claim.holder_id].append(claim)
        for holder, held in self.holders.items():
            self._watch(holder, held)

    def set(self, holder: str, claims: Sequence[Claim]) -> None:
        """Replace a holder's claims."""
        for claim in self.holders.pop(holder, ()):
            self.calendar.remove(claim)
        for claim in claims:
            self.calendar.add(claim)
        if claims:
            self.holders[holder] = list(claims)
            self._watch(holder, claims)

    def expire(self, now: datetime) -> None:
        """Take out the claims of offers that have expired."""
        while self._expiring and self._expiring[0][0] <= now:
            _, holder = heapq.heappop(self._expiring)
            held = self.holders.get(holder, ())
            if any(claim.expires_at is not None and claim.expires_at <= now for claim in held):
                self.set(holder, ())

    def _watch(self, holder: str, claims: Sequence[Claim]) -> None:
        expires_at = claims[0].expires_at
        if expires_at is not None:
            heapq.heappush(self._expiring, (expires_at, holder))


class _NothingKept(Exception):
    """Rolls a transaction back."""


class Change:
    """A write transaction on one site's claims.

    Attributes:
        unit: the database transaction; the pool is touched.
        capacity: the site's capacity.
        calendar: firm claims as of this transaction; look, but change it only through ``without`` and ``beside``.
    """

    def __init__(self, unit: Unit, kept: _Kept) -> None:
        self.unit = unit
        self.capacity = kept.capacity
        self.calendar = kept.calendar
        self._kept = kept
        self.pending: dict[str, Sequence[Claim]] = {}

    def put(self, holder: str, claims: Sequence[Claim]) -> None:
        """Write a new holder's claims."""
        self.unit.claims.add_all(claims)
        self.pending[holder] = claims

    def drop(self, holder: str) -> None:
        """Remove a holder's claims."""
        self.unit.claims.remove(holder)
        self.pending[holder] = ()

    def reload(self, holder: str) -> None:
        """Note that a holder's claims were changed through ``unit``."""
        claims = self.unit.claims.for_holder(holder)
        self.pending[holder] = [claim for claim in claims if not claim.holder.gives_way]

    @contextmanager
    def without(self, holder: str) -> Iterator[Calendar]:
        """The calendar as if a holder had no claims."""
        claims = list(self._kept.holders.get(holder, ()))
        for claim in claims:
            self.calendar.remove(claim)
        try:
            yield self.calendar
        finally:
            for claim in claims:
                self.calendar.add(claim)

    @contextmanager
    def beside(self, claims: Sequence[Claim]) -> Iterator[Calendar]:
        """The calendar as if these claims stood in it, too."""
        for claim in claims:
            self.calendar.add(claim)
        try:
            yield self.calendar
        finally:
            for claim in claims:
                self.calendar.remove(claim)


class Joint:
    """A write transaction on the claims of all sites, each step of which sees what the ones before it took.

    Attributes:
        unit: the database transaction; all pools are touched.
    """

    def __init__(self, unit: Unit, kept: Mapping[str, _Kept]) -> None:
        self.unit = unit
        self._kept = kept
        self._taken: list[tuple[_Kept, str, Sequence[Claim]]] = []

    @contextmanager
    def changing(self, site: str, _now: datetime) -> Iterator[Change]:
        """A step at one site; it counts for the next ones if it doesn't raise.

        Raises:
            SiteTrouble: the site's capacity wasn't known when the transaction began.
        """
        kept = self._kept.get(site)
        if kept is None:
            raise SiteTrouble(f"The site {site} doesn't answer.", hint="Try another site, or later.")
        change = Change(self.unit, kept)
        yield change
        for holder, claims in change.pending.items():
            self._taken.append((kept, holder, list(kept.holders.get(holder, ()))))
            kept.set(holder, claims)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Steps that are undone together when one raises; the exception goes on."""
        mark = len(self._taken)
        try:
            with self.unit.attempt():
                yield
        except BaseException:
            self.undo(mark)
            raise

    def undo(self, mark: int = 0) -> None:
        """Undo the steps after the first ``mark`` changes in memory, as the database undoes its part."""
        while len(self._taken) > mark:
            kept, holder, before = self._taken.pop()
            kept.set(holder, before)


class Calendars:
    """All sites' calendars. Thread-safe; several processes may share the database."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._kept: dict[str, _Kept] = {}
        self._locks: dict[str, threading.RLock] = {name: threading.RLock() for name in catalogue.names}

    @contextmanager
    def changing(self, site: str, now: datetime) -> Iterator[Change]:
        """A write transaction on a site's claims, serialised over threads and processes; committed on a clean exit.

        Raises:
            SiteTrouble: the site's capacity isn't known.
        """
        capacity = self._catalogue.capacity(site, now)
        with self._lock(site):
            committing = False
            try:
                with self._database.write() as unit:
                    version = unit.sites.touch_pool(site)
                    kept = self._current(unit, site, version - 1, capacity, now)
                    change = Change(unit, kept)
                    yield change
                    committing = True
            except BaseException:
                if committing:  # nobody knows whether it was committed: read again next time
                    self._kept.pop(site, None)
                raise
            for holder, claims in change.pending.items():
                kept.set(holder, claims)
            kept.version = version

    @contextmanager
    def changing_all(self, now: datetime, *, keep: bool = True) -> Iterator[Joint]:
        """A write transaction on the claims of every site whose capacity is known; committed on a clean exit.

        Args:
            now: aware UTC.
            keep: False: roll it back in any case, to see only what would be.
        """
        capacities = self._capacities(now)
        with ExitStack() as locks:
            for site in capacities:  # in the order of names, as everybody takes them
                locks.enter_context(self._lock(site))
            joint, committing = None, False
            try:
                with self._database.write() as unit:
                    versions = {site: unit.sites.touch_pool(site) for site in capacities}
                    kept = {s: self._current(unit, s, versions[s] - 1, capacities[s], now) for s in capacities}
                    joint = Joint(unit, kept)
                    yield joint
                    if not keep:
                        raise _NothingKept
                    committing = True
            except BaseException as error:
                if joint is not None:
                    joint.undo()
                if committing:  # nobody knows whether it was committed: read again next time
                    for site in capacities:
                        self._kept.pop(site, None)
                if isinstance(error, _NothingKept):
                    return
                raise
            for site, version in versions.items():
                kept[site].version = version

    def _capacities(self, now: datetime) -> dict[str, SiteCapacity]:
        """What is known, by site, in the order of names."""
        known = {}
        for site in sorted(self._catalogue.names):
            with suppress(SiteTrouble):
                known[site] = self._catalogue.capacity(site, now)
        return known

    @contextmanager
    def looking(self, site: str, now: datetime) -> Iterator[Calendar]:
        """A site's calendar to look at; nothing changes it meanwhile in this process.

        Raises:
            SiteTrouble: the site's capacity isn't known.
        """
        capacity = self._catalogue.capacity(site, now)
        with self._lock(site):
            with self._database.read() as unit:
                kept = self._current(unit, site, unit.sites.pool_version(site), capacity, now)
            yield kept.calendar

    def _lock(self, site: str) -> threading.RLock:
        return self._locks.setdefault(site, threading.RLock())

    def _current(self, unit: Unit, site: str, version: int, capacity: SiteCapacity, now: datetime) -> _Kept:
        kept = self._kept.get(site)
        same = kept is not None and kept.version == version and kept.capacity == capacity
        if kept is None or not same or now - kept.read_at > _REREAD:
            kept = self._kept[site] = _Kept(version, capacity, unit.claims.current(site, now), now)
        kept.expire(now)
        return kept
