"""What is needed ready for the coming start-up time, and what to start or give back."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import nbinom

from almanac.core.demand import Sessions, hourly_peak, hourly_sum, persisting, service_quantile
from almanac.core.errors import BadRequest
from almanac.core.headroom import Aim, arrivals_quantile, expected_rate
from almanac.core.standing import Outlook, admits, change, steady

NONE = [0, 0, 0]


@pytest.mark.parametrize(
    ("outlook", "in_use", "waiting", "flexible", "expected"),
    [
        (Outlook(NONE, NONE, [1, 2, 3], NONE), 4, 0, 7, 0),
        (Outlook(NONE, NONE, [1, 2, 3], NONE), 4, 2, 7, 2),
        (Outlook(NONE, NONE, [1, 2, 3], NONE), 4, 0, 9, -2),
        (Outlook(NONE, [0, 0, 4], [1, 2, 3], NONE), 4, 0, 7, -1),
        (Outlook([0, 0, 5], NONE, NONE, [0, 0, 5]), 4, 0, 4, 0),
        (Outlook([0, 0, 5], NONE, NONE, NONE), 0, 0, 0, 5),
        (Outlook(NONE, NONE, NONE, [9, 9, 9]), 0, 0, 2, -2),
    ],
    ids=[
        "enough",
        "they wait",
        "too many",
        "ends come later",
        "booked and leased",
        "booked",
        "never more than there is",
    ],
)
def test_change(outlook, in_use, waiting, flexible, expected):
    assert change(outlook, in_use, waiting, flexible) == expected


def test_a_ready_slot_is_not_given_back_for_one_that_is_only_starting():
    outlook = Outlook(NONE, NONE, [1, 1, 1], NONE)
    assert change(outlook, 4, 0, 8, starting=2) == -1
    assert change(outlook, 4, 0, 8, starting=3) == 0
    assert change(outlook, 4, 0, 5, starting=5) == 0


def test_slots_are_started_at_once_and_given_back_only_when_spare_for_a_while():
    assert steady([0, -2, 3]) == 3
    assert steady([-4, -1, -3]) == -1
    assert steady([-4, 2, -3]) == 0


def test_firm_bookings_win_over_sessions_without_one():
    assert admits(2, ready=10, booked=5, in_use=3)
    assert not admits(3, ready=10, booked=5, in_use=3)


@pytest.mark.parametrize("mean", [0.3, 3.4, 20, 400])
@pytest.mark.parametrize("dispersion", [0.5, 2])
@pytest.mark.parametrize("miss", [0.02, 1e-4])
def test_the_quantile_is_that_of_the_negative_binomial(mean, dispersion, miss):
    shape, success = mean / dispersion, 1 / (1 + dispersion)
    low, high = (nbinom.isf(miss * off, shape * (2 - off), success) for off in (1.03, 0.97))
    assert low - 1 <= arrivals_quantile(mean, dispersion, miss) <= high + 1


def test_without_arrivals_nothing_stands_ready():
    assert arrivals_quantile(0.0, 1.0, 0.01) == 0


def test_the_aim_stands_still_when_as_much_is_missed_as_allowed():
    aim = Aim.at(0.99)
    allowed = 1 - aim.target
    assert aim.seen(1000, round(1000 * allowed)).miss == pytest.approx(aim.miss)
    assert aim.seen(1000, 100).miss < aim.miss < aim.seen(1000, 0).miss
    assert Aim.at(0.99).seen(10**6, 0).miss == 0.5
    assert expected_rate(10, 20, 0.25) == 12.5


def test_hourly_peaks_are_exact():
    arrival, duration, size = np.array([0, 1800, 3600]), np.array([3600, 3600, 600]), np.array([1, 2, 4])
    assert hourly_peak(arrival, duration, size, 3).tolist() == [3, 6, 0]
    assert hourly_sum(arrival, size, 2).tolist() == [3, 4]


def test_hourly_peaks_see_what_goes_on_from_hours_before():
    assert hourly_peak(np.array([60]), np.array([4 * 3600]), np.array([2]), 5).tolist() == [2, 2, 2, 2, 2]


def test_the_newsvendor_holds_nothing_that_is_not_worth_it():
    assert service_quantile(1, 50) == 0.98
    assert service_quantile(1, 0.5) == 0


def test_what_the_last_hour_was_off_fades():
    moved = persisting(np.array([[10.0, 20.0], [10.0, 20.0]]), off=-10, share=0.5, fading=0.5)
    assert moved.tolist() == [[5, 15], [7.5, 17.5]]
    assert persisting(np.zeros((1, 1)), off=-3).tolist() == [[0]]


def sessions(**change):
    given = {"arrival": [0, 60], "duration": [60, 60], "size": [1, 1], "group": [0, 0]} | change
    return Sessions(datetime(2026, 5, 4, tzinfo=UTC), **{name: np.array(each) for name, each in given.items()})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arrival": [60, 0]}, "order of their arrival"),
        ({"arrival": [-1, 0]}, "before the origin"),
        ({"duration": [0, 1]}, "longer than nothing"),
        ({"size": [1, 0]}, "at least one slot"),
        ({"size": [1]}, "Every session"),
        ({"arrival": [], "duration": [], "size": [], "group": []}, "no session"),
    ],
)
def test_sessions_that_make_no_sense_are_refused(change, said):
    with pytest.raises(BadRequest, match=said):
        sessions(**change)


def test_some_of_the_sessions():
    assert sessions().of(np.array([False, True])).arrival.tolist() == [60]
