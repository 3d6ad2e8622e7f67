"""The policies that ours is held against."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from almanac.core.demand import Ints
from almanac.core.standing import Outlook, change
from almanac.simulation.engine import Engine
from almanac.simulation.market import HOUR_S, MINUTE_S, Market
from almanac.simulation.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Static:
    """So many slots, always: one lease from the first minute to the last."""

    slots: int

    @property
    def name(self) -> str:
        """Says how many."""
        return f"static {self.slots}"

    def decide(self, engine: Engine) -> int:
        """Buy it, once."""
        _hold(engine, self.slots)
        return 0


@dataclass(frozen=True, slots=True)
class Reactive:
    """An autoscaler: over a static floor, what is used and waited for and so many more. It knows no booking."""

    headroom: int
    floor: int = 0

    @property
    def name(self) -> str:
        """Says how much headroom, over which floor."""
        return f"reactive +{self.headroom}" + (f" over {self.floor}" if self.floor else "")

    def decide(self, engine: Engine) -> int:
        """Follow the use."""
        _hold(engine, self.floor)
        wanted = engine.in_use + engine.waiting + self.headroom - self.floor
        return max(0, wanted) - engine.slots.flexible


def _hold(engine: Engine, slots: int) -> None:
    if engine.minute == 0 and slots:
        engine.slots.buy(engine.market.start_s, engine.traffic.hours * HOUR_S, slots)


class Clairvoyant:
    """Knows every arrival, and starts each slot just in time for it: what no policy can beat at these start-up times."""

    name = "clairvoyant"

    def __init__(self, traffic: Traffic, market: Market) -> None:
        sessions = traffic.sessions
        self._ahead = range(-(-market.start_s // MINUTE_S) + 2)
        minutes = traffic.hours * 60 + len(self._ahead) + 1
        came = np.bincount(sessions.arrival // MINUTE_S, weights=sessions.size, minlength=minutes)
        on_the_minute = sessions.arrival % MINUTE_S == 0
        sizes = sessions.size * on_the_minute
        # By the time of a decision, who came on that very minute has come.
        self._past: Ints = np.bincount(sessions.arrival // MINUTE_S, weights=sizes, minlength=minutes).astype(int)
        self._came: Ints = came.astype(int)

    def decide(self, engine: Engine) -> int:
        """Be ready for what will come until the next start could be."""
        minute = engine.minute
        first, *later = self._came[minute : minute + len(self._ahead)].tolist()
        coming = list(accumulate(later, initial=first - int(self._past[minute])))
        ending = [0, *engine.ending[minute + 1 : minute + len(self._ahead)]]
        nothing = [0] * len(coming)
        slots = engine.slots
        outlook = Outlook(nothing, ending, coming, nothing)
        return change(outlook, engine.in_use, engine.waiting, slots.flexible, slots.starting)
