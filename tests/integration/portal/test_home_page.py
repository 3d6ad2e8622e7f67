"""The home page: one click to a platform, and refusals that explain themselves where they happen."""

from __future__ import annotations

from tests.integration.portal.visitor import forms


def test_every_profile_has_a_card_that_says_when_it_would_be_ready(ada):
    page = ada.see("/").text
    assert "spark-small" in page
    assert "Ready <strong>in about" in page
    assert "node-hours an hour" in page


def test_one_click_books_and_a_double_click_books_once(ada):
    card = ada.form("/", "/start", profile="spark-small")
    first, second = ada.send(card), ada.send(card)
    assert first.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert first.headers["location"].startswith("/bookings/b-")
    assert ada.see(first.headers["location"]).status_code == 200


def test_htmx_is_sent_on_by_a_header(ada):
    answer = ada.send(ada.form("/", "/start", profile="notebook"), headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert answer.headers["hx-redirect"].startswith("/bookings/b-")


def test_what_is_mine_is_shown_with_where_it_is_on_its_way(ada):
    made = ada.world.book()
    assert "Getting ready" in ada.see("/").text
    ada.world.until_ready(made.id)
    assert "Yours until" in ada.see("/").text


def test_a_refusal_is_told_in_its_card_and_offers_what_works(ada):
    seen_before = ada.form("/", "/start", profile="spark-large")
    while "start" not in ada.form("/", "/start", profile="spark-large").fields:
        ada.world.book(profile="spark-large")
    answer = ada.send(seen_before)
    assert answer.status_code == 409
    assert "local has no room for that:" in answer.text
    assert "today 10:00" in answer.text
    assert "This would fit" in answer.text
    part = ada.send(seen_before, headers={"HX-Request": "true"})
    assert part.status_code == 409
    assert "<html" not in part.text
    offers = [one for one in forms(part.text) if one.action == "/book"]
    assert offers
    assert all(ada.send(offer).status_code == 303 for offer in offers[:1])


def test_a_full_profile_is_booked_for_when_it_fits(ada):
    while "start" not in (card := ada.form("/", "/start", profile="spark-large").fields):
        ada.world.book(profile="spark-large")
    made = ada.send(ada.form("/", "/start", profile="spark-large"))
    assert made.status_code == 303
    assert f'datetime="{card["start"]}"' in ada.see(made.headers["location"]).text


def test_nobody_without_a_session_sees_a_page(world, ada):
    world.http.cookies.clear()
    for path in ("/", "/bookings", "/book", "/projects", "/tokens", "/account", "/bookings/b-7k3m9q2x"):
        answer = ada.see(path)
        assert answer.status_code == 303, path
        assert answer.headers["location"].startswith("/sign-in?next="), path
