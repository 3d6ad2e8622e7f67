"""Why a booking's Spark took as long as it did: while it runs as far as its event log goes, afterwards from what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from almanac.core.bookings import Booking, BookingStatus
from almanac.core.errors import AlmanacError, NotFound
from almanac.core.ports import Events
from almanac.diagnosis.comparing import Comparison, compare
from almanac.diagnosis.diagnose import Diagnosis, shortened
from almanac.diagnosis.finding import Found, logs_in
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.trouble import BadEventLog
from almanac.diagnosis.words import verdict
from almanac.diagnosis.written import loaded, plain
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.lifecycle import logs_of
from almanac.services.looks import PATIENCE_S, LogReader, Looks, NoDiagnosis
from almanac.services.lookup import fresh, status_of, visible
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, DiagnosisRow

KEPT_APPLICATIONS, KEPT_STAGES = 8, 40
_MOVING = frozenset({BookingStatus.BUILDING, BookingStatus.READY, BookingStatus.ENDING})


@dataclass(frozen=True, slots=True)
class DiagnosisView:
    """A booking's diagnosis.

    Attributes:
        application: the Spark application that it is of: the newest, unless another was asked for.
        applications: all that ran in the booking, the oldest first; mostly there is one.
        live: whether the booking goes on, so that a later look may tell more.
        at: when its event log was read.
        against: what changed since another run, if one was named.
    """

    booking: str
    application: str
    applications: tuple[str, ...]
    live: bool
    at: datetime
    diagnosis: Diagnosis
    against: Comparison | None = None


@dataclass(frozen=True, slots=True)
class Which:
    """Which run is meant; an empty ``application`` is the booking's newest."""

    booking: str
    application: str = ""


class Watcher(Protocol):
    """Who knows what machines went through."""

    def during(self, booking: str, since: datetime, until: datetime) -> Platform:
        """See ``services.conditions.Conditions``."""


class Diagnoses:
    """Makes diagnoses of bookings, and keeps them when the bookings are over.

    Args:
        database: where they are kept.
        catalogue: the sites, which know where logs are while clusters run.
        reader: reads the logs.
        watcher: tells what no log knows.
        storage: where logs are when clusters have ended; None: nowhere.
        patience_s: how long somebody waits for the first look at a running booking's log.
    """

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        reader: LogReader,
        watcher: Watcher,
        storage: Path | None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._looks = Looks(reader, patience_s)
        self._watcher = watcher
        self._storage = storage

    def of(self, caller: Caller, which: Which, now: datetime, before: Which | None = None) -> DiagnosisView:
        """The diagnosis of a booking as of now.

        Args:
            caller: who asks; somebody who sees the booking.
            which: the run.
            now: aware UTC.
            before: another run, to tell what changed since.

        Raises:
            NotFound: there is no such booking or application, or the caller doesn't see it.
            NoDiagnosis: there is nothing to make one from, and why.
            StillReading: its event log is long; a later look finds it read.
        """
        found = self._of(caller, which, now)
        if before is None:
            return found
        return replace(found, against=compare(self._of(caller, before, now).diagnosis, found.diagnosis))

    def _of(self, caller: Caller, which: Which, now: datetime) -> DiagnosisView:
        with self._database.read() as unit:
            booking = visible(unit, caller, which.booking)
            cluster, state = unit.clusters.for_booking(booking.id), status_of(unit, booking, now)
            kept = [row for row in unit.diagnoses.of(booking.id) if not row.due]
        if not kept:
            _check_ran(booking, cluster, state)
        try:
            if kept:
                return _from_kept(which, kept)
            return self._from_log(which, booking, cluster, now, live=state in _MOVING)
        except BadEventLog as bad:
            raise NoDiagnosis(f"{booking.id} can't be diagnosed. {bad.message}", hint=bad.hint) from None

    def keep(self, now: datetime) -> bool:
        """Make and keep the diagnosis of one booking that is over; False: none is due."""
        with self._database.read() as unit:
            booking_id = unit.diagnoses.due()
            if booking_id is None:
                return False
            booking = fresh(unit, booking_id)
        logs = self._saved(booking) if booking.workers else []
        rows = [self._made(booking, place, found, now) for place, found in logs]
        if not rows:
            rows = [_none_of(booking, "", _gone(booking) if booking.workers else _no_spark(booking), now)]
        with self._database.write() as unit:
            unit.diagnoses.put(booking.id, rows)
        return True

    def _from_log(
        self, which: Which, booking: Booking, cluster: ClusterRow | None, now: datetime, *, live: bool
    ) -> DiagnosisView:
        place = self._running(booking, cluster)
        logs = [(place, found) for found in logs_in(place.safe, place.below)] if place else []
        logs = logs or self._saved(booking)
        if not logs:
            raise self._nothing(booking, place, live=live)
        names = tuple(found.application for _, found in logs)
        chosen, found = logs[_index(which, names)]
        seen = self._looks.look(booking.id, chosen, found, partial(self._platform, booking, found), now)
        return DiagnosisView(booking.id, found.application, names, live, seen.at, seen.diagnosis)

    def _running(self, booking: Booking, cluster: ClusterRow | None) -> Events | None:
        if cluster is None or cluster.handle is None:
            return None
        return self._catalogue.site(booking.site).events(cluster.handle)

    def _saved(self, booking: Booking) -> list[tuple[Events, Found]]:
        if self._storage is None:
            return []
        place = Events(self._storage, PurePosixPath(logs_of(booking), "events"))
        return [(place, found) for found in logs_in(place.safe, place.below)][-KEPT_APPLICATIONS:]

    def _made(self, booking: Booking, place: Events, found: Found, now: datetime) -> DiagnosisRow:
        try:
            made = shortened(self._looks.read(place, found, self._platform(booking, found)), KEPT_STAGES)
        except AlmanacError as error:
            return _none_of(booking, found.application, error, now)
        facts = {"verdict": verdict(made), "diagnosis": plain(made)}
        return DiagnosisRow(booking.id, found.application, now, due=False, facts=facts)

    def _platform(self, booking: Booking, found: Found) -> Platform:
        """What was seen of its machines until its log was last written."""
        written = datetime.fromtimestamp(found.changed_ns / 1e9, UTC)
        return self._watcher.during(booking.id, booking.window.start, written)

    @staticmethod
    def _nothing(booking: Booking, place: Events | None, *, live: bool) -> NoDiagnosis:
        if not live:
            return _gone(booking)
        if place is None:
            return NoDiagnosis(
                f"The event log of {booking.id} is on its own machines at {booking.site} until it ends.",
                hint=f"Its metrics are live: almanac metrics {booking.id} --live",
            )
        return NoDiagnosis(
            f"Spark hasn't begun the event log of {booking.id} yet.", hint="Look again once a job has run."
        )


def _check_ran(booking: Booking, cluster: ClusterRow | None, state: BookingStatus) -> None:
    if not booking.workers:
        raise _no_spark(booking)
    if cluster is None or cluster.ready_at is None:
        soon = state in {BookingStatus.BOOKED, BookingStatus.BUILDING}
        raise NoDiagnosis(
            f"{booking.id} is {state}: nothing has run in it{' yet' if soon else ''}.",
            hint=f"almanac {'wait' if soon else 'show'} {booking.id}",
        )


def _no_spark(booking: Booking) -> NoDiagnosis:
    return NoDiagnosis(
        f"{booking.id} runs no Spark: {booking.profile} has no workers.",
        hint="Book a profile with workers: almanac profiles",
    )


def _gone(booking: Booking) -> NoDiagnosis:
    return NoDiagnosis(
        f"The event log of {booking.id} is gone: there is none under bookings/{booking.id}/logs/events "
        f"in {booking.owner}'s files.",
        hint="Diagnose a copy of it, if there is one: almanac diagnose EVENT_LOG",
    )


def _from_kept(which: Which, kept: Sequence[DiagnosisRow]) -> DiagnosisView:
    names = tuple(row.application for row in kept if row.application)
    row = kept[_index(which, names) if names else 0]
    if "trouble" in row.facts:
        message, hint = row.facts["trouble"]
        raise NoDiagnosis(message, hint=hint)
    found = loaded(row.facts["diagnosis"])
    return DiagnosisView(row.booking_id, row.application, names, live=False, at=row.at, diagnosis=found)


def _index(which: Which, names: Sequence[str]) -> int:
    """Where the application stands that is meant: the last, unless one is named."""
    if not which.application:
        return len(names) - 1
    if which.application not in names:
        raise NotFound(
            f"There is no application {which.application} in {which.booking}.", hint=f"There is: {', '.join(names)}."
        )
    return names.index(which.application)


def _none_of(booking: Booking, application: str, error: AlmanacError, now: datetime) -> DiagnosisRow:
    facts: Mapping[str, Any] = {"trouble": [error.message, error.hint]}
    return DiagnosisRow(booking.id, application, now, due=False, facts=facts)
