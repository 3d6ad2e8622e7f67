"""Tokens, projects, account, and pages about what went wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.api.world import API, MARK
from tests.integration.portal.visitor import Visitor, forms

from almanac.portal import pages
from almanac.services.requests import BookingRequest


def test_a_token_is_shown_once_works_and_is_revoked(ada):
    made = ada.send(ada.form("/tokens", "/tokens"), name="nightly <b>", project="gaia")
    token = made.text.partition('value="alm_')[2].partition('"')[0]
    bearer = {"Authorization": f"Bearer alm_{token}"}
    assert ada.world.http.get(f"{API}/me", headers=bearer).json()["projects"] == {"gaia": "member"}
    page = ada.see("/tokens").text
    assert f"alm_{token}" not in page
    assert "nightly &lt;b&gt;" in page
    revoke = ada.form("/tokens", f"/tokens/{token[:8]}/revoke")
    assert ada.send(revoke).headers["location"] == "/tokens"
    assert ada.world.http.get(f"{API}/me", headers=bearer).status_code == 401


def test_a_token_for_what_is_not_ones_own_is_refused(ada):
    answer = ada.send(ada.form("/tokens", "/tokens"), name="more", project=f"beta-{MARK}")
    assert answer.status_code == 404
    assert 'role="alert"' in answer.text
    assert 'value="more"' in answer.text


def test_projects_tell_what_was_given_held_and_is_left(ada):
    now = ada.world.clock()
    assert "Nothing was given or used yet." in ada.see("/projects").text
    ada.world.app.bookings.book(ada.world.caller("owner"), BookingRequest("notebook", timedelta(hours=2)), now)
    page = ada.see("/projects").text
    assert "gaia" in page
    assert MARK not in page


def test_an_account_is_changed_and_times_follow_its_zone(ada):
    ada.world.book(hours_ahead=24)
    form = ada.form("/account", "/account")
    changed = ada.send(form, display_name="Ada <i>", zone="Asia/Tokyo", theme="dark", email="ada@example.org")
    assert changed.status_code == 303
    page = ada.see("/").text
    assert 'data-theme="dark"' in page
    assert "Ada &lt;i&gt;" in page
    assert "tomorrow 19:00" in page


def test_what_is_wrong_with_an_account_is_told_and_stays_typed(ada):
    answer = ada.send(ada.form("/account", "/account"), display_name="Ada", zone="Mars/Olympus")
    assert answer.status_code == 422
    assert "is not a time zone" in answer.text
    assert 'value="Ada"' in answer.text


def test_a_password_is_set_and_other_browsers_are_signed_out(ada):
    other = ada.world.http.cookies["almanac_session"]
    ada.signed_in("owner")
    form = ada.form("/account", "/account/password")
    new = "miras pulsate slowly"
    assert "differ" in ada.send(form, new=new, again=new + "!").text
    assert ada.send(form, new=new, again=new).status_code == 303
    assert ada.see("/account").status_code == 200
    wrong = ada.send(ada.form("/account", "/account/password"), old="no such password", new=new + "!", again=new + "!")
    assert wrong.status_code == 403
    assert "The present password is wrong." in wrong.text
    ada.world.http.cookies.clear()
    ada.world.http.cookies.set("almanac_session", other)
    assert ada.see("/account").status_code == 303


def test_another_browser_is_signed_out_from_here(ada):
    here = Visitor(ada.world).signed_in("owner")
    (end,) = [one for one in forms(here.see("/account").text) if one.action.endswith("/end")]
    assert here.send(end).headers["location"] == "/account"
    assert not [one for one in forms(here.see("/account").text) if one.action.endswith("/end")]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [("/nowhere", 404, "There is no such page."), ("/bookings/b-0000000000", 404, "no booking"), ("/start", 405, "")],
)
def test_what_went_wrong_is_a_page(ada, path, status, says):
    answer = ada.see(path)
    assert answer.status_code == status
    assert says in answer.text
    assert "That didn't work" in answer.text
    assert "almanac bookings" not in answer.text


def test_a_defect_is_a_quiet_page_with_an_incident(ada, monkeypatch, caplog):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(type(ada.world.app.starting), "starts", broken)
    answer = ada.see("/")
    assert answer.status_code == 500
    assert "incident" in answer.text
    assert "secret detail" not in answer.text
    assert "secret detail" in caplog.text


def test_pages_load_nothing_from_elsewhere_and_run_no_text_of_their_own(ada):
    answer = ada.see("/")
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert "https://" not in answer.text
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


def test_what_pages_load_is_there_and_may_be_kept(ada):
    page = ada.see("/").text
    loaded = [part.partition('"')[0] for part in page.split('="/static/')[1:]]
    assert loaded
    for name in loaded:
        answer = ada.see(f"/static/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert ada.see("/static/../app.py").status_code == 404


def test_without_browser_libraries_pages_are_plain_forms(ada, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "VENDOR", tmp_path)
    pages.has_vendor.cache_clear()
    page = ada.see("/").text
    pages.has_vendor.cache_clear()
    assert "vendor/htmx" not in page
    assert "hx-post" not in page
    assert ada.send(ada.form("/", "/start", profile="notebook")).status_code == 303


def test_the_api_answers_as_ever_beside_the_pages(ada):
    assert ada.world.http.get(f"{API}/health").json()["status"] == "ok"
    assert ada.world.http.get(f"{API}/nowhere").json()["error"]["code"] == "not_found"
    assert ada.world.http.delete(f"{API}/health").status_code == 405


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/sign-in"])
def test_a_form_is_sent_again_to_ourselves_alone(ada, to):
    page = ada.see("/again", params={"_to": to, "name": '"><script>'}).text
    assert forms(page)[1].action == "/"
    assert "<script>" not in page
