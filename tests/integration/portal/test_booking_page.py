"""A booking's page: links, changes that are made once, stale forms, endings, and what others may see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.api.world import MARK
from tests.integration.portal.visitor import Visitor, forms

from almanac.factory import fronted
from almanac.services.door import Addresses, Door

HOUR = timedelta(hours=1)


@pytest.fixture
def ready(ada) -> str:
    """The page of a booking of ada's that is ready."""
    made = ada.world.book()
    ada.world.until_ready(made.id)
    return f"/bookings/{made.id}"


def end_of(ada: Visitor, path: str):
    caller = ada.world.caller("owner")
    return ada.world.app.bookings.get(caller, path.rpartition("/")[2], ada.world.clock()).end


def test_a_ready_booking_has_its_links_and_they_are_its_owners_alone(ada, ready):
    page = ada.see(ready).text
    assert "Open the notebook" in page
    assert "sc://localhost:" in page
    others = Visitor(ada.world).signed_in("member").see(ready).text
    assert "Ready" in others
    for secret in ("sc://", "token=", "Release"):
        assert secret not in others


def test_sparks_own_pages_are_a_link_away_where_there_is_a_front_door(ada, ready):
    world, door = ada.world, Addresses("https://almanac.example.org", "https://almanac.example.org:8443")
    assert "Spark's own pages" not in ada.see(ready).text
    with world.app.database.write() as unit:
        cluster = unit.clusters.for_booking(ready.rpartition("/")[2])
        endpoints = {**cluster.endpoints, "ui:connect": "http://127.0.0.1:4040"}
        unit.clusters.record(cluster.id, cluster.changed_at, endpoints=endpoints)
    world.http.app.state.almanac = fronted(world.app, Door(door))
    page = ada.see(ready).text
    assert f'href="https://almanac.example.org:8443/s/{cluster.id}/connect/"' in page
    assert "sc://almanac.example.org:443/;use_ssl=true;" in page
    assert "Spark's own pages" not in Visitor(world).signed_in("member").see(ready).text


def test_another_projects_booking_is_not_there(ada, ready):
    outsider = Visitor(ada.world).signed_in("outsider")
    for path in (ready, f"{ready}/live", f"{ready}/log"):
        answer = outsider.see(path)
        assert answer.status_code == 404
        assert "gaia" not in answer.text


@pytest.mark.parametrize("what", ["end", "resize", "release", "cancel", "again"])
def test_nobody_else_changes_it(ada, ready, what):
    before = end_of(ada, ready)
    fields = {"until": (before + HOUR).isoformat(), "seen": before.isoformat()} if what == "end" else {}
    fields |= {"seats": "2", "seen": "1"} if what == "resize" else {}
    for role, status in (("outsider", 404), ("member", 403)):
        if (role, what) == ("member", "again"):
            continue  # who sees a booking may book the same for themselves
        other = Visitor(ada.world).signed_in(role)
        csrf = other.form("/", "/sign-out").fields["csrf"]
        answer = ada.world.http.post(f"{ready}/{what}", data={"csrf": csrf, "key": "k", **fields})
        assert answer.status_code == status, role
    assert end_of(ada, ready) == before


def test_extending_twice_with_one_form_extends_once(ada, ready):
    before, form = end_of(ada, ready), ada.form(ready, f"{ready}/end")
    later = (before + HOUR).isoformat()
    assert [ada.send(form, until=later).status_code for _ in range(2)] == [303, 303]
    assert end_of(ada, ready) == before + HOUR


def test_a_form_of_a_page_that_is_out_of_date_is_refused_in_words(ada, ready):
    form = ada.form(ready, f"{ready}/end")
    now, caller = ada.world.clock(), ada.world.caller("owner")
    ada.world.app.changes.shorten(caller, ready.rpartition("/")[2], now, by=HOUR)
    answer = ada.send(form)
    assert answer.status_code == 409
    assert "The page was out of date: it now ends" in answer.text
    assert ada.send(next(one for one in forms(answer.text) if one.action == f"{ready}/end")).status_code == 303


def test_shortening_and_what_cannot_be(ada, ready):
    before, form = end_of(ada, ready), ada.form(ready, f"{ready}/end")
    assert ada.send(form, until=(before - HOUR).isoformat()).status_code == 303
    assert end_of(ada, ready) == before - HOUR
    form = ada.form(ready, f"{ready}/end")
    answer = ada.send(form, until=(before + timedelta(hours=400)).isoformat())
    assert answer.status_code in {409, 422}
    assert 'role="alert"' in answer.text
    assert ada.send(form, until="soon").status_code == 422


def test_another_number_of_seats(ada):
    made = ada.world.book(profile="spark-class", hours_ahead=3)
    path = f"/bookings/{made.id}"
    form = ada.form(path, f"{path}/resize")
    assert ada.send(form, seats="4").status_code == 303
    assert ada.send(form, seats="4").status_code == 303
    stale = ada.send(form, seats="5")
    assert stale.status_code == 409
    assert "it now has 4 seats" in stale.text
    assert ada.send(ada.form(path, f"{path}/resize"), seats="9999").status_code == 422


def test_releasing_leaves_a_receipt_and_the_same_again_is_one_click(ada, ready):
    assert ada.send(ada.form(ready, f"{ready}/release")).status_code == 303
    for _ in range(20):
        ada.world.app.reconciler.tick()
        ada.world.clock.advance(timedelta(seconds=1))
    page = ada.see(ready).text
    assert "Receipt" in page
    assert "refunded" in page
    again = ada.form(ready, f"{ready}/again")
    first, second = ada.send(again), ada.send(again)
    assert first.status_code == 303
    assert first.headers["location"] == second.headers["location"] != ready


def test_what_has_not_begun_is_cancelled(ada):
    path = f"/bookings/{ada.world.book(hours_ahead=5).id}"
    form = ada.form(path, f"{path}/cancel")
    assert [ada.send(form).status_code for _ in range(2)] == [303, 303]
    assert "Cancelled" in ada.see(path).text
    assert not [one for one in forms(ada.see(path).text) if one.action.endswith(("/end", "/cancel"))]


def test_the_log_is_its_owners(ada, ready):
    assert ada.see(f"{ready}/log").status_code == 200
    assert Visitor(ada.world).signed_in("member").see(f"{ready}/log").status_code == 403


def test_a_booking_for_later_in_ones_own_zone(ada):
    ada.world.http.cookies.set("almanac_zone", "America/New_York")
    made = ada.send(ada.form("/book", "/book"), profile="spark-small", start="2027-03-02T09:00", title="Cepheids")
    page = ada.see(made.headers["location"]).text
    assert "tomorrow 09:00 to 11:00" in page
    assert "14:00 to 16:00 UTC" in page
    assert "Cepheids" in ada.see("/bookings").text


def test_what_was_typed_stays_with_a_refusal(ada):
    form = ada.form("/book", "/book")
    for start, status in (("2026-01-01T09:00", 422), ("soon", 422)):
        answer = ada.send(form, start=start, title="My stars", profile="spark-class", seats="2")
        assert answer.status_code == status
        kept = next(one for one in forms(answer.text) if one.action == "/book")
        assert (kept.fields["title"], kept.fields["profile"], kept.fields["seats"]) == ("My stars", "spark-class", "2")


def test_a_form_that_nobody_of_ours_made_is_answered_in_words(ada):
    answer = ada.send(ada.form("/book", "/book"), seats="many")
    assert answer.status_code == 422
    assert "seats" in answer.text
    assert "Go back" in answer.text


def test_hostile_titles_are_text(ada):
    title = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    made = ada.send(ada.form("/book", "/book"), title=title)
    for path in (made.headers["location"], "/", "/bookings"):
        page = ada.see(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_bookings_are_listed_to_come_and_month_by_month_back(ada):
    long_ago = ada.world.book(title="Long ago")
    ada.world.clock.advance(timedelta(days=45))
    Visitor(ada.world).signed_in("owner")
    ada.world.book(title="To come", hours_ahead=5)
    given_up = ada.world.book(title="Given up", hours_ahead=50)
    ada.world.app.bookings.cancel(ada.world.caller("owner"), given_up.id, ada.world.clock())
    ada.world.book(role="outsider", hours_ahead=5, title=MARK)
    first = ada.see("/bookings").text
    assert "To come" in first
    assert "Long ago" not in first
    assert "Given up" in first.partition('id="past-title"')[2]
    earlier = first.partition("/bookings?before=")[2].partition('"')[0]
    page = ada.see(f"/bookings?before={earlier}").text
    assert f"/bookings/{long_ago.id}" in page
    assert "Earlier" not in page
    assert MARK not in first + page
    assert ada.see("/bookings?before=soon").status_code == 422
    assert ada.see("/book?profile=%00<b>").status_code == 422


def test_a_stream_tells_when_its_reader_is_signed_out(ada, ready):
    ada.world.http.cookies.clear()
    answer = ada.see(f"{ready}/live", headers={"Accept": "text/html, text/event-stream"})
    assert answer.status_code == 200
    assert "Your session has ended." in answer.text
    assert "event: over" in answer.text


def test_the_stream_of_what_is_over_ends(ada):
    made = ada.world.book(hours_ahead=5)
    ada.world.app.bookings.cancel(ada.world.caller("owner"), made.id, ada.world.clock())
    answer = ada.see(f"/bookings/{made.id}/live")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "Cancelled" in answer.text
    assert "Change it" not in answer.text
    assert "event: over" in answer.text
    returned = ada.see(f"/bookings/{made.id}/live", headers={"Last-Event-ID": "booked-20270301T170000-1"})
    assert "Change it" in returned.text  # what it could do then isn't what it can do now
