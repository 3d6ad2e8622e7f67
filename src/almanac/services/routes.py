"""Ways through the front door: who may reach what of which cluster, and where that is.

Asked for each request, and answered from the database each time: a revoked token or a released booking counts at once.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey

from almanac.core.addresses import spark_ui_path
from almanac.core.bookings import Booking, BookingStatus
from almanac.core.errors import AlmanacError, NotFound, NotReady, NotSignedIn, WrongState
from almanac.services.accounts import Accounts
from almanac.services.caller import Caller, Role, not_found
from almanac.services.lookup import status_of
from almanac.services.sessions import Sessions
from almanac.services.vault import Sealed, Vault
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow

_JWT_LASTS_S = 600
"""Longer than clocks of machines differ."""


class Kind(StrEnum):
    """Kinds of things behind the door."""

    NOTEBOOK = "notebook"
    SPARK_UI = "ui"
    CONNECT = "connect"


@dataclass(frozen=True, slots=True)
class Target:
    """What somebody wants to reach.

    Attributes:
        of: a cluster's id, or its booking's.
        place: the seat of a notebook, the service of a Spark UI; empty for Spark Connect.
    """

    kind: Kind
    of: str
    place: str = ""

    @property
    def endpoint(self) -> str:
        """What clusters call it."""
        return f"{self.kind}:{self.place}" if self.place else self.kind.value


class Shown(StrEnum):
    """What people show at the door.

    TOKEN: an API token. SESSION: the cookie of a browser that somebody is signed in with. SEAT: a seat's own token, as its
    link carries it, good for that notebook. BOOKING: a token from ``booking_token``, good for Spark Connect.
    """

    TOKEN = "token"  # noqa: S105 - a kind, no secret
    SESSION = "session"
    SEAT = "seat"
    BOOKING = "booking"


@dataclass(frozen=True, slots=True)
class Proof:
    """Something shown."""

    kind: Shown
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Way:
    """Where a request is to go.

    Attributes:
        cluster: the cluster's id.
        upstream: ``host:port``.
        credentials: the Authorization header that is shown there.
        prefix: what of the path is left away there; empty for nothing.
        proof: that which counted.
    """

    cluster: str
    upstream: str
    credentials: str = field(repr=False)
    proof: Proof
    prefix: str = ""


def booking_token(connect_token: str, person: str) -> str:
    """A person's token for one booking's Spark Connect: it ends with the cluster, and is worth what the person may do."""
    return f"{hmac.new(connect_token.encode(), f'almanac {person}'.encode(), hashlib.sha256).hexdigest()}.{person}"


class Routes:
    """Decides."""

    def __init__(self, database: Database, vault: Vault, accounts: Accounts, sessions: Sessions) -> None:
        self._database = database
        self._vault = vault
        self._accounts = accounts
        self._sessions = sessions

    def find(self, target: Target, proofs: Sequence[Proof], now: datetime) -> Way:
        """The way to a target, on the first of the proofs that is good for it.

        Raises:
            NotSignedIn: nothing is shown, or nothing that is (still) good.
            NotFound: there is no such thing, or it isn't theirs to see.
            Forbidden: it is another member's.
            NotReady: it is still being built.
            WrongState: it hasn't begun, or is over.
        """
        refusal: AlmanacError = NotSignedIn("You are not signed in.", hint="Sign in, or use the link of your seat.")
        for proof in proofs:
            try:
                return self._find(target, proof, now)
            except AlmanacError as error:
                # What a signed-in person is told says more than that something else wasn't good.
                refusal = error if isinstance(refusal, NotSignedIn) else refusal
        raise refusal

    def _find(self, target: Target, proof: Proof, now: datetime) -> Way:
        caller = self._caller(proof, now)
        cluster, booking, state = self._looked_up(target, now)
        if cluster is None or booking is None:
            raise _unknown(target, caller)
        sealed = self._vault.open(cluster.secrets) if cluster.secrets else None
        if caller is None:
            caller = self._holder(target, proof, sealed)
        if caller is not None:
            caller.can_change(booking.project, booking.owner, f"booking {booking.id}")
        _check_state(booking, state)
        if sealed is None:
            raise WrongState(f"There is nothing to reach: {booking.id} has ended.", hint="Book it again.")
        return _way(target, cluster, booking, sealed, proof)

    def _caller(self, proof: Proof, now: datetime) -> Caller | None:
        """Who is signed in by it; None for what belongs to a cluster."""
        if proof.kind is Shown.TOKEN:
            return self._accounts.authenticate(proof.value, now)
        if proof.kind is Shown.SESSION:
            return self._sessions.find(proof.value, now).caller
        return None

    def _looked_up(
        self, target: Target, now: datetime
    ) -> tuple[ClusterRow | None, Booking | None, BookingStatus | None]:
        """A warm cluster is nobody's: there is no way to it."""
        with self._database.read() as unit:
            clusters = unit.clusters
            cluster = clusters.for_booking(target.of) if target.of.startswith("b-") else clusters.get(target.of)
            if cluster is None or cluster.booking_id is None:
                return None, None, None
            booking = unit.bookings.get(cluster.booking_id)
            return cluster, booking, None if booking is None else status_of(unit, booking, now)

    def _holder(self, target: Target, proof: Proof, sealed: Sealed | None) -> Caller | None:
        """Who shows a cluster's own token; None for who has the link of a seat, and may use that seat.

        Raises:
            NotSignedIn: it isn't this cluster's, or the person's account is disabled.
        """
        if sealed is not None and proof.kind is Shown.SEAT and target.kind is Kind.NOTEBOOK:
            if hmac.compare_digest(proof.value.encode(), sealed.seats.get(target.place, "").encode()) and proof.value:
                return None
        elif sealed is not None and proof.kind is Shown.BOOKING and target.kind is Kind.CONNECT:
            person = proof.value.partition(".")[2]
            good = booking_token(sealed.cluster.connect_token, person)
            if hmac.compare_digest(proof.value.encode(), good.encode()):
                return self._person(person)
        raise _not_good()

    def _person(self, name: str) -> Caller:
        with self._database.read() as unit:
            person, roles = unit.people.get_person(name), unit.people.memberships(name)
        if person is None or person.disabled_at is not None:
            raise NotSignedIn(f"The account {name} is disabled.", hint="Ask an operator.")
        return Caller(name, person.operator, {project: Role(role) for project, role in roles.items()})


def _way(target: Target, cluster: ClusterRow, booking: Booking, sealed: Sealed, proof: Proof) -> Way:
    address = cluster.endpoints.get(target.endpoint)
    if address is None:
        there = ", ".join(sorted(cluster.endpoints))
        raise NotFound(f"{booking.id} has no {target.endpoint}.", hint=f"There is: {there}." if there else "")
    upstream = urlsplit(address if "//" in address else f"//{address}").netloc
    if target.kind is Kind.NOTEBOOK:
        return Way(cluster.id, upstream, f"token {sealed.seats[target.place]}", proof)
    if target.kind is Kind.CONNECT:
        return Way(cluster.id, upstream, f"Bearer {sealed.cluster.connect_token}", proof)
    prefix = spark_ui_path(cluster.id, target.place).rstrip("/")
    return Way(cluster.id, upstream, f"Bearer {_jwt(sealed.cluster.ui_key)}", proof, prefix)


def _jwt(ui_key: str) -> str:
    """What Spark's JWSFilter lets through. It looks at the machine's clock, and so does this."""
    claims = {"sub": "almanac", "exp": int(time.time()) + _JWT_LASTS_S}
    return jwt.encode({"alg": "HS256", "typ": "JWT"}, claims, OctKey.import_key(urlsafe_b64decode(ui_key)))


def _check_state(booking: Booking, state: BookingStatus | None) -> None:
    if state is BookingStatus.BUILDING:
        raise NotReady(f"{booking.id} is being built.", hint=f"almanac wait {booking.id}")
    if state is not BookingStatus.READY:
        raise WrongState(f"There is nothing to reach: {booking.id} is {state}.", hint=f"almanac show {booking.id}")


def _unknown(target: Target, caller: Caller | None) -> AlmanacError:
    """Who isn't signed in isn't told what there is."""
    return _not_good() if caller is None else not_found(f"platform {target.of}")


def _not_good() -> NotSignedIn:
    return NotSignedIn("That token isn't good here.", hint="Sign in, or get a new link: almanac connect BOOKING.")
