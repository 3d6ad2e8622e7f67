"""The waiting list in the portal: joined from a refusal, followed, taken from and left."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.portal.visitor import SeenForm, Visitor, forms

from almanac.core.errors import NoCapacity
from almanac.services.requests import BookingFilter

LARGE = "spark-large"


@pytest.fixture
def full(ada) -> list[str]:
    """Bookings of ada's that leave no room for another large one tomorrow."""
    taken = []
    while True:
        try:
            taken.append(ada.world.book(profile=LARGE, hours_ahead=24).id)
        except NoCapacity:
            return taken


def refused(ada: Visitor):
    typed = {"profile": LARGE, "start": "2027-03-02T10:00", "lasts_s": "7200", "title": "Cepheids"}
    return ada.send(ada.form("/book", "/book"), **typed)


def waiting(ada: Visitor) -> SeenForm:
    """The form of a refusal that waits for what was refused."""
    return next(one for one in forms(refused(ada).text) if one.action == "/waiting")


def served(ada: Visitor, full: list[str]) -> str:
    """The page of somebody who waited, once something has come free."""
    assert ada.send(waiting(ada), patience_s="0").headers["location"] == "/waiting"
    ada.world.app.bookings.cancel(ada.world.caller("owner"), full[0], ada.world.clock())
    ada.world.app.waiting.look(ada.world.clock())
    return ada.see("/waiting").text


def test_a_refusal_can_be_waited_for_and_twice_is_once(ada, full):
    assert 'href="/waiting"' not in ada.see("/").text
    form = waiting(ada)
    assert [ada.send(form).headers["location"] for _ in range(2)] == ["/waiting", "/waiting"]
    page = ada.see("/waiting").text
    assert page.count("number 1") == 1
    assert "number 2" not in page
    assert "Cepheids" in page
    assert 'href="/waiting"' in ada.see("/").text


def test_what_comes_free_is_held_with_a_deadline_and_taken(ada, full):
    page = served(ada, full)
    assert "Held for you until" in page
    assert "waiting for you" in ada.see("/").text
    take = next(one for one in forms(page) if one.action.endswith("/accept"))
    booking = take.action.removesuffix("/accept")
    assert "Take it" in ada.see(booking).text
    assert [ada.send(take).headers["location"] for _ in range(2)] == [booking, booking]
    ada.world.app.waiting.look(ada.world.clock())
    page = ada.see("/waiting").text
    assert "Booked" in page
    assert booking in page


def test_an_offer_that_lapsed_is_told_and_something_that_works_is_offered(ada, full):
    take = next(one for one in forms(served(ada, full)) if one.action.endswith("/accept"))
    ada.world.clock.advance(timedelta(hours=1))
    answer = ada.send(take)
    assert answer.status_code == 409
    assert "expired" in answer.text
    instead = next(one for one in forms(answer.text) if one.action == "/book")
    assert ada.send(instead).status_code == 303


def test_leaving_gives_what_was_held_to_others(ada, full):
    page = served(ada, full)
    leave = next(one for one in forms(page) if one.action.endswith("/leave"))
    assert [ada.send(leave).status_code for _ in range(2)] == [303, 303]
    assert "You left" in ada.see("/waiting").text
    asked = BookingFilter(mine=True, statuses=frozenset({"offered"}))
    assert ada.world.app.bookings.list(ada.world.caller("owner"), asked, ada.world.clock())[0] == []
    assert 'href="/waiting"' not in ada.see("/").text


def test_who_has_been_served_or_is_somebody_else_leaves_nothing(ada, full):
    ada.send(waiting(ada))
    leave = next(one for one in forms(ada.see("/waiting").text) if one.action.endswith("/leave"))
    for role, status in (("member", 403), ("outsider", 404)):
        other = Visitor(ada.world).signed_in(role)
        csrf = other.form("/", "/sign-out").fields["csrf"]
        assert ada.world.http.post(leave.action, data={"csrf": csrf}).status_code == status
    lena = Visitor(ada.world).signed_in("lead")
    assert "number 1" not in lena.see("/waiting").text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"start": "soon"}, "is not a time"),
        ({"start": "2026-01-01T09:00", "patience_s": "0"}, "The window is past."),
        ({"seats": "900"}, "900 were asked for"),
    ],
)
def test_what_cannot_be_waited_for_is_said_with_what_would_work(ada, full, typed, says):
    form = waiting(ada)
    answer = ada.send(form, **typed)
    assert answer.status_code == 422
    assert says in answer.text.replace("&#39;", "'")
    instead = next(one for one in forms(answer.text) if one.action == "/book")
    assert ada.send(instead).status_code == 303


def test_what_no_site_will_ever_have_room_for_is_not_offered_to_be_waited_for(ada):
    answer = ada.send(ada.form("/book", "/book"), profile="notebook", start="2026-01-01T09:00")
    assert not [one for one in forms(answer.text) if one.action == "/waiting"]


def test_the_line_is_followed_until_its_reader_is_signed_out(ada, full):
    ada.send(waiting(ada))
    ada.world.http.cookies.clear()
    answer = ada.see("/waiting/live", headers={"Accept": "text/html, text/event-stream"})
    assert "Your session has ended." in answer.text
    assert "event: over" in answer.text
