"""One's own: calendar feeds, what became of one's bookings, notices and the mail that tells them."""

from __future__ import annotations

from collections.abc import Collection

from almanac.client import own_models as o
from almanac.client.transport import Transport, part, read


class FeedCalls:
    """Calendar feeds."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def all(self) -> tuple[o.Feed, ...]:
        """One's own feeds, without their secrets."""
        return read(tuple[o.Feed, ...], self._transport.call("GET", "/feeds"))

    def make(self, project: str | None = None) -> o.NewFeed:
        """A feed of one's own bookings, or of a project's; its URL is in the answer, and nowhere else."""
        return read(o.NewFeed, self._transport.call("POST", "/feeds", json={"project": project}))

    def revoke(self, feed: str) -> None:
        """End a feed, at once."""
        self._transport.call("DELETE", f"/feeds/{part(feed)}")


class ReceiptCalls:
    """What became of bookings."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, booking: str) -> o.Receipt:
        """The receipt of a booking that has ended."""
        return read(o.Receipt, self._transport.call("GET", f"/bookings/{part(booking)}/receipt"))


class NoticeCalls:
    """What one is told, and whether mail reaches one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def page(self, *, unread: bool = False, before: int | None = None, limit: int = 50) -> o.NoticePage:
        """One's notices, the newest first."""
        query = {"unread": unread, "before": before, "limit": limit}
        return read(o.NoticePage, self._transport.call("GET", "/notices", params=query))

    def read(self, up_to: int | None = None) -> None:
        """One has read them, up to one or all."""
        self._transport.call("POST", "/notices/read", json={"up_to": up_to})

    def account(self) -> o.Account:
        """Where mail reaches one, and which isn't wanted."""
        return read(o.Account, self._transport.call("GET", "/account"))

    def change(self, *, email: str | None = None, muted: Collection[str] | None = None) -> o.Account:
        """Another address, or other notices that aren't to be mailed; None leaves it as it is."""
        # A tuple, as the transport takes an empty list for one that wasn't given.
        told = {"email": email, "muted": None if muted is None else tuple(sorted(muted))}
        body = {name: value for name, value in told.items() if value is not None}
        return read(o.Account, self._transport.call("PATCH", "/account", json=body))

    def ask_to_confirm(self) -> str:
        """Have a link mailed to one's address, which is returned."""
        return read(o.Address, self._transport.call("POST", "/account/email/ask")).email

    def confirm(self, token: str) -> str:
        """Confirm one's address, which is returned, with what was mailed there."""
        return read(o.Address, self._transport.call("POST", "/account/email/confirm", json={"token": token})).email
