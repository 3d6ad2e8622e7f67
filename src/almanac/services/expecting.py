"""What is expected of each profile: the forecast of the walk-ins, its score, and what counts when it fails."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from almanac.core.demand import Floats, persisting
from almanac.core.demand_hours import Kind, floor_hour
from almanac.core.errors import BadRequest
from almanac.forecasting.forecast import LEVELS, Forecast, forecast
from almanac.forecasting.profiles import WEEK
from almanac.forecasting.score import Score, score
from almanac.forecasting.series import HOUR, Series
from almanac.services.demand import DemandHistory
from almanac.services.dials import Dials
from almanac.storage.rows import DemandSpanRow

log = logging.getLogger(__name__)

AHEAD = 168
"""Hours that are looked ahead."""
_REFRESH = timedelta(days=1)
"""A forecast serves for a day, moved each hour by what the last one missed."""
_SCORED = 16 * WEEK
"""It is scored on the latest eight weeks, after eight to learn from: enough to tell, and a second's work rather than ten."""


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """Walk-ins of one profile in the coming hours.

    Attributes:
        start: the present hour.
        levels: which quantiles, rising.
        quantiles: most places at once, shape (hours, levels).
        basis: what it stands on, in words.
        failed: whether the forecast failed, so that only the floor counts.
        score: how good such forecasts were, beside their shadow; None while there is too little history.
    """

    start: datetime
    levels: tuple[float, ...]
    quantiles: Floats
    basis: str
    failed: bool = False
    score: Score | None = None

    def at(self, level: float) -> Floats:
        """One quantile of every hour, shape (hours,)."""
        return np.asarray(self.quantiles[:, self.levels.index(level)])


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A forecast that still serves.

    Attributes:
        imports: what it learnt from beside Almanac's own demand.
        asked: what it was asked for.
        scored_at: the hour as of which such forecasts were scored, which takes longer than forecasting.
    """

    imports: tuple[DemandSpanRow, ...]
    asked: tuple[object, ...]
    made: Forecast
    score: Score | None
    scored_at: datetime


class Expecting:
    """Forecasts by profile, made once a day."""

    def __init__(self, history: DemandHistory) -> None:
        self._history = history
        self._kept: dict[str, _Kept] = {}

    def of(self, profile: str, dials: Dials, now: datetime, *, keep: bool = True) -> Expected:
        """The coming week of a profile. It never fails: a forecast that does is one of nothing, and says so.

        Args:
            profile: its name.
            dials: the operator's.
            now: aware UTC.
            keep: whether the forecast serves later calls; False for what is only tried.
        """
        levels = tuple(sorted({*LEVELS, dials.quantile}))
        start = floor_hour(now)
        try:
            imports = self._history.imports()  # before their hours: who imports in between has a forecast made anew
            known = self._history.peaks(profile, Kind.WALK_IN, now)
            kept = self._current(profile, known, levels, dials, imports, start)
            if keep:
                self._kept[profile] = kept
            return Expected(start, levels, _moved(kept.made, known, start), kept.made.basis, score=kept.score)
        except Exception as error:  # whatever breaks in a forecast, bookings and the floor are still planned for
            log.exception("the forecast of %s failed", profile)
            reason = error.message if isinstance(error, BadRequest) else type(error).__name__
            basis = f"The forecast failed ({reason.rstrip('.')}): only bookings and the floor count."
            return Expected(start, levels, np.zeros((AHEAD, len(levels))), basis, failed=True)

    def _current(
        self,
        profile: str,
        known: Series,
        levels: tuple[float, ...],
        dials: Dials,
        imports: tuple[DemandSpanRow, ...],
        start: datetime,
    ) -> _Kept:
        asked = (levels, dials.zone, tuple(dials.terms))
        kept = self._kept.get(profile)
        if kept is not None and kept.imports != imports:
            kept = None
        if kept is not None and kept.asked == asked and _serves(kept.made.start, start):
            return kept
        # As many hours more as the history lags behind, and as the forecast may grow old.
        hours = AHEAD + max(0, (start - known.end) // HOUR) + _REFRESH // HOUR
        made = forecast(known, hours, levels, dials.zone, dials.terms)
        if kept is not None and _serves(kept.scored_at, start):
            return _Kept(imports, asked, made, kept.score, kept.scored_at)
        return _Kept(imports, asked, made, _scored(known), start)


def _serves(made_at: datetime, now: datetime) -> bool:
    return timedelta(0) <= now - made_at < _REFRESH


def _moved(made: Forecast, known: Series, start: datetime) -> Floats:
    """The quantiles from an hour on, moved by what the hour before was off its median."""
    since = (start - made.start) // HOUR
    ahead = made.quantiles[since : since + AHEAD]
    told = known.end == start and len(known) > 0 and bool(known.known[-1])
    if not since or not told:
        return ahead
    return persisting(ahead, float(known.values[-1]) - float(made.at(0.5)[since - 1]))


def _scored(known: Series) -> Score | None:
    try:
        return score(known.since(max(0, len(known) - _SCORED)))
    except BadRequest:  # too short a history, or nothing known in it
        return None
