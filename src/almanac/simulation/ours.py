"""Almanac's policy: the decisions of the core and the planner, fed with what the simulated site knows.

Nothing is decided here. Once an hour the lease plan is made anew where on-demand slots are capped or cost more than leases;
every minute ``core.standing`` says what to start or to give back; the forecast is made anew every night.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np

from almanac.core.demand import Forecaster, Ints, persisting, service_quantile
from almanac.core.headroom import Aim, arrivals_quantile, expected_rate
from almanac.core.plan import Firm, Held, Problem, SiteTerms
from almanac.core.standing import Outlook, change, steady
from almanac.core.windows import Window
from almanac.planning.planner import plan
from almanac.simulation.engine import Engine
from almanac.simulation.market import HOUR_S, MINUTE_S, UNLIMITED, Market

_SITE = "simulated"
_WEEK_H = 168
_RATE_MIN = 5
"""The rate of arrivals is looked at anew every so many minutes."""
_STEADY = 3
"""Slots are given back when they were spare for so many minutes."""
_AFTER_LEAD_H = 12
"""The plan looks this far beyond the lead time: what is bought now ends sooner, or is looked at again."""


@dataclass(frozen=True, slots=True)
class Dials:
    """What an operator chooses.

    Attributes:
        at_once: share of the sessions without a booking that are to start at once.
        floor: slots that are always held.
        dispersion: of arrivals within a start-up time, variance over mean less 1; the aim corrects it.
        premium: price of an on-demand slot, of a leased one's; at 1, leases are bought only where on-demand is capped.
        missing: price of a slot missing for an hour, of a leased one's.
    """

    at_once: float = 0.995
    floor: int = 0
    dispersion: float = 0.25
    premium: float = 1.0
    missing: float = 30.0


class Almanac:
    """The policy of the product.

    Args:
        market: the site's terms.
        forecaster: told only the hours that are over.
        first_hour: the trace's first hour, counted from a Monday at midnight, local time.
        dials: the operator's.
    """

    name = "almanac"

    def __init__(self, market: Market, forecaster: Forecaster, first_hour: int, dials: Dials | None = None) -> None:
        self._market, self._forecaster, self._first_hour = market, forecaster, first_hour
        self._dials = dials or Dials()
        self._aim = Aim.at(self._dials.at_once)
        self._steps = -(-(market.start_s + MINUTE_S) // MINUTE_S)
        self._usual = np.zeros(_WEEK_H)
        self._usual_from = 0
        self._crowd = np.zeros((_WEEK_H, 3))
        self._headroom = [self._dials.floor] * self._steps
        self._changes: deque[int] = deque([0] * _STEADY, maxlen=_STEADY)
        self._asked = self._missed = 0
        often, rare = (service_quantile(1.0, price) for price in (self._dials.premium, self._dials.missing))
        self._levels = tuple(sorted({0.5, max(often, 0.01), max(rare, 0.01)}))
        self._places = [self._levels.index(max(each, 0.01)) for each in (0.5, often, rare)]
        self._plans = market.on_demand_cap < UNLIMITED or self._dials.premium > 1

    def decide(self, engine: Engine) -> int:
        """Slots to start or to give back now."""
        minute, slots = engine.minute, engine.slots
        if minute % 60 == 0:
            self._hour(engine, minute // 60)
        if minute % _RATE_MIN == 0:
            self._headroom = self._look(engine)
        end = minute + self._steps
        outlook = Outlook(
            engine.booked[minute:end],
            [0, *engine.ending[minute + 1 : end]],
            self._headroom,
            list(accumulate(slots.coming[minute + 1 : end], initial=slots.leased)),
        )
        self._changes.append(change(outlook, engine.in_use, engine.waiting, slots.flexible, slots.starting))
        return steady(self._changes)

    def _hour(self, engine: Engine, hour: int) -> None:
        """Learn what the last hour missed; forecast anew at night; plan."""
        if hour:
            self._aim = self._aim.seen(engine.asked - self._asked, engine.missed - self._missed)
            self._asked, self._missed = engine.asked, engine.missed
        if hour % 24 == 0 and hour >= _WEEK_H:
            self._forecast(engine, hour)
        if self._plans and hour >= _WEEK_H:
            self._plan(engine, hour)

    def _forecast(self, engine: Engine, hour: int) -> None:
        came = np.array(engine.came[:hour], np.float64)
        self._usual = self._forecaster(came, self._first_hour, (0.5,))[:, 0]
        self._usual_from = hour
        if self._plans:
            crowd = np.array(engine.crowd[:hour], np.float64)
            self._crowd = self._forecaster(crowd, self._first_hour, self._levels)[:, self._places]

    def _look(self, engine: Engine) -> list[int]:
        """Slots for those who come within each of the coming minutes."""
        minute = engine.minute
        hour = minute // 60
        past = minute % 60 / 60
        recent = engine.came[hour] + (1 - past) * engine.came[hour - 1] if hour else engine.came[hour]
        known = hour >= _WEEK_H
        usual = float(self._usual[(hour - self._usual_from) % _WEEK_H]) if known else 0.0
        rate = expected_rate(usual, recent, 0.5 if known else 1.0) / 60
        dials, miss = self._dials, self._aim.miss
        # What is asked for at the next look, a minute from now, is ready only after the last of these minutes.
        minutes = [*range(self._steps - 1), self._market.start_s / MINUTE_S + 1]
        quantiles = (arrivals_quantile(rate * ahead, dials.dispersion, miss) for ahead in minutes)
        return [max(dials.floor - engine.in_use, slots) for slots in quantiles]

    def _plan(self, engine: Engine, hour: int) -> None:
        """Buy and return leases as the plan says, as far as it can't wait for the next one."""
        found = plan(self._problem(engine, hour))
        origin = engine.traffic.sessions.origin
        due = engine.now + self._market.lead_s + self._market.start_s + HOUR_S
        for back in found.give_back:
            at = int((back.at - origin).total_seconds())
            if at < engine.now + HOUR_S:
                engine.slots.give_back_lease(int(back.lease), back.slots, at)
        for lease in found.buy:
            start, end = (int((each - origin).total_seconds()) for each in (lease.window.start, lease.window.end))
            if start < due and lease.adjoins:
                engine.slots.extend(int(lease.adjoins), lease.slots, end)
            elif start < due:
                engine.slots.buy(start, end, lease.slots)

    def _problem(self, engine: Engine, hour: int) -> Problem:
        market, origin = self._market, engine.traffic.sessions.origin
        now = origin + timedelta(hours=hour)
        terms = SiteTerms(
            _SITE,
            market.quota,
            overhead=(market.start_s + market.teardown_s) / HOUR_S,
            minimum=timedelta(seconds=market.minimum_s),
            lead_time=timedelta(seconds=market.lead_s + market.start_s),
        )
        held = tuple(
            Held(str(number), _SITE, _window(origin, lease.start, lease.end), lease.slots, lease.pinned)
            for number, lease in engine.slots.leases.items()
        )
        firm = tuple(Firm(each.id, _SITE, each.window, each.slots) for each in held if each.pinned)
        return Problem(now, now, (terms,), self._demand(engine, hour), self._dials.missing, firm, held)

    def _demand(self, engine: Engine, hour: int) -> Ints:
        """Slots to lease for sessions without a booking: the usual crowd, and what on-demand slots can't take of a rare one."""
        hours = (self._market.lead_s + self._market.start_s) // HOUR_S + 1 + _AFTER_LEAD_H
        since = hour - self._usual_from
        off = engine.crowd[hour - 1] - float(self._crowd[since - 1, 0]) if since else 0.0
        _, often, rare = persisting(self._crowd[(since + np.arange(hours)) % _WEEK_H], off).T
        often = often if self._dials.premium > 1 else np.zeros(hours)
        wanted = np.maximum(np.maximum(often, rare - self._market.on_demand_cap), self._dials.floor)
        slots: Ints = np.ceil(wanted).astype(np.int64)
        return slots


def _window(origin: datetime, start: int, end: int) -> Window:
    return Window(origin + timedelta(seconds=start), origin + timedelta(seconds=end))
