"""Whose turn it is, and who is passed no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from almanac.core.waiting import PASSES, Waiting, barred, in_its_way, in_line
from almanac.core.windows import Window

HOUR = timedelta(hours=1)
NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)


def waiting(name: str = "w-1", start: int = 2, end: int = 4, **more) -> Waiting:
    within = Window(NOW + start * HOUR, NOW + end * HOUR)
    entry = Waiting(name, "gaia", "ada", "spark", 1, 2 * HOUR, within, NOW, NOW)
    return replace(entry, **more)


def test_the_line_is_by_turn():
    first, second = waiting("w-2"), waiting("w-1", turn_at=NOW + HOUR)
    assert in_line([second, first]) == [first, second]


def test_it_looks_in_its_window_and_leaves_a_moment_to_accept():
    held = HOUR / 2
    assert waiting().search(NOW, held) == Window(NOW + 2 * HOUR, NOW + 4 * HOUR)
    wide = waiting(start=0, end=9)
    assert wide.search(NOW, held).start == NOW + held
    assert wide.search(NOW + 6.8 * HOUR, held).start == wide.latest_start
    assert wide.search(NOW + 7 * HOUR, held).start == wide.latest_start
    assert wide.search(NOW + 7.1 * HOUR, held) is None
    assert waiting().search(NOW + 2.1 * HOUR, held) is None


def test_who_was_passed_often_enough_is_passed_no_more():
    one = waiting(passed=PASSES - 1)
    assert barred([one]) is None
    assert barred([one, replace(one, passed=PASSES)]) is not None


def test_only_what_could_be_in_the_way_counts():
    entry = waiting(site="cave")
    assert in_its_way([entry], "cave", entry.within) == [entry]
    assert in_its_way([entry], "sky", entry.within) == []
    assert in_its_way([replace(entry, site=None)], "sky", entry.within) != []
    assert in_its_way([entry], "cave", Window.lasting(entry.within.end, HOUR)) == []
