"""Receipts: what became of a booking. All of it follows from the booking, its cluster, its events and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.core.bookings import Booking, BookingStatus
from almanac.core.errors import WrongState
from almanac.services.bookings import Bookings
from almanac.services.caller import Caller
from almanac.services.lifecycle import account_of, logs_of
from almanac.services.lookup import status_of, visible
from almanac.services.records import Plan
from almanac.services.requests import BookingRequest
from almanac.services.showing import PROMISED
from almanac.services.views import BookingView
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, EventRow
from almanac.storage.unit import Unit

OVER = frozenset({BookingStatus.ENDING, BookingStatus.ENDED, BookingStatus.CANCELLED, BookingStatus.FAILED})
ENDINGS = frozenset({"cancelled", "declined", "ended", "expired", "failed", "released"})
"""Events with which a booking ends."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """How soon it was ready.

    Attributes:
        promised_at: what its person was told when they booked.
        ready_at: when it first could be used; None: never.
        waited: from its start (for what was to begin at once: from the booking) until then; zero if it was ready before.
        late: how much later than promised; zero if it wasn't.
    """

    promised_at: datetime
    ready_at: datetime | None
    waited: timedelta | None
    late: timedelta | None


@dataclass(frozen=True, slots=True)
class Use:
    """How long it could be used.

    Attributes:
        usable: from when it was ready, at the earliest from its start, to its end.
        idle: how much of that lay after its last use; None: nobody knows.
    """

    usable: timedelta
    idle: timedelta | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Its lines of the ledger, summed, in node-hours: what is held is charged or refunded in the end."""

    held_h: float
    charged_h: float
    refunded_h: float


@dataclass(frozen=True, slots=True)
class Saved:
    """What was kept, and where, relative to the site's storage."""

    what: str
    path: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a booking.

    Attributes:
        ended_by: who ended it: a person's name, or ``almanac``.
        why: why it ended, in a sentence.
        saved: empty where nothing ran.
        jobs: why its jobs took as long as they did: a sentence for each Spark application that ran; empty: nobody knows.
        is_saved: whether all that is there already; False while it is still being saved.
    """

    booking: str
    project: str
    owner: str
    profile: str
    site: str
    seats: int
    title: str
    status: BookingStatus
    start: datetime
    end: datetime
    ended_at: datetime
    ended_by: str
    why: str
    readiness: Readiness
    use: Use
    cost: Cost
    saved: tuple[Saved, ...]
    is_saved: bool
    jobs: tuple[str, ...] = ()


class Receipts:
    """Tells what became of bookings, and books the same again."""

    def __init__(self, database: Database, bookings: Bookings) -> None:
        self._database = database
        self._bookings = bookings

    def of(self, caller: Caller, booking_id: str, now: datetime) -> Receipt:
        """The receipt of a booking that has ended.

        Raises:
            WrongState: it hasn't ended, or was never more than an offer.
            NotFound: there is none, or the caller doesn't see it.
        """
        with self._database.read() as unit:
            booking = visible(unit, caller, booking_id)
            state = status_of(unit, booking, now)
            if state not in OVER or booking.ended_at is None:
                raise WrongState(
                    f"There is no receipt yet: {booking_id} is {state}.", hint=f"almanac show {booking_id}"
                )
            return _receipt(unit, booking, booking.ended_at, state)

    def again(
        self,
        caller: Caller,
        booking_id: str,
        now: datetime,
        *,
        start: datetime | None = None,
        key: str | None = None,
    ) -> BookingView:
        """Book the same again: profile, length, seats, project, site and title; over or not.

        Args:
            caller: who asks, and whose it will be.
            booking_id: what to book again.
            now: aware UTC.
            start: when; None: now.
            key: the caller's own key of this request.

        Raises:
            NotFound: there is none, or the caller doesn't see it.
            NoCapacity, QuotaExceeded, BadWindow, UnknownProfile, SiteTrouble: as booking says.
        """
        with self._database.read() as unit:
            old = visible(unit, caller, booking_id)
        request = BookingRequest(old.profile, old.window.duration, start, old.seats, old.project, old.site, old.title)
        return self._bookings.book(caller, request, now, key)


def _receipt(unit: Unit, booking: Booking, ended_at: datetime, state: BookingStatus) -> Receipt:
    cluster = unit.clusters.for_booking(booking.id)
    events = unit.events.for_booking(booking.id)
    ending = _last(events, lambda event: event.kind in ENDINGS)
    return Receipt(
        booking=booking.id,
        project=booking.project,
        owner=booking.owner,
        profile=booking.profile,
        site=booking.site,
        seats=booking.seats,
        title=booking.title,
        status=state,
        start=booking.window.start,
        end=booking.window.end,
        ended_at=ended_at,
        ended_by=ending.actor if ending else "",
        why=ending.message if ending else "",
        readiness=_readiness(booking, cluster, events),
        use=_use(booking, cluster, ended_at),
        cost=_cost(unit, booking.id),
        saved=_saved(booking, cluster),
        is_saved=any(event.kind == "gone" for event in events),
        jobs=tuple(row.facts["verdict"] for row in unit.diagnoses.of(booking.id) if "verdict" in row.facts),
    )


def _readiness(booking: Booking, cluster: ClusterRow | None, events: Sequence[EventRow]) -> Readiness:
    told = _last(events, lambda event: PROMISED in event.data)
    # What was booked before promises were kept was promised for its start.
    promised = datetime.fromisoformat(told.data[PROMISED]) if told else booking.window.start
    ready_at = cluster.ready_at if cluster else None
    if ready_at is None:
        return Readiness(promised, None, None, None)
    since = max(booking.window.start, booking.created_at)
    nothing = timedelta(0)
    return Readiness(promised, ready_at, max(nothing, ready_at - since), max(nothing, ready_at - promised))


def _use(booking: Booking, cluster: ClusterRow | None, ended_at: datetime) -> Use:
    if cluster is None or cluster.ready_at is None:
        return Use(timedelta(0), None)
    since = max(cluster.ready_at, booking.window.start)
    usable = max(timedelta(0), ended_at - since)
    if cluster.last_active is None:
        return Use(usable, None)
    return Use(usable, min(usable, max(timedelta(0), ended_at - cluster.last_active)))


def _cost(unit: Unit, booking: str) -> Cost:
    sums = account_of(unit, booking)
    return Cost(sums.held / 3600, sums.charged / 3600, sums.refunded / 3600)


def _saved(booking: Booking, cluster: ClusterRow | None) -> tuple[Saved, ...]:
    if cluster is None or cluster.ready_at is None:
        return ()
    seats = Plan.loads(cluster.spec).seats.items()
    files = tuple(Saved(f"files of {seat}", path) for seat, path in seats if path is not None)
    return (*files, Saved("logs", logs_of(booking)))


def _last(events: Sequence[EventRow], wanted: Callable[[EventRow], bool]) -> EventRow | None:
    return next((event for event in reversed(events) if wanted(event)), None)
