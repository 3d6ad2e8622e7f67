"""A trace as a site meets it: workshops that were booked ahead, and everybody else."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np

from almanac.core.demand import NOBODY, Flags, Ints, Sessions, hourly_peak
from almanac.simulation.market import DAY_S, HOUR_S, MINUTE_S

WORKSHOP = 15
"""A group with this many arrivals in one hour, and at least ``UNUSUAL`` times its own mean hour, is a workshop."""
UNUSUAL = 3.0
QUARTER_S = 15 * MINUTE_S
AHEAD_S = 7 * DAY_S
"""Workshops are booked a week ahead."""


@dataclass(frozen=True, slots=True)
class Block:
    """So many slots over ``[start, end)``, in seconds."""

    start: int
    end: int
    slots: int


@dataclass(frozen=True, slots=True)
class Workshop:
    """A booking, or a series of them end to end: known from ``known`` on, in seconds."""

    known: int
    blocks: tuple[Block, ...]

    def layers(self) -> list[Block]:
        """The same slots as leases that last as long as can be: a lease for each level, nested."""
        found: list[Block] = []
        open_: list[Block] = []
        level = 0
        for block in (*self.blocks, Block(self.blocks[-1].end, self.blocks[-1].end, 0)):
            while level > block.slots:
                top = open_.pop()
                gone = min(top.slots, level - block.slots)
                found.append(Block(top.start, block.start, gone))
                level -= gone
                if top.slots > gone:
                    open_.append(Block(top.start, top.end, top.slots - gone))
            if level < block.slots:
                open_.append(Block(block.start, block.end, block.slots - level))
                level = block.slots
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Sessions and the bookings that some of them came with.

    Attributes:
        booking: which workshop each session belongs to, -1 for none; shape (sessions,).
    """

    sessions: Sessions
    workshops: tuple[Workshop, ...]
    booking: Ints

    @property
    def hours(self) -> int:
        """Whole hours from the origin to the last end."""
        return int(-(-(self.sessions.arrival + self.sessions.duration).max() // HOUR_S))

    def peaks(self) -> Ints:
        """Slots in use at once at most, in each hour: what an oracle that buys by the hour holds."""
        sessions = self.sessions
        return hourly_peak(sessions.arrival, sessions.duration, sessions.size, self.hours)

    def unbooked(self) -> Traffic:
        """The same sessions, of whose bookings the site knows nothing."""
        return Traffic(self.sessions, (), np.full(len(self.sessions), -1))


def traffic(sessions: Sessions, booked: float = 1.0, seed: int = 0) -> Traffic:
    """Tell workshops from other sessions, by hindsight, and let a share of them have been booked.

    A workshop lasts from its first arrival to its last end, in whole quarters of an hour. It is booked hour by hour, each
    for as many slots as were used at once at most in it; nobody who came is left out.

    Args:
        sessions: the trace.
        booked: share of the workshops that were booked.
        seed: of the choice.
    """
    random = Random(f"workshops {seed}")  # noqa: S311 (a simulation)
    found: list[Workshop] = []
    booking = np.full(len(sessions), -1)
    for members in _workshops(sessions):
        if random.random() < booked:
            booking[members] = len(found)
            found.append(_booking(sessions, members))
    return Traffic(sessions, tuple(found), booking)


def _booking(sessions: Sessions, members: Ints) -> Workshop:
    arrival, duration = sessions.arrival[members], sessions.duration[members]
    start = int(arrival[0]) // QUARTER_S * QUARTER_S
    end = -(-int((arrival + duration).max()) // QUARTER_S) * QUARTER_S
    hours = -(-(end - start) // HOUR_S)
    used = hourly_peak(arrival - start, duration, sessions.size[members], hours).tolist()
    first = (start + hour * HOUR_S for hour in range(hours))
    blocks = tuple(Block(begin, min(begin + HOUR_S, end), slots) for begin, slots in zip(first, used, strict=True))
    return Workshop(max(0, start - AHEAD_S), blocks)


def _workshops(sessions: Sessions) -> list[Ints]:
    """The sessions of each workshop, by its first arrival."""
    crowded = _crowded(sessions)
    found: list[Ints] = []
    for group in np.unique(sessions.group[crowded]):
        members = np.flatnonzero(crowded & (sessions.group == group))
        apart = np.diff(sessions.arrival[members]) > HOUR_S
        found += np.split(members, np.flatnonzero(apart) + 1)
    return sorted(found, key=lambda members: int(members[0]))


def _crowded(sessions: Sessions) -> Flags:
    """Which sessions arrived in an hour when their group was unusually many."""
    hour = sessions.arrival // HOUR_S
    hours = int(hour[-1]) + 1
    _, code = np.unique(sessions.group, return_inverse=True)
    usual = np.bincount(code) / hours
    _, place, count = np.unique(code * hours + hour, return_inverse=True, return_counts=True)
    crowded: Flags = (count[place] >= np.maximum(WORKSHOP, UNUSUAL * usual[code])) & (sessions.group != NOBODY)
    return crowded
