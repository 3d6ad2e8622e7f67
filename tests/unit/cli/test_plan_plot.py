"""A plan drawn in the terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from almanac.cli.plan import troubles
from almanac.cli.plan_plot import draw
from almanac.client.plan_models import Coming, Past, Place, ProfilePlan

NOW = datetime(2027, 3, 1, 22, tzinfo=UTC)


def plan(held=(2, 2, 1, 1), booked=(0, 1, 1, 0), likely=(1, 3, 1, 0), past: Past | None = None) -> ProfilePlan:
    coming = Coming(NOW, (0.5, 0.95), tuple((0.0, float(each)) for each in likely), (0,) * 4, booked, held)
    return ProfilePlan(
        "spark", NOW, "Weeks.", failed=False, sentences=(), short=False, cost=1.0, coming=coming, past=past
    )


def test_booked_held_and_likely_are_told_apart_and_days_are_marked() -> None:
    lines = draw(plan(), 40, 0, 48, ZoneInfo("UTC"))
    assert lines == ["  4 │ ·", "  3 │ ·", "  2 │▒▒·", "  1 │▒██▒", "     Mon"]


def test_the_past_stands_left_of_now() -> None:
    past = Past(NOW - timedelta(hours=2), (1, 2), (None, 1), (3, None), (0.5, 0.5), (None, 0.9))
    lines = draw(plan(past=past), 40, 24, 1, ZoneInfo("UTC"))
    assert lines == ["  3 · │", "  2 ·▒│▒", "  1 ▒█│▒", "    Mon"]


def test_hours_share_a_column_where_the_terminal_is_narrow_and_levels_a_line() -> None:
    lines = draw(plan(held=(40, 0, 0, 20), booked=(0, 0, 0, 0), likely=(0, 0, 0, 0)), 7, 0, 48, ZoneInfo("UTC"))
    assert len(lines) == 9
    assert lines[0] == " 40 │▒"
    assert lines[-2] == "  5 │▒▒"


def test_thousands_of_places_stand_in_line() -> None:
    lines = draw(plan(held=(4400, 100, 0, 0), booked=(0,) * 4, likely=(0,) * 4), 40, 0, 4, ZoneInfo("UTC"))
    assert {line.index("│") for line in lines[:-1]} == {5}
    assert lines[0].split("│")[0] == "4400 "
    assert lines[-1] == "      Mon"


def test_days_are_the_readers() -> None:
    assert draw(plan(), 40, 0, 4, ZoneInfo("Europe/Madrid"))[-1] == "     Mon"
    assert draw(plan(), 40, 0, 4, ZoneInfo("Asia/Tokyo"))[-1] == "     Tue"


def test_an_empty_plan_is_drawn() -> None:
    assert draw(plan(held=(), booked=(0,) * 4, likely=(0,) * 4), 40, 0, 4, ZoneInfo("UTC"))[0] == "  1 │"


def test_what_is_not_held_is_told_once_for_each_reason() -> None:
    refused, waits = (Place("l", "sky", NOW, NOW, bought, "Why.", 1.0, 2.0) for bought in (True, False))
    places = (
        replace(refused, state="asked for", trouble="Sky is full."),
        replace(refused, state="asked for", trouble="Sky is full."),
        replace(waits, state="no room yet"),
        replace(refused, state="held"),
        waits,
    )
    assert troubles(replace(plan(), places=places)) == [
        "2 places aren't held yet, and asked for again by itself: Sky is full.",
        "1 place isn't held yet, and asked for again by itself: there is no room beside what else is held.",
    ]
