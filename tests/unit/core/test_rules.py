"""Rules in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from almanac.core.catalogue import Profile
from almanac.core.rules import Reason, Verdict, build_lead, verdict
from almanac.core.windows import Window

T0 = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = Window(T0, T0 + 8 * HOUR)
PROFILE = Profile("p", "P", "head", idle_after=2 * HOUR, no_show_after=HOUR, warn_before=timedelta(minutes=10))


def test_the_sites_estimate_serves_until_there_are_five_builds():
    assert build_lead([3.0] * 4, timedelta(seconds=60)) == timedelta(seconds=75)
    assert build_lead([40.0] * 5, timedelta(seconds=60)) == timedelta(seconds=50)


def test_the_lead_is_the_p95_by_nearest_rank_and_a_margin_of_at_least_5_s():
    measured = [float(n) for n in range(1, 101)]
    assert build_lead(measured, HOUR) == timedelta(seconds=95 * 1.25)
    assert build_lead([8.0] * 50, HOUR) == timedelta(seconds=13)


def test_an_unready_booking_only_ends_at_its_end():
    assert verdict(PROFILE, WINDOW, None, None) == Verdict(Reason.END, WINDOW.end - PROFILE.warn_before, WINDOW.end)


def test_a_no_show_counts_from_the_start_or_from_ready_whichever_is_later():
    early = verdict(PROFILE, WINDOW, T0 - HOUR, None)
    assert (early.reason, early.end_at) == (Reason.NO_SHOW, T0 + HOUR)
    late = verdict(PROFILE, WINDOW, T0 + HOUR, None)
    assert late.end_at == T0 + 2 * HOUR


def test_idleness_counts_from_the_last_use():
    found = verdict(PROFILE, WINDOW, T0, T0 + HOUR)
    assert (found.reason, found.warn_at) == (Reason.IDLE, T0 + 3 * HOUR - timedelta(minutes=10))


def test_use_before_the_bell_does_not_make_it_idle_at_the_bell():
    assert verdict(PROFILE, WINDOW, T0 - 3 * HOUR, T0 - 3 * HOUR).end_at == T0 + 2 * HOUR


def test_the_end_comes_first_near_the_end():
    found = verdict(PROFILE, WINDOW, T0, WINDOW.end - HOUR)
    assert (found.reason, found.end_at) == (Reason.END, WINDOW.end)


def test_rules_can_be_switched_off():
    lasting = Profile("p", "P", "head", idle_after=None, no_show_after=None)
    assert verdict(lasting, WINDOW, T0, None).reason is Reason.END
    assert verdict(lasting, WINDOW, T0, T0).reason is Reason.END


def test_warnings_say_what_keeps_the_booking():
    end = Verdict(Reason.END, T0, T0 + HOUR).warning("b-1")
    assert "almanac extend b-1" in end
    assert "11:00" in end
    for reason in (Reason.IDLE, Reason.NO_SHOW):
        assert "Run something" in Verdict(reason, T0, T0 + HOUR).warning("b-1")
