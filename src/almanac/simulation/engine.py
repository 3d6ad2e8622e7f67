"""One policy on one trace: events in the order of time, decisions once a minute.

Sessions without a booking get slots inside what is ready and isn't booked, in the order of their arrival; they leave when
they have waited too long. Bookings are admitted by ``core.placement`` when they are made, and hold leases of their own.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Protocol

from almanac.core.standing import admits
from almanac.simulation.booking import Desk
from almanac.simulation.market import HOUR_S, MINUTE_S, Market
from almanac.simulation.result import Result, score
from almanac.simulation.slots import END, LEASE_READY, LEFT, READY, Event, Slots
from almanac.simulation.traffic import Traffic

_NEVER = 1 << 60
_LOOKAHEAD_MIN = 72 * 60


class Policy(Protocol):
    """Decides what is held. It is told what a site knows, never the future."""

    @property
    def name(self) -> str:
        """As the table shows it."""

    def decide(self, engine: Engine) -> int:
        """Slots to start (above 0) or to give back (below 0), once a minute; leases are bought through the engine."""


class Engine:
    """The simulated site, its clock and its people.

    Attributes:
        now: seconds since the trace's origin.
        minute: the same in minutes.
        in_use: slots used by sessions without a booking.
        waiting: slots that they wait for.
        slots: what is held.
        booked: slots that admitted bookings stand on, by minute.
        ending: slots without a booking whose session has ended by a minute, but not by the one before.
        crowd: the most slots that such sessions used or waited for in each hour.
        came: slots asked for without a booking, by hour.
        asked: slots asked for with or without one, until now.
        missed: of these, slots that were not had at once.
    """

    def __init__(self, traffic: Traffic, market: Market, policy: Policy) -> None:
        self.traffic, self.market, self._policy = traffic, market, policy
        minutes = traffic.hours * 60 + _LOOKAHEAD_MIN
        self._events: list[Event] = []
        self.slots = Slots(market, minutes, self._events)
        self.booked, self.ending = [0] * minutes, [0] * minutes
        self.came, self.crowd = [0] * (minutes // 60), [0] * (minutes // 60)
        self.now = self.minute = self.in_use = self.waiting = self.asked = self.missed = self._booked_use = 0
        self._desk = Desk(traffic, market)
        sessions = traffic.sessions
        self._arrival, self._duration = sessions.arrival.tolist(), sessions.duration.tolist()
        self._size, self._booking = sessions.size.tolist(), traffic.booking.tolist()
        self._next = 0
        self._queue: deque[int] = deque()
        self._late: deque[int] = deque()
        self.waited = [-1] * len(sessions)

    def run(self) -> Result:
        """Play the whole trace."""
        held, used = [], []
        for minute in range(self.traffic.hours * 60):
            self.minute, self.now = minute, minute * MINUTE_S
            self._play(self.now)
            self._admit_bookings()
            self._give_up()
            self._change(self._policy.decide(self))
            held.append(self.slots.flexible + self.slots.leased)
            used.append(self.in_use + self._booked_use)
        self._play(self.traffic.hours * HOUR_S)
        return score(self._policy.name, self.traffic, self.waited, self.slots, (held, used))

    def idle(self) -> int:
        """Ready slots that nobody uses and no booking stands on."""
        return self.slots.ready - self.in_use - max(self.booked[self.minute], self._booked_use)

    def _change(self, wanted: int) -> None:
        if wanted > 0:
            self.slots.start(wanted, self.now)
        elif wanted < 0:
            self.slots.give_back(-wanted, self.idle(), self.now)

    def _admit_bookings(self) -> None:
        for workshop in self._desk.admit(self.now):
            for block in workshop.blocks:
                for minute in range(block.start // MINUTE_S, block.end // MINUTE_S):
                    self.booked[minute] += block.slots
            for lease in workshop.layers():
                self.slots.buy(lease.start, lease.end, lease.slots, pinned=True)

    def _play(self, until: int) -> None:
        """Let happen what happens up to an instant; what ends or becomes ready does so before who comes at the same one."""
        events, arrival = self._events, self._arrival
        while True:
            coming = arrival[self._next] if self._next < len(arrival) else _NEVER
            if events and events[0][0] <= min(coming, until):
                self._happen(*heappop(events))
            elif coming <= until:
                self._arrive(self._next)
                self._next += 1
            else:
                return

    def _happen(self, at: int, kind: int, what: int) -> None:
        if kind == END:
            self.in_use -= what
        elif kind == LEFT:
            self._booked_use -= what
        elif kind == READY:
            self.slots.arrive(what, at)
        elif kind == LEASE_READY:
            self.slots.lease_ready(what)
        else:
            self.slots.lease_over(what)
        if self._late:
            self._serve_late(at)
        if self._queue:
            self._serve(at)

    def _arrive(self, session: int) -> None:
        at, size = self._arrival[session], self._size[session]
        self.asked += size
        if self._desk.admitted(self._booking[session]):
            self._late.append(session)
            self._serve_late(at)
            return
        self.came[at // HOUR_S] += size
        self._queue.append(session)
        self.waiting += size
        hour = at // HOUR_S
        self.crowd[hour] = max(self.crowd[hour], self.in_use + self.waiting)
        self._serve(at)
        if self.waited[session] < 0:
            self.missed += size

    def _serve(self, at: int) -> None:
        """Sessions without a booking, the first come first."""
        queue = self._queue
        booked = max(self.booked[at // MINUTE_S], self._booked_use)
        while queue and admits(self._size[queue[0]], self.slots.ready, booked, self.in_use):
            session = queue.popleft()
            size = self._size[session]
            end = at + self._duration[session]
            self.waited[session] = at - self._arrival[session]
            self.waiting -= size
            self.in_use += size
            heappush(self._events, (end, END, size))
            self.ending[min(-(-end // MINUTE_S), len(self.ending) - 1)] += size

    def _serve_late(self, at: int) -> None:
        """Sessions with a booking: they wait only while too little is ready at all."""
        while self._late and self.in_use + self._booked_use + self._size[self._late[0]] <= self.slots.ready:
            session = self._late.popleft()
            self.waited[session] = at - self._arrival[session]
            self._booked_use += self._size[session]
            heappush(self._events, (at + self._duration[session], LEFT, self._size[session]))

    def _give_up(self) -> None:
        """Who has waited too long leaves."""
        queue, patience = self._queue, self.market.patience_s
        while queue and self.now - self._arrival[queue[0]] >= patience:
            self.waiting -= self._size[queue.popleft()]
        if queue:
            self._serve(self.now)
