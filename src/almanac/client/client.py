"""The HTTP API, one method per question."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self
from uuid import uuid4

from almanac.client import models as m
from almanac.client.admin import Admin
from almanac.client.credentials import resolve
from almanac.client.errors import NotReachable
from almanac.client.own import FeedCalls, NoticeCalls, ReceiptCalls
from almanac.client.plan import PlanCalls
from almanac.client.recurring import ApprovalCalls, SeriesCalls, WaitingCalls
from almanac.client.seeing import SeeingCalls
from almanac.client.transport import Transport, instant, part, read
from almanac.core.bookings import BookingStatus

PATIENCE_S = 60.0
"""How long ``watch`` waits for a server that is being restarted."""


class Client:
    """Almanac's HTTP API.

    Args:
        url: the server's address; by default ``$ALMANAC_URL`` or the one signed in to last.
        token: an API token; by default ``$ALMANAC_TOKEN`` or the stored one for that address.

    Every method raises ``ClientError`` with the server's code, message and hint, or ``NotReachable``.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        address, found = resolve(url, token)
        self.transport = Transport(address, found)
        self.signed_in = found is not None
        self.admin = Admin(self.transport)
        self.series = SeriesCalls(self.transport)
        self.waiting = WaitingCalls(self.transport)
        self.approvals = ApprovalCalls(self.transport)
        self.plan = PlanCalls(self.transport)
        self.feeds = FeedCalls(self.transport)
        self.notices = NoticeCalls(self.transport)
        self.receipts = ReceiptCalls(self.transport)
        self.seeing = SeeingCalls(self.transport)

    @property
    def url(self) -> str:
        """The server's address."""
        return self.transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self.transport.close()

    # Who and what

    def health(self) -> m.Health:
        """Whether the server and its loop live. Needs no token."""
        return read(m.Health, self.transport.call("GET", "/health"))

    def sign_in(self, one_time_token: str) -> m.SignIn:
        """Redeem a one-time token, once."""
        return read(m.SignIn, self.transport.call("POST", "/sign-in", json={"one_time_token": one_time_token}))

    def me(self) -> m.Me:
        """Whom the token stands for."""
        return read(m.Me, self.transport.call("GET", "/me"))

    def profiles(self) -> tuple[m.Profile, ...]:
        """What can be booked."""
        return read(tuple[m.Profile, ...], self.transport.call("GET", "/profiles"))

    def sites(self) -> tuple[m.Site, ...]:
        """Where nodes come from."""
        return read(tuple[m.Site, ...], self.transport.call("GET", "/sites"))

    # Asking

    def availability(
        self,
        profile: str,
        duration: timedelta,
        *,
        seats: int = 1,
        within: tuple[datetime, datetime] | None = None,
        site: str | None = None,
        limit: int = 5,
        project: str | None = None,
        data: str | None = None,
    ) -> m.Availability:
        """When it fits, and how many seats at most from now."""
        window = {"start": instant(within[0]), "end": instant(within[1])} if within else None
        question = {"profile": profile, "duration_s": duration, "seats": seats, "within": window, "limit": limit}
        place = {"site": site, "project": project, "data": data}
        return read(m.Availability, self.transport.call("POST", "/availability", json=question | place))

    def offer(self, request: m.Request) -> m.Booking:
        """An offer, held until its ``expires_at``."""
        return self._booking("POST", "/offers", json=_body(request))

    def accept(self, offer: str) -> m.Booking:
        """Turn an offer into a booking."""
        return self._booking("POST", f"/offers/{part(offer)}/accept")

    def book(self, request: m.Request, *, key: str | None = None) -> m.Booking:
        """Book at once.

        Args:
            request: what is wanted.
            key: the same key gives the same booking, so a repeated request books once; one is made if not given.
        """
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self._booking("POST", "/bookings", json=_body(request), headers=headers)

    def _booking(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> m.Booking:
        return read(m.Booking, self.transport.call(method, path, json=json, headers=headers))

    # Bookings

    def bookings(
        self,
        *,
        mine: bool = True,
        project: str | None = None,
        status: Collection[BookingStatus] = (),
        start: datetime | None = None,
        end: datetime | None = None,
        site: str | None = None,
    ) -> Iterator[m.Booking]:
        """Bookings, page by page: one's own or all that one sees; of a project, at a site, ...; by start."""
        of = {"mine": mine, "project": project, "site": site}
        query = of | {"status": sorted(status), "from": start, "to": end}
        after: str | None = None
        while True:
            page = read(m.BookingPage, self.transport.call("GET", "/bookings", params={**query, "after": after}))
            yield from page.bookings
            after = page.next
            if after is None:
                return

    def booking(self, booking: str) -> m.Booking:
        """One booking."""
        return self._booking("GET", f"/bookings/{part(booking)}")

    def extension(self, booking: str) -> m.Extension:
        """How long it could be extended."""
        return read(m.Extension, self.transport.call("GET", f"/bookings/{part(booking)}/extension"))

    def extend(self, booking: str, *, by: timedelta | None = None, until: datetime | None = None) -> m.Booking:
        """End it later: by a length, or until an instant."""
        return self._booking("POST", f"/bookings/{part(booking)}/extend", json={"by_s": by, "until": until})

    def shorten(self, booking: str, *, by: timedelta | None = None, until: datetime | None = None) -> m.Booking:
        """End it earlier: by a length, or at an instant."""
        return self._booking("POST", f"/bookings/{part(booking)}/shorten", json={"by_s": by, "until": until})

    def resize(self, booking: str, seats: int) -> m.Booking:
        """Change its number of seats."""
        return self._booking("POST", f"/bookings/{part(booking)}/resize", json={"seats": seats})

    def cancel(self, booking: str) -> m.Booking:
        """Call it off before it starts."""
        return self._booking("POST", f"/bookings/{part(booking)}/cancel", json={})

    def release(self, booking: str) -> m.Booking:
        """Give it back now; files and logs are saved first."""
        return self._booking("POST", f"/bookings/{part(booking)}/release", json={})

    def connection(self, booking: str) -> m.Connection:
        """How to use its cluster. Holds secrets."""
        return read(m.Connection, self.transport.call("GET", f"/bookings/{part(booking)}/connection"))

    def logs(self, booking: str, *, service: str | None = None, tail: int = 200) -> m.Logs:
        """The last lines of its services' logs."""
        query = {"service": service, "tail": tail}
        return read(m.Logs, self.transport.call("GET", f"/bookings/{part(booking)}/logs", params=query))

    def events(self, booking: str) -> tuple[m.Event, ...]:
        """What happened to it, oldest first."""
        return read(tuple[m.Event, ...], self.transport.call("GET", f"/bookings/{part(booking)}/events"))

    def watch(self, booking: str, *, patience_s: float = PATIENCE_S) -> Iterator[m.Booking]:
        """The booking now and after each change, until it settles.

        A server that goes away is asked again for ``patience_s`` seconds, as it may be restarting.

        Raises:
            NotReachable: the server stayed away.
        """
        deadline: float | None = None
        while True:
            try:
                for data in self.transport.events(f"/bookings/{part(booking)}/watch"):
                    deadline = None
                    yield read(m.Booking, data)
            except NotReachable:
                now = time.monotonic()
                deadline = deadline or now + patience_s
                if now >= deadline:
                    raise
                time.sleep(min(1.0, patience_s / 10))
            else:
                return

    # Accounts

    def ledger(self, *, project: str | None = None, site: str | None = None) -> m.Ledger:
        """Node-hours granted, held and charged."""
        return read(m.Ledger, self.transport.call("GET", "/ledger", params={"project": project, "site": site}))

    def tokens(self) -> tuple[m.Token, ...]:
        """One's own API tokens."""
        return read(tuple[m.Token, ...], self.transport.call("GET", "/tokens"))

    def create_token(
        self, name: str, *, role: str | None = None, project: str | None = None, lasts: timedelta | None = None
    ) -> m.NewToken:
        """A new API token; its secret is in the answer, and nowhere else."""
        body = {"name": name, "role": role, "project": project, "expires_in_s": lasts}
        return read(m.NewToken, self.transport.call("POST", "/tokens", json=body))

    def revoke_token(self, token: str) -> None:
        """End an API token, by its id."""
        self.transport.call("DELETE", f"/tokens/{part(token)}")


def _body(request: m.Request) -> dict[str, object]:
    body = asdict(request)
    body["duration_s"] = body.pop("duration")
    return body
