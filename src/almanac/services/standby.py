"""How many clusters of a profile stand ready for walk-ins: as many as will be asked for while one starts.

The decision is ``core.standing``'s, with the headroom of ``core.headroom``, once a minute as in the simulation. What a
restart forgets (the aim's correction, three minutes of patience) is learnt again.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from almanac.core.catalogue import Profile
from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.headroom import Aim, arrivals_quantile, expected_rate
from almanac.core.standing import Outlook, change, steady
from almanac.forecasting.forecast import Forecast, forecast
from almanac.forecasting.profiles import DAY
from almanac.forecasting.series import HOUR
from almanac.services.demand import DemandHistory
from almanac.services.dials import Dials
from almanac.services.leads import Leads
from almanac.storage.database import Database

log = logging.getLogger(__name__)

DISPERSION = 0.25
"""Of arrivals within a start-up time, variance over mean less 1; the aim corrects it."""
_STEADY = 3
"""Clusters are given back when they were spare for so many minutes."""
_MINUTE = timedelta(minutes=1)
_MOST_STEPS = 120


@dataclass(slots=True)
class _Watch:
    """What is remembered of a profile between two looks."""

    aim: Aim
    minute: datetime
    hour: datetime
    headroom: list[int] = field(default_factory=list)
    changes: deque[int] = field(default_factory=lambda: deque([0] * (_STEADY - 1), maxlen=_STEADY - 1))
    usual: Forecast | None = None
    forecast_at: datetime | None = None
    forecast_by: tuple[object, ...] = ()


class Standby:
    """Says how many clusters of a profile should stand ready at the site where walk-ins go first.

    Args:
        database: where walk-ins are counted.
        history: what they usually ask for.
        leads: how long a start takes.
        dials: the operator's; None: as many as the catalogue says, always.
    """

    def __init__(
        self, database: Database, history: DemandHistory, leads: Leads, dials: Callable[[], Dials] | None
    ) -> None:
        self._database = database
        self._history = history
        self._leads = leads
        self._dials = dials
        self._watches: dict[str, _Watch] = {}

    @property
    def follows_demand(self) -> bool:
        """Whether it does, rather than the catalogue alone."""
        return self._dials is not None

    def wanted(self, site: str, profile: Profile, standing: int, starting: int, now: datetime) -> int:
        """How many should stand ready or start: at least the catalogue's number, at most the operator's ceiling.

        Args:
            site: where walk-ins go first.
            profile: of the catalogue.
            standing: how many stand there, starting ones included.
            starting: of these, the ones that aren't ready yet.
            now: aware UTC.
        """
        if self._dials is None:
            return profile.warm
        dials = self._dials()
        watch = self._watches.get(profile.name)
        if watch is None:
            watch = self._watches[profile.name] = _Watch(Aim.at(dials.at_once), now - _MINUTE, floor_hour(now))
        if now - watch.minute >= _MINUTE:
            self._look(watch, site, profile, dials, now)
        steps = len(watch.headroom)
        nothing = [0] * steps
        found = change(Outlook(nothing, nothing, watch.headroom, nothing), 0, 0, standing, starting)
        if watch.minute == now:
            decided = steady([*watch.changes, found])
            watch.changes.append(found)
        else:
            decided = max(0, found)
        most = dials.ceiling.get(profile.name, max(profile.warm, standing + decided))
        return max(profile.warm, min(most, standing + decided))

    def _look(self, watch: _Watch, site: str, profile: Profile, dials: Dials, now: datetime) -> None:
        """Count who came, learn from who had to wait, and look at the forecast; once a minute."""
        with self._database.read() as unit:
            came, waited = unit.bookings.walk_ins(profile.name, now - HOUR, now)
        if floor_hour(now) != watch.hour:
            target = Aim.at(dials.at_once)
            # Another promise is another aim.
            watch.aim = (watch.aim if watch.aim.target == target.target else target).seen(came, waited)
            watch.hour = floor_hour(now)
        rate = self._rate(watch, profile, came, dials, now) / 60
        lead = self._leads.lead(site, profile.name, now)
        steps = min(_MOST_STEPS, -(-(lead + _MINUTE) // _MINUTE))
        minutes = [*range(steps - 1), lead / _MINUTE + 1]
        watch.headroom = [arrivals_quantile(rate * ahead, DISPERSION, watch.aim.miss) for ahead in minutes]
        watch.minute = now

    def _rate(self, watch: _Watch, profile: Profile, recent: int, dials: Dials, now: datetime) -> float:
        """Arrivals in an hour: half what is usual, half what came in the last one; that alone if the forecast fails."""
        hour = floor_hour(now)
        try:
            usual, made_at = watch.usual, watch.forecast_at
            told = (dials.zone, tuple(dials.terms), self._history.imports())
            old = made_at is None or told != watch.forecast_by or not timedelta(0) <= hour - made_at < DAY * HOUR
            if usual is None or old:
                usual = watch.usual = self._forecast(profile.name, dials, now)
                watch.forecast_at, watch.forecast_by = hour, told
            expected = float(usual.at(0.5)[(hour - usual.start) // HOUR])
        except Exception:  # whatever breaks in a forecast, clusters stand ready for those who come
            log.exception("the forecast of arrivals for %s failed", profile.name)
            return recent
        return expected_rate(expected, recent)

    def _forecast(self, profile: str, dials: Dials, now: datetime) -> Forecast:
        """The coming day's arrivals; it begins where the history ends."""
        known = self._history.arrivals(profile, Kind.WALK_IN, now)
        hours = 2 * DAY + max(0, (floor_hour(now) - known.end) // HOUR)
        return forecast(known, hours, (0.5,), dials.zone, dials.terms)
