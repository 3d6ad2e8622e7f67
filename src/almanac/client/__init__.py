"""The Python client: the HTTP API typed, and a booked platform as an object."""

from __future__ import annotations

from almanac.client.client import Client
from almanac.client.errors import BadCredentials, ClientError, NotReachable
from almanac.client.platforms import Platform, book, bookings, connect

__all__ = ["BadCredentials", "Client", "ClientError", "NotReachable", "Platform", "book", "bookings", "connect"]
