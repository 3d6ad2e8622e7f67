"""Traces of demand from elsewhere, cleaned, with a report in words of what was done to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from almanac.core.demand import HOUR_S, NOBODY, Sessions
from almanac.core.demand_hours import floor_hour
from almanac.core.windows import Window
from almanac.forecasting.instants import seconds
from almanac.forecasting.series import Series
from almanac.forecasting.tables import Table, load, unix_start
from almanac.forecasting.trouble import BadTrace, count

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

USUAL_DURATION = timedelta(hours=1)
DURATIONS = {"duration_s": 1, "duration": 1, "minutes_used": 60, "duration_min": 60, "duration_h": 3600}
SIZES = ("size", "n", "slots", "seats", "vms", "launches")
GROUPS = ("group", "repo", "repo_code", "project", "user")
HOURLY = ("hour_utc", "hour")
VALUES = ("concurrency", "launches", "demand", "sessions", "value")
BAD_SHARE = 0.1
"""A trace of which more than this is nonsense is refused."""
SILENT_H, SILENT_COUNT = 6, 50
"""So many hours without an arrival, when the same time a week before had so many, are an outage."""
WEEK_S = 168 * HOUR_S


@dataclass(frozen=True, slots=True)
class Trace:
    """What a file told: single sessions, or the demand of each hour.

    Attributes:
        sessions: in the order of arrival; none for an hourly trace.
        hourly: demand by the hour; none for a trace of sessions.
        outages: stretches of silence among sessions that can't have been lack of demand.
        report: what was assumed, mended and left out, sentence by sentence.
    """

    sessions: Sessions | None
    hourly: Series | None
    outages: tuple[Window, ...]
    report: tuple[str, ...]


def read(
    path: Path,
    *,
    duration: timedelta = USUAL_DURATION,
    origin: datetime | None = None,
    columns: Mapping[str, str] | None = None,
) -> Trace:
    """Read a trace of sessions or of hourly demand: CSV, Parquet or Standard Workload Format.

    Args:
        path: the file.
        duration: of sessions that don't say theirs.
        origin: what counted times count from; the notebook traces' own, or an SWF's ``UnixStartTime``, by default.
        columns: names that the file uses for ``size``, ``group`` or ``duration_s``.

    Raises:
        BadTrace: what can't be read or understood, naming the line.
    """
    table = load(path)
    if columns:
        table = _renamed(table, columns)
    if origin is None and path.name.removesuffix(".gz").endswith(".swf"):
        began = unix_start(path)
        origin = datetime.fromtimestamp(began, UTC) if began is not None else None
    if table.find(*HOURLY) and table.find(*VALUES):
        return _hourly(table, origin)
    return _sessions(table, duration, origin)


def _renamed(table: Table, columns: Mapping[str, str]) -> Table:
    for name in columns.values():
        if name not in table.rows:
            raise BadTrace(f"{table.name} has no column {name}.", hint=f"It has {', '.join(table.rows.columns)}.")
    rows = table.rows.drop(columns=[name for name in columns if name in table.rows and columns[name] != name])
    return Table(
        table.name, rows.rename(columns={given: name for name, given in columns.items()}), table.noun, table.first
    )


# --- sessions --------------------------------------------------------------------------------------------------------


def _sessions(table: Table, usual: timedelta, origin: datetime | None) -> Trace:
    report: list[str] = []
    table = _single(table, report)
    arrival, notes = seconds(table, origin)
    report += notes
    duration, size = _durations(table, usual, report), _sizes(table)
    good = (duration > 0) & (size > 0)
    _note_nonsense(table, duration <= 0, "last no longer than nothing", report)
    _note_nonsense(table, (size == 0) & (duration > 0), "ask for nothing", report, tolerable=True)
    _note_nonsense(table, (size < 0) & (duration > 0), "ask for less than nothing", report)
    if not good.any():
        raise BadTrace(
            f"{table.name} holds no session.", hint="A session has a positive duration and a size of 1 or more."
        )
    group = table.codes(name) if (name := table.find(*GROUPS)) else np.full(len(table), NOBODY)
    if (np.diff(arrival[good]) < 0).any():
        report.append("Sessions were put in the order of their arrival.")
    sessions = _ordered(arrival[good], duration[good], size[good], group[good])
    outages = _silences(sessions)
    for gap in outages:
        report.append(
            f"Nothing arrived from {gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC: taken as an outage."
        )
    return Trace(sessions, None, outages, (f"{count(len(sessions), 'session')} from {table.name}.", *report))


def _ordered(arrival: Ints, duration: Ints, size: Ints, group: Ints) -> Sessions:
    """Sessions by their arrival, counted from the full hour of the first."""
    start = floor_hour(datetime.fromtimestamp(int(arrival.min()), UTC))
    order = np.argsort(arrival, kind="stable")
    return Sessions(start, arrival[order] - int(start.timestamp()), duration[order], size[order], group[order])


def _single(table: Table, report: list[str]) -> Table:
    """Leave out what was told twice. Launches without an identity or a duration may well be alike, and stay."""
    name = table.find("id", "session", "session_id", "job_id")
    if name is None and not table.find(*DURATIONS) and not table.find("tot"):
        return table
    again = table.rows.duplicated([name] if name else None).to_numpy(np.bool_)
    if again.any():
        first = table.place(int(np.argmax(again)))
        report.append(
            f"{count(int(again.sum()), 'row')} repeated another and {_were(again)} left out (the first is {first})."
        )
    return table.kept(~again)


def _durations(table: Table, usual: timedelta, report: list[str]) -> Ints:
    if name := table.find(*DURATIONS):
        return np.ceil(table.numbers(name) * DURATIONS[name]).astype(np.int64)
    if (name := table.find("end", "end_utc", "ended")) is not None:
        rows = table.rows[[name]].rename(columns={name: "arrival"})
        end, _ = seconds(Table(table.name, rows, table.noun, table.first), None)
        begin, _ = seconds(table, None)
        return end - begin
    report.append(f"Sessions don't say how long they lasted: {usual} each is assumed.")
    return np.full(len(table), round(usual.total_seconds()), np.int64)


def _sizes(table: Table) -> Ints:
    name = table.find(*SIZES)
    return np.ceil(table.numbers(name)).astype(np.int64) if name else np.ones(len(table), np.int64)


def _note_nonsense(table: Table, wrong: Bools, what: str, report: list[str], *, tolerable: bool = False) -> None:
    if not wrong.any():
        return
    first = table.place(int(np.argmax(wrong)))
    if not tolerable and wrong.mean() > BAD_SHARE:
        raise BadTrace(
            f"{table.name}: {count(int(wrong.sum()), 'row')} of {len(table):,} {what}; the first is {first}.",
            hint="Check what the columns mean; so much isn't chance.",
        )
    report.append(f"{count(int(wrong.sum()), 'row')} that {what} {_were(wrong)} left out (the first is {first}).")


def _were(rows: Bools) -> str:
    return "was" if rows.sum() == 1 else "were"


def _silences(sessions: Sessions) -> tuple[Window, ...]:
    """Stretches without arrivals in which the same hours a week before had many; only whole hours within them count.

    So nights and weekends, and the time after a spike, are none; neither is anything in a trace's first week.
    """
    arrival = sessions.arrival
    found = []
    for place in np.flatnonzero(np.diff(arrival) > SILENT_H * HOUR_S):
        begin, end = int(arrival[place]), int(arrival[place + 1])
        first, stop = np.searchsorted(arrival, (begin - WEEK_S, min(end - WEEK_S, begin)))
        if begin >= WEEK_S and stop - first >= SILENT_COUNT:
            found.append(Window(_at(sessions, begin, HOUR_S - 1), _at(sessions, end, 0)))
    return tuple(found)


def _at(sessions: Sessions, second: int, up: int) -> datetime:
    return sessions.origin + timedelta(seconds=(second + up) // HOUR_S * HOUR_S)


# --- hours -----------------------------------------------------------------------------------------------------------


def _hourly(table: Table, origin: datetime | None) -> Trace:
    instants, report = seconds(table, origin)
    name = table.find(*VALUES)
    values = table.numbers(name or "")
    present = (
        table.flags(flag) if (flag := table.find("day_present", "present", "known")) else np.ones(len(table), np.bool_)
    )
    _note_nonsense(table, values < 0, "are below nothing", report)
    present &= values >= 0
    hour = instants // HOUR_S
    if (instants % HOUR_S).any():
        row = int(np.argmax(instants % HOUR_S != 0))
        raise BadTrace(
            f"{table.name}, {table.place(row)}: not a full hour.", hint="Hourly demand has one row for each full hour."
        )
    first, hours = int(hour.min()), int(hour.max() - hour.min()) + 1
    if hours > 100 * 366 * 24:
        raise BadTrace(f"{table.name} spans more than a century.", hint="Check its times.")
    demand, known = np.full(hours, -1.0), np.zeros(hours, np.bool_)
    np.maximum.at(demand, hour[present] - first, values[present])
    known[hour[present] - first] = True
    if repeated := len(hour) - len(np.unique(hour)):
        report.append(f"{count(repeated, 'row')} told of an hour again; the larger demand counts.")
    if unknown := int((~known).sum()):
        report.append(
            f"{count(unknown, 'hour')} {'is' if unknown == 1 else 'are'} missing or marked as absent: unknown."
        )
    series = Series(datetime.fromtimestamp(first * HOUR_S, UTC), np.where(known, demand, 0), known)
    return Trace(None, series, (), (f"{count(hours, 'hour')} from {table.name}.", *report))
