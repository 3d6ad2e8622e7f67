"""How many slots to start or to give back now: the short end of the plan, decided every minute or so.

A slot that is asked for now is of use one start-up time later. What is needed then is known but for the arrivals in between:
sessions have an end, bookings a window. So for each instant up to the start-up time ahead,

    need = booked + sessions that still run + those who wait + headroom for arrivals until then

and the slots to start are what the last of these instants lacks, the slots to give back what none of them needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outlook:
    """The coming start-up time in equal steps, the present first; all sequences have the same length, at least 1.

    Attributes:
        booked: slots that bookings stand on.
        ending: slots of running sessions that end since the step before.
        headroom: slots for the arrivals until then.
        leased: slots of leases that are of use then.
    """

    booked: Sequence[int]
    ending: Sequence[int]
    headroom: Sequence[int]
    leased: Sequence[int]


def change(outlook: Outlook, in_use: int, waiting: int, flexible: int, starting: int = 0) -> int:
    """Slots to start (above 0) or to give back (below 0).

    Args:
        outlook: what is known of the coming start-up time.
        in_use: slots that sessions without a booking use.
        waiting: slots that are waited for.
        flexible: slots held beside leases, starting ones included.
        starting: of these, the ones that aren't of use before the last step.
    """
    spare = flexible - starting
    lacking = -flexible
    running = in_use + waiting
    for booked, ending, headroom, leased in zip(
        outlook.booked, outlook.ending, outlook.headroom, outlook.leased, strict=True
    ):
        running -= ending
        # Of what the step before lacked: what is starting counts only at the last step.
        spare = min(spare, -lacking - starting)
        lacking = booked + running + headroom - leased - flexible
    return lacking if lacking > 0 else -max(0, min(spare, -lacking))


def steady(changes: Sequence[int]) -> int:
    """What to do after some decisions in a row, the newest last: start at once, give back only what was spare each time.

    Need falls and rises again within minutes; a slot given back too soon is paid twice.
    """
    return changes[-1] if changes[-1] >= 0 else min(0, max(changes))


def admits(size: int, ready: int, booked: int, in_use: int) -> bool:
    """Whether a session without a booking gets its slots at once: inside what is ready, and firm bookings always win."""
    return in_use + size <= ready - booked
