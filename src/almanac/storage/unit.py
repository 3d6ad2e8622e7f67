"""One transaction, and what can be asked of it."""

from __future__ import annotations

from sqlalchemy import Connection

from almanac.storage.bookings import Bookings
from almanac.storage.claims import Claims
from almanac.storage.clusters import Clusters
from almanac.storage.events import Events
from almanac.storage.leases import Leases
from almanac.storage.ledger import Ledger
from almanac.storage.nodes import Nodes
from almanac.storage.people import People
from almanac.storage.sites import Sites


class Unit:
    """A unit of work: all of it is committed, or nothing."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self.bookings = Bookings(connection, writing=writing)
        self.claims = Claims(connection, writing=writing)
        self.clusters = Clusters(connection, writing=writing)
        self.leases = Leases(connection, writing=writing)
        self.events = Events(connection, writing=writing)
        self.ledger = Ledger(connection, writing=writing)
        self.nodes = Nodes(connection, writing=writing)
        self.people = People(connection, writing=writing)
        self.sites = Sites(connection, writing=writing)
