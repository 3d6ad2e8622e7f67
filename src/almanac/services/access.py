"""Using a booking: how to connect, its logs, what happened to it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from datetime import datetime

from almanac.core.addresses import notebook_path
from almanac.core.bookings import BookingStatus
from almanac.core.errors import NotReady, SiteTrouble, WrongState
from almanac.core.ports import SiteError
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.door import Addresses
from almanac.services.leads import Leads
from almanac.services.lookup import changeable, status_of, visible
from almanac.services.showing import Showing
from almanac.services.vault import Sealed, Vault
from almanac.services.views import ConnectionView, EventView, SeatView
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow


class Access:
    """The way into a ready cluster: through the front door where there is one, else by this machine's loopback."""

    def __init__(self, database: Database, catalogue: Catalogue, vault: Vault, leads: Leads) -> None:
        self._database = database
        self._catalogue = catalogue
        self._vault = vault
        self._showing = Showing(catalogue, leads)
        self._door: Addresses | None = None

    def through(self, door: Addresses) -> Access:
        """The same, by a front door."""
        fronted = copy(self)
        fronted._door = door
        return fronted

    def connection(self, caller: Caller, booking_id: str, now: datetime) -> ConnectionView:
        """The URLs, with their tokens, of a ready booking.

        Raises:
            NotReady: it is still being built; ``details`` tells the progress.
            WrongState: it hasn't begun, or is over.
            NotFound, Forbidden: it isn't the caller's.
        """
        booking = changeable(self._database, caller, booking_id)
        with self._database.read() as unit:
            cluster = unit.clusters.for_booking(booking_id)
            state = status_of(unit, booking, now)
            view = self._showing.one(unit, booking, now)
        if state is BookingStatus.BUILDING:
            progress = view.progress
            raise NotReady(
                f"{booking_id} is being built{f': {progress.doing}' if progress else ''}.",
                hint=f"almanac wait {booking_id}",
                details={"done": progress.done, "total": progress.total, "doing": progress.doing} if progress else {},
            )
        if state is not BookingStatus.READY or cluster is None or cluster.secrets is None:
            raise WrongState(
                f"There is nothing to connect to: {booking_id} is {state}.", hint=f"almanac show {booking_id}"
            )
        return self._connection(cluster, caller.person)

    def _connection(self, cluster: ClusterRow, person: str) -> ConnectionView:
        sealed = self._vault.open(cluster.secrets or "")
        seats = tuple(
            SeatView(name, self._notebook_url(cluster, name, token))
            for name, token in sealed.seats.items()
            if f"notebook:{name}" in cluster.endpoints
        )
        connect = cluster.endpoints.get("connect")
        if connect is None:
            return ConnectionView(None, seats, {})
        url = self._connect_url(cluster, connect, sealed, person)
        spark_ui = (
            self._door.spark_ui(cluster.id, "connect") if self._door and "ui:connect" in cluster.endpoints else None
        )
        return ConnectionView(url, seats, {"SPARK_REMOTE": url}, spark_ui)

    def _notebook_url(self, cluster: ClusterRow, seat: str, token: str) -> str:
        if self._door is not None:
            return self._door.notebook(cluster.id, seat, token)
        return f"{cluster.endpoints[f'notebook:{seat}']}{notebook_path(cluster.id, seat)}lab?token={token}"

    def _connect_url(self, cluster: ClusterRow, endpoint: str, sealed: Sealed, person: str) -> str:
        """Stock clients send a token without TLS only to the literal host "localhost"."""
        token = sealed.cluster.connect_token
        if self._door is not None:
            return self._door.connect(cluster, person, token)
        return f"sc://localhost:{endpoint.rsplit(':', 1)[1]}/;token={token};user_id={person}"

    def logs(self, caller: Caller, booking_id: str, service: str | None, tail: int) -> Mapping[str, str]:
        """The last lines of a running booking's logs, by service.

        Raises:
            WrongState: it has no cluster now (logs of ended bookings are in the owner's files).
            SiteTrouble: the site doesn't answer.
            NotFound, Forbidden: it isn't the caller's.
        """
        booking = changeable(self._database, caller, booking_id)
        with self._database.read() as unit:
            cluster = unit.clusters.for_booking(booking_id)
        if cluster is None or cluster.handle is None:
            where = f"bookings/{booking_id}/logs in {booking.owner}'s files"
            raise WrongState(
                f"{booking_id} has no cluster now.", hint=f"Once it has ended, its logs are under {where}."
            )
        try:
            return self._catalogue.site(booking.site).logs(cluster.handle, service, tail)
        except SiteError as error:
            raise SiteTrouble(
                f"The site {booking.site} can't show the logs: {error}", hint="Try again in a moment."
            ) from None

    def events(self, caller: Caller, booking_id: str) -> list[EventView]:
        """What happened to a booking, oldest first.

        Raises:
            NotFound: there is none, or the caller doesn't see it.
        """
        with self._database.read() as unit:
            visible(unit, caller, booking_id)
            rows = unit.events.for_booking(booking_id)
        return [EventView(row.at, row.kind, row.actor, row.message) for row in rows]
