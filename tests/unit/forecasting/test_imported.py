"""Traces from elsewhere as demand to learn from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.core.demand_hours import Kind
from almanac.core.errors import BadRequest
from almanac.forecasting.forecast import MEMORY
from almanac.forecasting.imported import by_kind, hours, moved_up
from almanac.forecasting.series import HOUR, Series
from almanac.forecasting.traces import Trace, read

START = datetime(2020, 3, 2, tzinfo=UTC)


def series(values, known=None) -> Series:
    array = np.array(values, np.float64)
    return Series(START, array, np.ones(len(array), np.bool_) if known is None else np.array(known))


def test_a_class_was_booked_and_everybody_else_walked_in(tmp_path) -> None:
    file = tmp_path / "trace.csv"
    alone = [f"2020-03-02T{hour:02}:30:00Z,3600,g{hour}" for hour in range(8)]
    together = [f"2020-03-02T05:15:{second:02}Z,1800,class" for second in range(20)]
    file.write_text("\n".join(["arrival,duration_s,group", *alone, *together]))
    found = by_kind(read(file))
    assert hours(found[Kind.BOOKED]) == [0, 0, 0, 0, 0, 20, 0, 0]
    assert hours(found[Kind.WALK_IN]) == [1] * 8
    assert found[Kind.BOOKED].start == found[Kind.WALK_IN].start == START


def test_hours_are_walk_ins_rounded_up_with_gaps_kept() -> None:
    found = by_kind(Trace(None, series([1.2, 0, 7], [True, False, True]), (), ()))
    assert {kind: hours(each) for kind, each in found.items()} == {Kind.WALK_IN: [2, None, 7]}


def test_what_no_forecast_would_look_at_is_left_out() -> None:
    found = by_kind(Trace(None, series(np.arange(MEMORY + 10)), (), ()))[Kind.WALK_IN]
    assert (len(found), found.values[0]) == (MEMORY, 10)


def test_an_old_trace_is_moved_by_whole_weeks() -> None:
    now = datetime(2027, 3, 3, 10, 20, tzinfo=UTC)
    moved = moved_up(series([1, 2, 3]), now)
    assert timedelta(0) <= now - moved.end < timedelta(weeks=1) + HOUR
    assert (moved.start - START) % timedelta(weeks=1) == timedelta(0)
    assert moved.values.tolist() == [1, 2, 3]


def test_a_trace_of_nothing_is_refused() -> None:
    with pytest.raises(BadRequest, match="no session and of no hour"):
        by_kind(Trace(None, None, (), ()))
