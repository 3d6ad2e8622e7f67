"""Signing in and out with pages; nothing typed is lost when a session ends, and nobody is sent elsewhere."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.integration.portal.visitor import Visitor, forms

from almanac.services.sessions import IDLE

GOOD = "violet cepheids pulsate"


@pytest.fixture
def visitor(world) -> Visitor:
    return Visitor(world)


@pytest.fixture
def eva(world, visitor) -> Visitor:
    """Someone with a password, whose browser is another one now."""
    operator, now = world.caller("operator"), world.clock()
    world.app.accounts.add_person(operator, "eva", now)
    token = world.app.accounts.invite(operator, "eva", now).one_time_token
    form = visitor.form("/sign-in/link", "/sign-in/link")
    answer = visitor.send(form, one_time_token=token, display_name="Eva", password=GOOD, again=GOOD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    assert "Eva" in visitor.see("/account").text
    world.http.cookies.clear()
    return visitor


def sign_in(visitor: Visitor, path: str = "/sign-in", person: str = "eva", password: str = GOOD, **headers: str):
    return visitor.send(visitor.form(path, "/sign-in"), headers=headers, person=person, password=password)


def test_a_password_leads_to_the_page_that_was_asked_for(eva):
    asked = eva.see("/tokens").headers["location"]
    answer = sign_in(eva, asked)
    assert (answer.status_code, answer.headers["location"]) == (303, "/tokens")
    assert eva.see("/tokens").status_code == 200
    assert eva.see("/sign-in").headers["location"] == "/"


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example", "tokens", "/a\nb", "/é"])
def test_nobody_is_sent_to_another_site(eva, path):
    form = eva.form("/sign-in", "/sign-in")
    assert eva.send(form, person="eva", password=GOOD, next=path).headers["location"] == "/"


def test_a_wrong_password_is_told_and_the_name_stays(eva):
    answer = sign_in(eva, password="wrong wrong wrong")
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert 'value="eva"' in answer.text
    assert "wrong wrong wrong" not in answer.text


def test_guessing_is_slowed_in_words(eva):
    answers = [sign_in(eva, password="wrong wrong wrong") for _ in range(8)]
    assert answers[-1].status_code == 429
    assert "Too many failed sign-ins." in answers[-1].text
    assert "Try again in" in answers[-1].text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"password": GOOD, "again": GOOD + "s"}, "The two passwords differ."),
        ({"password": "short", "again": "short"}, "12"),
        ({"one_time_token": "nonsense", "password": GOOD, "again": GOOD}, "token"),
    ],
)
def test_what_is_wrong_with_a_link_is_told_and_the_token_stays(world, visitor, typed, says):
    operator = world.caller("operator")
    world.app.accounts.add_person(operator, "eva", world.clock())
    token = world.app.accounts.invite(operator, "eva", world.clock()).one_time_token
    form = visitor.form("/sign-in/link", "/sign-in/link")
    answer = visitor.send(form, **{"one_time_token": token, "display_name": "Eva", **typed})
    assert answer.status_code in {401, 422}
    assert says in answer.text
    kept = next(one for one in forms(answer.text) if one.action == "/sign-in/link")
    assert kept.fields["one_time_token"] == typed.get("one_time_token", token)
    assert kept.fields["display_name"] == "Eva"


def test_a_session_that_ends_in_the_middle_of_a_form_loses_nothing(eva):
    sign_in(eva)
    eva.world.app.projects.set_member(eva.world.caller("operator"), "gaia", "eva", "member")
    form = eva.form("/book", "/book")
    eva.world.clock.advance(IDLE + timedelta(minutes=1))
    answer = eva.send(form, title="Cepheids & more <b>", profile="notebook")
    assert answer.status_code == 303
    page = eva.see(answer.headers["location"]).text
    assert "what you typed is still there" in page
    back = sign_in(eva, answer.headers["location"])
    assert urlsplit(back.headers["location"]).path == "/again"
    assert "key" not in parse_qs(urlsplit(back.headers["location"]).query)
    again = eva.form(back.headers["location"], "/book")
    assert again.fields["title"] == "Cepheids & more <b>"
    made = eva.send(again)
    assert made.status_code == 303
    assert "Cepheids &amp; more &lt;b&gt;" in eva.see(made.headers["location"]).text


def test_no_secret_is_kept_over_a_sign_in(eva):
    sign_in(eva)
    form = eva.form("/account", "/account/password")
    eva.world.http.cookies.clear()
    answer = eva.send(form, old=GOOD, new="miras pulsate slowly", again="miras pulsate slowly")
    assert "pulsate" not in answer.headers["location"]


def test_signing_out_ends_the_session(eva):
    sign_in(eva)
    out = eva.form("/", "/sign-out")
    assert eva.send(out).headers["location"] == "/sign-in"
    assert eva.see("/").headers["location"] == "/sign-in?next=%2F"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/link"])
def test_another_sites_page_signs_nobody_in(eva, path):
    answer = eva.send(eva.form(path, path), headers={"Origin": "https://evil.example"}, person="eva", password=GOOD)
    assert answer.status_code == 403
    assert "almanac_session" not in eva.world.http.cookies


def test_forged_forms_are_refused(eva):
    sign_in(eva)
    out = eva.form("/", "/sign-out")
    assert eva.send(out, csrf="").status_code == 403
    assert eva.send(out, csrf="0" * 64).status_code == 403
    assert eva.send(out, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert eva.see("/").status_code == 200
