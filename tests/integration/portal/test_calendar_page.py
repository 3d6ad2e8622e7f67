"""The calendar page: what could be started when, who has what, and the way to the form."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from tests.integration.api.world import START


def drawn(text: str) -> dict:
    return json.loads(re.search(r'id="calendar-data">(.*?)</script>', text, re.DOTALL).group(1))


def test_a_week_shows_what_is_free_and_what_is_mine(ada):
    made = ada.world.book()
    page = ada.see("/calendar?profile=spark-small&lasts_s=3600").text
    events = drawn(page)["events"]
    [mine] = [event for event in events if event.get("extendedProps") == {"to": f"/bookings/{made.id}"}]
    assert mine["start"] == f"{made.start:%Y-%m-%dT%H:%M}"
    assert "mine" in mine["classNames"]
    assert any(event.get("display") == "background" for event in events)
    assert "Free to start" in page
    assert drawn(page)["monday"] == f"{START - timedelta(days=START.weekday()):%Y-%m-%d}"


def test_what_the_list_offers_can_be_booked(ada):
    page = ada.see("/calendar?profile=spark-class&lasts_s=3600&seats=2").text
    offered = [unescape(path) for path in re.findall(r'href="(/book\?[^"]+start=2027[^"]+)"', page)]
    assert offered
    form = ada.form(offered[0], "/book")
    assert (form.fields["profile"], form.fields["seats"], form.fields["lasts_s"]) == ("spark-class", "2", "3600")
    assert ada.send(form).status_code == 303


def test_of_a_full_day_a_few_are_told_with_mine_first_and_all_when_asked(ada):
    for role, count in (("member", 12), ("owner", 2)):
        for number in range(count):
            ada.world.book(role, profile="notebook", hours_ahead=26, title=f"{role} {number}")
    day = f"{START + timedelta(days=1):%Y-%m-%d}"
    page = ada.see("/calendar").text
    events = drawn(page)["events"]
    assert sum("mine" in event.get("classNames", []) for event in events) == 2
    assert sum("theirs" in event.get("classNames", []) for event in events) == 1
    assert {event["title"] for event in events if event.get("extendedProps") == {"to": f"#day-{day}"}} == {"11 more"}
    assert page.count('<a href="/bookings/b-') == 10
    assert page.count(">owner ") == 2
    [rest] = [unescape(path) for path in re.findall(r'href="([^"]+)">4 more<', page)]
    assert rest.endswith(f"#day-{day}")
    assert ada.see(rest.partition("#")[0]).text.count('<a href="/bookings/b-') == 14


def test_other_projects_are_not_seen(ada):
    ada.world.book("outsider")
    assert "zqxj" not in ada.see("/calendar").text


def test_every_week_has_seven_days_also_when_the_clocks_change(ada):
    ada.world.http.cookies.set("almanac_zone", "Europe/Madrid")
    page = ada.see("/calendar?day=2027-03-28").text
    assert page.count('<ul class="list day">') == 7
    assert "Mon 22 Mar" in page
    assert "Sun 28 Mar" in page


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("day=yesterday", "is not a day"),
        ("profile=spark-small&seats=9999", "9999 were asked for"),
        ("lasts_s=31536000", "at most"),
        ("site=nowhere", "nowhere"),
    ],
)
def test_what_cannot_be_shown_is_said(ada, query, says):
    answer = ada.see(f"/calendar?{query}")
    assert 400 <= answer.status_code < 500
    assert says in unescape(answer.text)
    assert "Start again" in answer.text


def test_the_form_says_whether_it_fits_before_it_is_sent(ada):
    start = f"{START + timedelta(days=1):%Y-%m-%dT%H:%M}"
    fits = ada.see(f"/book/verdict?profile=spark-small&start={start}&lasts_s=3600").text
    assert "This fits at local" in fits
    assert "<html" not in fits
    form = ada.form("/book?profile=spark-large", "/book")
    while ada.send(form, key="").status_code == 303:
        pass
    refused = ada.see("/book/verdict?profile=spark-large&lasts_s=7200").text
    assert "This would fit" in refused
    assert "is not a time" in unescape(ada.see("/book/verdict?profile=spark-small&start=noon").text)


def test_when_it_is_often_asked_for_is_marked_where_that_is_forecast(ada):
    address = "/calendar?profile=spark-small&day=2027-03-03"
    assert "Often asked for" not in ada.see(address).text
    ada.world.lunches()
    ada.world.app.planning.make(ada.world.clock())
    page = ada.see(address).text
    assert "Often asked for 12:00 to 15:00" in page
    drawn = json.loads(page.partition('id="calendar-data">')[2].partition("</script>")[0])
    marked = [each["start"] for each in drawn["events"] if each.get("classNames") == ["rush"]]
    assert "2027-03-03T12:00" in marked
    assert "Often asked for" not in ada.see(address.replace("spark-small", "spark-medium")).text
