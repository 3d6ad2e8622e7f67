"""The slots of the simulated site: on demand and by lease, from being asked for to being paid.

A slot is paid from when it is asked for, or its lease begins, until it is torn down. A start on demand stays for the
market's minimum. When a lease ends its slots go on beside the leases, where they may be given back at any time, so that
nobody who still uses one is thrown out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from heapq import heappush
from random import Random

from almanac.simulation.market import MINUTE_S, UNLIMITED, Market

END, LEFT, READY, LEASE_READY, LEASE_OVER = range(5)
"""Kinds of events. At one instant, ends come before what becomes ready."""

Event = tuple[int, int, int]
"""When, what kind, of how many slots or of which lease."""


@dataclass(slots=True)
class Bought:
    """A lease: slots over ``[start, end)``, in seconds; a pinned one carries a booking."""

    start: int
    end: int
    slots: int
    pinned: bool
    up: bool = False


class Slots:
    """What is held.

    Attributes:
        ready: slots that can be used.
        flexible: slots held beside leases, starting ones included.
        on_demand: of these, the ones that count against the market's cap.
        leased: slots of leases that have begun.
        leases: bought and not over, by number.
        coming: slots of leases that become ready, by minute.
        paid: changes of the number of slots that are paid, as (second, change).
        starts: how many slots were started.
    """

    def __init__(self, market: Market, minutes: int, events: list[Event]) -> None:
        self._market, self._events = market, events
        self.ready = self.flexible = self.on_demand = self.leased = self.starts = 0
        self.leases: dict[int, Bought] = {}
        self.coming = [0] * minutes
        self.paid: list[tuple[int, int]] = []
        self._order: deque[list[int]] = deque()
        self._bought = 0
        self._random = Random(f"starts {market.seed}")  # noqa: S311 (a simulation)

    @property
    def starting(self) -> int:
        """Slots that are asked for and not ready."""
        return self.flexible + self.leased - self.ready

    def start(self, wanted: int, now: int) -> None:
        """Start slots on demand, as many as the cap and the quota leave."""
        market = self._market
        room = market.on_demand_cap - self.on_demand
        if market.quota < UNLIMITED:
            room = min(room, market.quota - self.flexible - sum(lease.slots for lease in self.leases.values()))
        count = min(wanted, room)
        if count <= 0:
            return
        self.flexible += count
        self.on_demand += count
        self.starts += count
        self._order.append([now, count])
        self.paid.append((now, count))
        for _ in range(count):
            heappush(self._events, (now + market.draw_start_s(self._random), READY, 1))

    def give_back(self, wanted: int, idle: int, now: int) -> None:
        """Give slots back: those of ended leases first, then the oldest, none before its minimum, none that is used."""
        count = min(wanted, idle, self.ready)
        spent = min(count, self.flexible - self.on_demand)
        count -= spent
        gone = spent
        while count and self._order and now - self._order[0][0] >= self._market.minimum_s:
            oldest = self._order[0]
            some = min(count, oldest[1])
            oldest[1] -= some
            if not oldest[1]:
                self._order.popleft()
            count -= some
            gone += some
            self.on_demand -= some
        if gone:
            self.ready -= gone
            self.flexible -= gone
            self.paid.append((now + self._market.teardown_s, -gone))

    def arrive(self, number: int, now: int) -> None:
        """A started slot is up, or has failed."""
        if self._market.failing and self._random.random() < self._market.failing:
            self._fail(now)
        else:
            self.ready += number

    def _fail(self, now: int) -> None:
        self.flexible -= 1
        self.on_demand -= 1
        self._order[-1][1] -= 1
        if not self._order[-1][1]:
            self._order.pop()
        self.paid.append((now, -1))

    def buy(self, start: int, end: int, slots: int, *, pinned: bool = False) -> None:
        """Buy a lease of which slots are of use over ``[start, end)``; the build before it is paid, too."""
        self._bought += 1
        self.leases[self._bought] = Bought(start, end, slots, pinned)
        self._come(start, slots)
        heappush(self._events, (start, LEASE_READY, self._bought))
        heappush(self._events, (end, LEASE_OVER, self._bought))
        self.paid.append((start - self._market.start_s, slots))
        self.starts += slots

    def give_back_lease(self, number: int, slots: int, at: int) -> None:
        """Let slots of a lease end sooner, or not begin at all."""
        if self.leases[number].up:
            self._move_end(number, slots, at)
        else:
            lease = self.leases[number]
            self._come(lease.start, -slots)
            self.paid.append((lease.start - self._market.start_s, -slots))
            self.starts -= slots
            self._take_from(number, slots)

    def extend(self, number: int, slots: int, until: int) -> None:
        """Let slots of a lease end later."""
        self._move_end(number, slots, until)

    def _move_end(self, number: int, slots: int, end: int) -> None:
        """Make some slots of a lease one of their own, with another end."""
        lease = self.leases[number]
        self._bought += 1
        self.leases[self._bought] = Bought(lease.start, end, slots, pinned=False, up=lease.up)
        if not lease.up:
            heappush(self._events, (lease.start, LEASE_READY, self._bought))
        heappush(self._events, (end, LEASE_OVER, self._bought))
        self._take_from(number, slots)

    def _take_from(self, number: int, slots: int) -> None:
        self.leases[number].slots -= slots
        if not self.leases[number].slots:
            del self.leases[number]

    def lease_ready(self, number: int) -> None:
        """A lease begins, unless it was given back."""
        lease = self.leases.get(number)
        if lease is not None:
            lease.up = True
            self.ready += lease.slots
            self.leased += lease.slots

    def lease_over(self, number: int) -> None:
        """A lease ends; its slots go on beside the leases."""
        lease = self.leases.pop(number, None)
        if lease is not None:
            self.flexible += lease.slots
            self.leased -= lease.slots

    def _come(self, start: int, slots: int) -> None:
        self.coming[start // MINUTE_S] += slots
