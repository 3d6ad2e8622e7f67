"""What others would have held for people who came: a static peak, and an autoscaler of the same service."""

from __future__ import annotations

import numpy as np

from almanac.core.demand import Sessions
from almanac.core.rivals import Rivals
from almanac.simulation.baselines import Reactive
from almanac.simulation.comparison import least
from almanac.simulation.engine import Engine
from almanac.simulation.market import Market
from almanac.simulation.result import Result, learning_hours
from almanac.simulation.traffic import Traffic


def rivals(sessions: Sessions, start_s: int, minimum_s: int, teardown_s: int, at_once: float) -> Rivals:
    """Play them on sessions of whose bookings they know nothing, charged as the simulation charges everybody.

    Args:
        sessions: who came.
        start_s: what a start takes, in seconds.
        minimum_s: the shortest lease.
        teardown_s: paid after the last use.
        at_once: the share that was served at once.
    """
    base = Market()
    boot_s = max(0, start_s - (base.start_s - base.boot_s))
    market = Market(boot_s=boot_s, minimum_s=minimum_s, teardown_s=teardown_s)
    traffic = Traffic(sessions, (), np.full(len(sessions), -1))
    first, peaks = learning_hours(traffic.hours), traffic.peaks()
    peak = int(peaks[first:].max())

    played: dict[str, int] = {}

    def play(slots: int) -> Result:
        policy = Reactive(slots)
        played[policy.name] = slots
        return Engine(traffic, market, policy).run()

    found = least(play, lambda result: result.at_once >= at_once, max(1, int(peaks.max())))
    static = float(peak * (traffic.hours - first))
    return Rivals(first, traffic.hours, static, found.slot_hours, played[found.policy], found.at_once)
