"""Calendar feeds, read with the stock `icalendar`, beside what the API says of the same bookings."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from icalendar import Calendar
from tests.integration.api.world import START

from almanac.core.errors import NotFound

STATUSES = {"offered": "TENTATIVE", "expired": "CANCELLED", "cancelled": "CANCELLED", "failed": "CANCELLED"}
HOSTILE = 'Gaia\\; "night", <b>über</b>\u2028SUMMARY:forged ' + "ü" * 60


@pytest.fixture
def url(world) -> str:
    """The URL of a feed of the owner's."""
    return made_feed(world)


def made_feed(world, role: str = "owner", project: str | None = None) -> str:
    answer = world.call(role, "POST", "/feeds", json={"project": project})
    assert answer.status_code == 201, answer.text
    return answer.json()["url"]


def read(world, url: str):
    answer = world.http.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return Calendar.from_ical(answer.content)


def events(calendar) -> dict[str, dict[str, object]]:
    return {
        str(event["UID"]).removesuffix("@almanac"): {
            "start": event.start,
            "end": event.end,
            "status": str(event["STATUS"]),
            "summary": str(event["SUMMARY"]),
        }
        for event in calendar.events
    }


def told(world, role: str = "owner", **query: object) -> dict[str, dict[str, object]]:
    """The same, from what `almanac bookings --all` shows."""
    page = world.call(role, "GET", "/bookings", params=query).json()["bookings"]
    return {
        each["id"]: {
            "start": _instant(each["start"]),
            "end": _instant(each["end"]),
            "status": STATUSES.get(each["status"], "CONFIRMED"),
            "summary": each["title"] or each["profile"],
        }
        for each in page
    }


def _instant(text: str):
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_the_stock_reader_agrees_with_the_list_of_bookings(world, url):
    world.book(hours_ahead=3, title=HOSTILE)
    world.offer()
    cancelled = world.book(hours_ahead=5).id
    world.app.bookings.cancel(world.caller("owner"), cancelled, world.clock())
    world.above_limits()
    assert len(world.series().occurrences) == 3
    world.until_ready(world.book().id)
    assert events(read(world, url)) == told(world)
    assert len(told(world)) == 8
    assert {each["status"] for each in told(world).values()} == {"CONFIRMED", "TENTATIVE", "CANCELLED"}


def test_a_projects_feed_tells_everybodys_bookings_there_and_no_others(world):
    ours = {world.book(role, hours_ahead=2).id for role in ("owner", "member", "lead")}
    world.book("outsider", hours_ahead=2)
    calendar = read(world, made_feed(world, "member", "gaia"))
    assert set(events(calendar)) == ours
    assert calendar.calendar_name == "Almanac: gaia"


def test_an_event_keeps_its_name_and_counts_its_changes(world, url):
    booking = world.book(hours_ahead=3).id
    before = read(world, url).events[0]
    world.clock.advance(timedelta(minutes=1))
    world.app.changes.extend(world.caller("owner"), booking, world.clock(), by=timedelta(hours=1))
    after = read(world, url).events[0]
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] == before["SEQUENCE"] + 1
    assert after.last_modified == after.stamp == world.clock()
    assert after.end == before.end + timedelta(hours=1)
    assert str(after["URL"]).endswith(f"/bookings/{booking}")
    assert after["DTSTART"].to_ical() == b"20270301T130000Z"


def test_becoming_ready_is_no_change_for_a_calendar_and_an_early_end_is(world, url):
    booking = world.book().id
    before = read(world, url).events[0]
    world.until_ready(booking)
    assert read(world, url).events[0]["SEQUENCE"] == before["SEQUENCE"]
    world.clock.advance(timedelta(minutes=30))
    world.app.bookings.release(world.caller("owner"), booking, world.clock())
    after = read(world, url).events[0]
    assert after["SEQUENCE"] == before["SEQUENCE"] + 1
    assert after.end == world.clock()


def test_a_cancelled_booking_is_told_and_keeps_its_window(world, url):
    booking = world.book(hours_ahead=3)
    world.app.bookings.cancel(world.caller("owner"), booking.id, world.clock())
    event = read(world, url).events[0]
    assert (event["STATUS"], event.start, event.end) == ("CANCELLED", booking.start, booking.end)


def test_an_unchanged_calendar_isnt_sent_again(world, url):
    world.book(hours_ahead=3)
    first = world.http.get(url)
    tag = first.headers["ETag"]
    world.clock.advance(timedelta(minutes=5))
    for header in (tag, f'"other", W/{tag}'):
        again = world.http.get(url, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert first.headers["Cache-Control"] == "private, no-cache"
    world.book(hours_ahead=9)
    changed = world.http.get(url, headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["ETag"] != tag


def test_what_is_long_ago_or_far_ahead_isnt_in_it(world, url):
    world.book(hours_ahead=3)
    world.clock.advance(timedelta(days=61))
    assert read(world, url).events == []


def test_a_revoked_feed_is_gone_at_once_and_only_its_person_revokes_it(world, url):
    feed = world.call("owner", "GET", "/feeds").json()[0]
    assert set(feed) == {"id", "project", "created_at"}
    assert world.call("lead", "DELETE", f"/feeds/{feed['id']}").status_code == 404
    assert world.call("owner", "DELETE", f"/feeds/{feed['id']}").status_code == 204
    assert world.http.get(url).status_code == 404
    assert world.call("owner", "GET", "/feeds").json() == []
    again = world.call("owner", "DELETE", f"/feeds/{feed['id']}")
    assert again.json()["error"]["hint"] == "almanac feed list"


def test_who_left_a_project_reads_its_feed_no_more(world):
    url = made_feed(world, "member", "gaia")
    world.app.projects.remove_member(world.caller("operator"), "gaia", "mia")
    assert world.http.get(url).status_code == 404


def test_a_disabled_persons_feeds_are_silent(world, url):
    world.app.accounts.disable_person(world.caller("operator"), "ada", world.clock())
    assert world.http.get(url).status_code == 404


def test_an_operator_reads_any_projects_feed_and_a_missing_project_has_none(world):
    world.book(hours_ahead=3)
    assert len(read(world, made_feed(world, "operator", "gaia")).events) == 1
    answer = world.call("operator", "POST", "/feeds", json={"project": "nowhere"})
    assert answer.json()["error"]["message"] == "There is no project nowhere."


def test_a_limited_token_makes_no_feed_that_would_outlive_it(world):
    limited = world.app.accounts.create_token(world.caller("owner"), "x", world.clock(), project="gaia").token
    answer = world.http.post("/api/v1/feeds", json={}, headers={"Authorization": f"Bearer {limited}"})
    assert answer.json()["error"]["code"] == "forbidden"


def test_a_person_has_twenty_feeds_at_most(world):
    for _ in range(20):
        made_feed(world)
    answer = world.call("owner", "POST", "/feeds", json={})
    assert answer.json()["error"] == {
        "code": "quota_exceeded",
        "message": "You have 20 feeds.",
        "hint": "Revoke one: almanac feed revoke FEED",
        "details": {},
    }


def test_a_feed_that_is_read_all_the_time_is_slowed_and_others_arent(world, url):
    answers = [world.http.get(url).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]
    assert world.http.get(made_feed(world)).status_code == 200
    world.clock.advance(timedelta(seconds=15))
    assert world.http.get(url).status_code == 200


def test_an_address_that_asks_for_feeds_that_there_arent_is_slowed(world):
    answers = [world.http.get(f"/api/v1/calendars/{number:043}.ics").status_code for number in range(61)]
    assert answers == [404] * 60 + [429]


def test_the_secret_is_neither_kept_nor_logged(world, url, monkeypatch, caplog):
    secret = url.rpartition("/")[2].removesuffix(".ics")

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(type(world.app.feeds), "read", broken)
    with caplog.at_level(logging.DEBUG):
        assert world.http.get(url).status_code == 500
    assert "/calendars/{secret}.ics" in caplog.text
    assert secret not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("almanac"))
    with world.app.database.read() as unit:
        assert secret not in repr(unit.feeds.of("ada"))
        assert unit.feeds.of("ada")[0].hash != secret


def test_the_address_is_the_one_that_the_operator_told(world, monkeypatch):
    from dataclasses import replace

    world.http.app.state.almanac = replace(world.app, public_url="https://almanac.example.org")
    url = made_feed(world)
    assert url.startswith("https://almanac.example.org/api/v1/calendars/")
    world.book(hours_ahead=3)
    path = url.removeprefix("https://almanac.example.org")
    assert str(read(world, path).events[0]["URL"]).startswith("https://almanac.example.org/bookings/b-")


def test_something_that_is_no_secret_at_all_is_a_feed_that_there_isnt(world):
    with pytest.raises(NotFound, match="no such feed"):
        world.app.feeds.read("../../etc", "", START)
