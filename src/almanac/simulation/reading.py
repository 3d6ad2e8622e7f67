"""A trace file as the simulation plays it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from almanac.core.demand import HOUR_S, NOBODY, Forecaster, Sessions
from almanac.core.errors import BadRequest
from almanac.forecasting.profile_model import quantiles
from almanac.forecasting.series import Series
from almanac.forecasting.traces import read
from almanac.forecasting.wall import wall_hours, zone

LONGEST = timedelta(days=20 * 366)
"""What is played lasts no longer: it is looked at minute by minute."""


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """What is played.

    Attributes:
        first_hour: the trace's first hour, counted from a Monday at midnight, local time.
        report: what was assumed and mended, sentence by sentence.
    """

    sessions: Sessions
    first_hour: int
    report: tuple[str, ...]


def load(
    path: Path,
    *,
    duration: timedelta = timedelta(hours=1),
    local: str = "UTC",
    seed: int = 0,
    origin: datetime | None = None,
) -> Input:
    """Read a trace of sessions, or of hourly demand, which is spread over each hour.

    Args:
        path: CSV, Parquet or Standard Workload Format.
        duration: of sessions that don't say theirs.
        local: the time zone by which people live.
        seed: of the spreading.
        origin: what counted times count from; as ``forecasting.traces.read`` takes it where None.

    Raises:
        BadRequest: what can't be read, tells of no session, or lasts longer than twenty years.
    """
    trace = read(path, duration=duration, origin=origin)
    report = trace.report
    sessions = trace.sessions
    if sessions is None and trace.hourly is not None:
        sessions = spread(trace.hourly, duration, seed)
        report = (*report, "Each hour's demand was spread over it evenly, as sessions of one slot.")
    if sessions is None:
        raise BadRequest(f"{path.name} tells of no session.")
    _bounded(path.name, sessions)
    return Input(sessions, int(wall_hours(sessions.origin, 1, zone(local))[0]), report)


def _bounded(name: str, sessions: Sessions) -> None:
    last = int((sessions.arrival + sessions.duration).max())
    if last > LONGEST.total_seconds():
        longest = int(sessions.duration.max()) / (365.25 * 86400)
        raise BadRequest(
            f"{name} lasts {last / (365.25 * 86400):,.0f} years, and its longest session {longest:,.0f}.",
            hint="Check its times and durations: twenty years can be played.",
        )


def spread(hourly: Series, duration: timedelta, seed: int) -> Sessions:
    """Sessions of one slot each, as many in each hour as its demand says."""
    random = np.random.default_rng(seed)
    counts = np.where(hourly.known, np.rint(hourly.values), 0).astype(np.int64)
    if not counts.any():
        raise BadRequest("The trace tells of hours, but nothing was asked for in any of them.")
    hours = np.repeat(np.arange(len(counts)), counts)
    arrival = np.sort(hours * HOUR_S + random.integers(0, HOUR_S, len(hours)))
    ones = np.ones(len(arrival), np.int64)
    return Sessions(hourly.start, arrival, int(duration.total_seconds()) * ones, ones, NOBODY * ones)


def product_forecaster() -> Forecaster:
    """The forecast that runs in production."""
    return quantiles
