"""The booking desk of the simulated site: workshops are admitted by the placement that admits bookings in production."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from almanac.core.capacity import Calendar
from almanac.core.placement import Candidate, Offer, Request, offer_at
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.simulation.market import Market
from almanac.simulation.traffic import Block, Traffic, Workshop

_SLOT = Flavor("slot", Resources(cores=1))


def _seats(seats: int) -> tuple[NodeGroup, ...]:
    return (NodeGroup("worker", _SLOT, seats),)


class Desk:
    """Admits bookings into a quota, in the order in which they are made."""

    def __init__(self, traffic: Traffic, market: Market) -> None:
        self._origin = traffic.sessions.origin
        self._workshops = traffic.workshops
        self._coming = sorted(range(len(traffic.workshops)), key=lambda n: traffic.workshops[n].known, reverse=True)
        self._admitted: set[int] = set()
        quota = Host("quota", Resources(cores=market.quota))
        self._calendar = Calendar([quota])
        self._candidate = Candidate(
            "simulated",
            self._calendar,
            _seats,
            before=timedelta(seconds=market.start_s),
            after=timedelta(seconds=market.teardown_s),
            lead_time=timedelta(seconds=market.start_s),
        )

    def admitted(self, booking: int) -> bool:
        """Whether a booking (a workshop's number, -1 for none) was admitted."""
        return booking in self._admitted

    def admit(self, now: int) -> Iterator[Workshop]:
        """The bookings that are made by now and fit; of the others the people come without one."""
        while self._coming and self._workshops[self._coming[-1]].known <= now:
            number = self._coming.pop()
            workshop = self._workshops[number]
            claims = [self._claim(block, number, now) for block in workshop.blocks if block.slots]
            fitting = [claim for claim in claims if claim is not None]
            if len(fitting) == len(claims):
                self._admitted.add(number)
                for claim in fitting:
                    self._calendar.add(claim)
                yield workshop

    def _claim(self, block: Block, number: int, now: int) -> Claim | None:
        """What a block would take; None when there is no room for it."""
        asked = Request(block.slots, timedelta(seconds=block.end - block.start))
        start = self._origin + timedelta(seconds=block.start)
        offer = offer_at((self._candidate,), asked, start, self._origin + timedelta(seconds=now))
        if not isinstance(offer, Offer) or offer.window.start != start:
            return None
        (placed,) = offer.placements
        taken = _SLOT.resources * placed.count
        return Claim(
            offer.site,
            placed.host,
            "worker",
            _SLOT.name,
            placed.count,
            taken,
            offer.window,
            Holder.BOOKING,
            str(number),
        )
