"""One's own: calendar feeds, and what became of one's bookings."""

from __future__ import annotations

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
