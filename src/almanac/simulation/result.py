"""What came of a policy: slots held and paid, and how long people waited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from almanac.core.demand import Floats, Ints
from almanac.simulation.market import HOUR_S, MINUTE_S
from almanac.simulation.slots import Slots
from almanac.simulation.traffic import Traffic

LEARNING_H = 8 * 168
"""Hours at the trace's beginning that aren't scored, at most a third of it: every policy may learn from them."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One policy's score, over the hours after the learning ones; shares are of sessions, between 0 and 1.

    Attributes:
        slot_hours: paid, overheads included.
        at_once: started without waiting.
        within_5_min: started within 5 minutes, or 12.
        rejected: never started.
        p99_wait_s: of those that started.
        utilisation: slot-hours used of those paid.
        starts: slots started.
        held: slots held, by minute, shape (minutes,).
        used: slots used, by minute, shape (minutes,).
    """

    policy: str
    slot_hours: float
    at_once: float
    within_5_min: float
    within_12_min: float
    rejected: float
    p99_wait_s: float
    utilisation: float
    starts: int
    held: Ints
    used: Ints


def learning_hours(hours: int) -> int:
    """How many hours aren't scored."""
    return min(LEARNING_H, hours // 3)


def score(name: str, traffic: Traffic, waited: list[int], slots: Slots, minutes: tuple[list[int], list[int]]) -> Result:
    """Score a run.

    Args:
        name: the policy's.
        traffic: what was played.
        waited: seconds that each session waited, -1 for those that never started.
        slots: the site, after the run.
        minutes: slots held and slots used, by minute.
    """
    first = learning_hours(traffic.hours) * HOUR_S
    wait = np.array(waited)[traffic.sessions.arrival >= first]
    started = wait[wait >= 0]
    held, used = (np.array(each) for each in minutes)
    paid = paid_hours(slots.paid, first, traffic.hours * HOUR_S)
    count = max(1, len(wait))
    return Result(
        name,
        paid,
        float((started == 0).sum() / count),
        float((started <= 5 * MINUTE_S).sum() / count),
        float((started <= 12 * MINUTE_S).sum() / count),
        1 - len(started) / count,
        float(np.percentile(started, 99)) if len(started) else 0.0,
        float(used[first // MINUTE_S :].sum() / 60 / paid) if paid else 0.0,
        slots.starts,
        held,
        used,
    )


def paid_hours(changes: list[tuple[int, int]], first: int, last: int) -> float:
    """Slot-hours paid over ``[first, last)``, given the changes of what is paid as (second, change)."""
    table = np.array(sorted(changes), np.int64).reshape(-1, 2)
    time: Floats = np.clip(table[:, 0], first, last).astype(np.float64)
    level = np.cumsum(table[:, 1])
    return float((level[:-1] * np.diff(time)).sum() + (level[-1] * (last - time[-1]) if len(level) else 0)) / HOUR_S
