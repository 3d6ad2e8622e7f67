"""A booking's metrics as a page, and the numbers that it draws."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.portal.visitor import Visitor

from almanac.services.live import LineView, MetricsView, PanelView


@pytest.fixture
def booked(world):
    made = world.book()
    world.until_ready(made.id)
    return made.id


@pytest.fixture
def measured(world, monkeypatch):
    """Numbers as a Prometheus would have them; which time was asked for."""
    asked = []

    def panels(_caller, booking, span, until, now):
        asked.append((span, until))
        end = until or now
        at = [end - timedelta(seconds=seconds) for seconds in (20, 10, 0)]
        lines = (
            LineView("busy <b>", tuple(zip(at, (0.25, 0.5, 0.75), strict=True))),
            LineView("late", ((at[2], 0.125),)),
            LineView("silent", ()),
        )
        panel = PanelView("slots", "Slots busy", "percentunit", "All of them busy is good.", lines)
        return MetricsView(booking, end - span, end, 10.0, (panel,))

    monkeypatch.setattr(world.app.live, "panels", panels)
    return asked


def test_the_latest_numbers_are_told_without_scripts(ada, booked, measured):
    page = ada.see(f"/bookings/{booked}/metrics").text
    assert "Slots busy" in page
    assert "75 %" in page
    assert "busy &lt;b&gt;" in page
    assert "data-moving" in page
    assert measured == [(timedelta(minutes=15), None)]


def test_lines_are_drawn_over_the_same_moments(ada, booked, measured):
    found = ada.see(f"/bookings/{booked}/metrics/data?span_s=300").json()
    assert found["moving"] is True
    assert found["end"] - found["start"] == 300
    moments, busy, late, silent = found["panels"]["slots"]["columns"]
    assert (busy, late, silent) == ([0.25, 0.5, 0.75], [None, None, 0.125], [None, None, None])
    assert moments[2] == found["end"]
    assert found["panels"]["slots"]["latest"] == ["75 %", "12.5 %", ""]
    assert found["panels"]["slots"]["scale"] == {"factor": 100, "digits": 1, "suffix": " %"}


def test_a_link_to_a_time_stays_at_it(ada, booked, measured, world):
    until = (world.clock() - timedelta(minutes=1)).isoformat().replace("+00:00", "Z")
    page = ada.see(f"/bookings/{booked}/metrics?span_s=3600&until={until}").text
    assert "data-moving" not in page
    assert measured[0][0] == timedelta(hours=1)
    assert measured[0][1] == world.clock() - timedelta(minutes=1)


@pytest.mark.parametrize("query", ["span_s=0", "span_s=many", "until=yesterday"])
def test_a_time_that_makes_no_sense_is_refused(ada, booked, measured, query):
    assert ada.see(f"/bookings/{booked}/metrics?{query}").status_code == 422


def test_without_a_prometheus_the_page_says_so(ada, booked):
    answer = ada.see(f"/bookings/{booked}/metrics")
    assert answer.status_code == 409
    assert "Prometheus" in answer.text
    assert ada.see(f"/bookings/{booked}/metrics/data").status_code == 409


def test_others_dont_see_it(world, booked, measured):
    visitor = Visitor(world).signed_in("outsider")
    assert visitor.see(f"/bookings/{booked}/metrics").status_code == 404
    assert visitor.see(f"/bookings/{booked}/metrics/data").status_code == 404
    assert measured == []
