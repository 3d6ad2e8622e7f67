from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from almanac.core.demand import NOBODY, Sessions
from almanac.core.errors import BadRequest
from almanac.core.windows import Window
from almanac.forecasting.series import Series, arrivals, concurrency, crowds

BEGIN = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sessions(rows, origin=BEGIN):
    arrival, duration, size, group = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    return Sessions(origin, arrival, duration, size, group)


def test_the_most_at_once_in_each_hour_exactly():
    few = sessions([(3600, 600, 1, 0), (4200, 3000, 2, 0), (6000, 4200, 1, 0), (14400, 60, 1, 0)])
    series = concurrency(few)
    assert series.start == BEGIN + HOUR
    assert series.values.tolist() == [3, 1, 0, 1], "back-to-back sessions share no instant"
    assert series.known.all()
    assert arrivals(few).values.tolist() == [4, 0, 0, 1]


def test_an_origin_within_an_hour():
    series = concurrency(sessions([(0, 7200, 1, 0), (5400, 60, 1, 0)], BEGIN + timedelta(minutes=45)))
    assert series.start == BEGIN
    assert series.values.tolist() == [1, 1, 2]


def test_every_hour_that_an_outage_touches_is_unknown():
    series = Series(BEGIN, np.ones(6), np.ones(6, np.bool_))
    outage = Window(BEGIN + timedelta(minutes=90), BEGIN + timedelta(hours=4))
    assert series.without([outage]).known.tolist() == [True, False, False, False, True, True]
    before = Window(BEGIN - HOUR, BEGIN)
    assert series.without([before, Window(BEGIN + 5 * HOUR, BEGIN + 9 * HOUR)]).known.tolist() == [True] * 5 + [False]
    assert series.known.all(), "the series itself stays as it was"


def test_parts_of_a_series():
    series = Series(BEGIN, np.arange(6.0), np.ones(6, np.bool_))
    assert series.end == BEGIN + 6 * HOUR
    assert series.until(2).end == BEGIN + 2 * HOUR
    assert series.since(4).start == BEGIN + 4 * HOUR
    assert series.since(4).values.tolist() == [4, 5]


@pytest.mark.parametrize(
    ("start", "values", "known", "words"),
    [
        (BEGIN + timedelta(minutes=1), [1.0], [True], "within an hour"),
        (BEGIN, [1.0], [True, False], "1 values, but 2 hours"),
        (BEGIN, [-1.0], [True], "isn't below 0"),
        (BEGIN, [np.nan], [True], "isn't below 0"),
        (datetime(2026, 5, 4), [1.0], [True], "no time zone"),  # noqa: DTZ001
    ],
)
def test_what_is_no_series(start, values, known, words):
    with pytest.raises(BadRequest, match=words):
        Series(start, np.array(values), np.array(known))


def test_a_crowd_is_one_group_in_one_hour():
    class_of_ten = [(60 * n, 600, 2, 7) for n in range(10)]
    strangers = [(600 + n, 60, 1, NOBODY) for n in range(40)]
    small = [(650 + n, 60, 1, 8) for n in range(3)]
    together = sessions(sorted([*class_of_ten, *strangers, *small]))
    assert set(together.group[crowds(together)].tolist()) == {7}
    assert crowds(together).sum() == 10
    assert not crowds(together, least=21).any()
