"""One transaction, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from almanac.storage.bookings import Bookings
from almanac.storage.claims import Claims
from almanac.storage.clusters import Clusters
from almanac.storage.demand import Demand
from almanac.storage.diagnoses import Diagnoses
from almanac.storage.events import Events
from almanac.storage.feeds import Feeds
from almanac.storage.leases import Leases
from almanac.storage.ledger import Ledger
from almanac.storage.nodes import Nodes
from almanac.storage.notices import Notices
from almanac.storage.people import People
from almanac.storage.plans import Plans
from almanac.storage.series import AllSeries
from almanac.storage.sign_in import SignIn
from almanac.storage.sites import Sites
from almanac.storage.waiting import Line


class Unit:
    """A unit of work: all of it is committed, or nothing."""

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self.bookings = Bookings(connection, writing=writing)
        self.claims = Claims(connection, writing=writing)
        self.clusters = Clusters(connection, writing=writing)
        self.demand = Demand(connection, writing=writing)
        self.diagnoses = Diagnoses(connection, writing=writing)
        self.leases = Leases(connection, writing=writing)
        self.events = Events(connection, writing=writing)
        self.feeds = Feeds(connection, writing=writing)
        self.ledger = Ledger(connection, writing=writing)
        self.nodes = Nodes(connection, writing=writing)
        self.notices = Notices(connection, writing=writing)
        self.people = People(connection, writing=writing)
        self.plans = Plans(connection, writing=writing)
        self.series = AllSeries(connection, writing=writing)
        self.sign_in = SignIn(connection, writing=writing)
        self.sites = Sites(connection, writing=writing)
        self.waiting = Line(connection, writing=writing)
        self._connection = connection

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the transaction that is undone alone when it raises; the exception goes on."""
        events = self.events.pending
        try:
            with self._connection.begin_nested():
                yield
        except BaseException:
            self.events.forget(events)
            raise
