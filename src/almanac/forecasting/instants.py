"""Times in a trace: with or without zones, or counted from somewhere. One meaning, or a clear error."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.forecasting.tables import Table
from almanac.forecasting.trouble import BadTrace

Ints = npt.NDArray[np.int64]

NOTEBOOKS_SINCE = datetime(2018, 11, 3, tzinfo=UTC)
"""What the public notebook traces count their minutes from; a Saturday."""
COUNTED = {"minute": 60, "minutes": 60, "arrival_min": 60, "arrival_s": 1, "t_s": 1, "seconds": 1}
"""Columns of numbers, and the seconds of one."""
CLOCKED = ("arrival", "start", "start_utc", "hour_utc", "hour", "time", "timestamp", "submitted", "created")

_ZONED = r"(?:[zZ]|[+-]\d{2}:?\d{2})\s*$"


def seconds(table: Table, origin: datetime | None) -> tuple[Ints, list[str]]:
    """When each row happened, in whole seconds since 1970 (UTC), and what had to be assumed.

    Args:
        table: the trace.
        origin: what counted times count from.

    Raises:
        BadTrace: no column of times, a time that can't be read, or zones on some rows only.
    """
    if column := table.find(*COUNTED):
        return _counted(table, column, origin)
    if column := table.find(*CLOCKED):
        if pd.api.types.is_datetime64_any_dtype(table.rows[column]):
            return _stamps(table, column, pd.to_datetime(table.rows[column], utc=True)), []
        return _clocked(table, column, origin)
    raise BadTrace(
        f"{table.name} has no column of arrival times, only {', '.join(table.rows.columns)}.",
        hint=f"Name it arrival (a time with its zone), or {', '.join(COUNTED)} (a number).",
    )


def _counted(table: Table, column: str, origin: datetime | None) -> tuple[Ints, list[str]]:
    since = origin or NOTEBOOKS_SINCE
    notes = (
        []
        if origin
        else [f"{column} is counted from {since:%Y-%m-%d %H:%M} UTC; give another origin if that is wrong."]
    )
    return np.floor(table.numbers(column) * COUNTED[column]).astype(np.int64) + int(since.timestamp()), notes


def _clocked(table: Table, column: str, origin: datetime | None) -> tuple[Ints, list[str]]:
    words = table.rows[column].astype(str)
    if pd.to_numeric(words, errors="coerce").notna().all():
        since = int(origin.timestamp()) if origin else 0
        notes = (
            [] if origin else [f"{column} is counted in seconds from 1970 UTC; give another origin if that is wrong."]
        )
        return np.floor(table.numbers(column)).astype(np.int64) + since, notes
    zoned = words.str.contains(_ZONED, regex=True).to_numpy(np.bool_)
    if zoned.any() and not zoned.all():
        odd = int(np.argmax(zoned != zoned[0]))
        first, other = ("a time zone", "none") if zoned[0] else ("no time zone", "one")
        raise BadTrace(
            f"{table.name}, {table.place(odd)}: {table.place(0)} has {first} and this one {other} ({words.iloc[odd]}).",
            hint="Give every time its offset, such as 2026-05-04T10:00+02:00, or none of them for UTC.",
        )
    notes = [] if zoned.any() or column.endswith("_utc") else [f"{column} has no time zone and is taken as UTC."]
    if zoned.any() and (offsets := words.str.extract(f"({_ZONED})")[0].str.strip().nunique()) > 1:
        notes.append(f"Times in {offsets} different zones were brought to UTC.")
    return _stamps(table, column, pd.to_datetime(words, utc=True, errors="coerce", format="ISO8601")), notes


def _stamps(table: Table, column: str, stamps: pd.Series[pd.Timestamp]) -> Ints:
    missing = stamps.isna().to_numpy(np.bool_)
    if missing.any():
        row = int(np.argmax(missing))
        raise BadTrace(
            f"{table.name}, {table.place(row)}: {column} is {str(table.rows[column].iloc[row])!r}, not a time.",
            hint="Write times as 2026-05-04T10:00Z.",
        )
    return np.asarray(stamps.to_numpy("datetime64[s]").astype(np.int64))
