"""Signing in with a browser: cookies, tokens against forged requests, tries that are slowed, and sessions of one's own."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.integration.api.world import API, PEOPLE, World, join

from almanac.services.sessions import IDLE

GOOD = "violet cepheids pulsate"
BETTER = "miras pulsate slowly"
WRONG = "wrong wrong wrong"


@pytest.fixture
def newcomer(world: World) -> str:
    """Someone invited, who has set a password; their browser is another one now."""
    operator, now = world.caller("operator"), world.clock()
    world.app.accounts.add_person(operator, "eva", now)
    link = world.app.accounts.invite(operator, "eva", now).one_time_token
    answer = world.http.post(f"{API}/sign-in/link", json={"one_time_token": link, "password": GOOD})
    assert answer.status_code == 200, answer.text
    world.http.cookies.clear()
    return "eva"


def sign_in(world: World, person: str = "eva", password: str = GOOD, base: str = "", **headers: str):
    return world.http.post(
        f"{base}{API}/sign-in/password", json={"person": person, "password": password}, headers=headers
    )


def signed_in(world: World, **more: str) -> str:
    """Sign in; returns the token against forgery."""
    answer = sign_in(world, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()["csrf_token"]


def refused(answer, status: int, code: str) -> dict:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["hint"]
    return answer.json()["error"]


def test_a_session_needs_no_token_to_look_and_one_to_change(world, newcomer):
    csrf = signed_in(world)
    assert world.http.get(f"{API}/account").json()["person"] == "eva"
    change = {"display_name": "Eva", "zone": "Europe/Prague"}
    refused(world.http.patch(f"{API}/account", json=change), 403, "forged")
    refused(world.http.patch(f"{API}/account", json=change, headers={"X-CSRF-Token": "0" * 64}), 403, "forged")
    answer = world.http.patch(f"{API}/account", json=change, headers={"X-CSRF-Token": csrf})
    assert (answer.status_code, answer.json()["zone"]) == (200, "Europe/Prague")


def test_the_cookie_is_out_of_scripts_and_other_sites_reach(world, newcomer):
    for base, name, tls in (("", "almanac_session", False), ("https://almanac.test", "__Host-almanac_session", True)):
        world.http.cookies.clear()
        cookies = [line for line in sign_in(world, base=base).headers.get_list("set-cookie") if line.startswith(name)]
        (line,) = cookies
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(line.split("; "))
        assert ("Secure" in line) is tls
        assert "Domain" not in line


def test_under_tls_only_the_cookie_that_is_bound_to_it_counts(world, newcomer):
    base = "https://almanac.test"
    sign_in(world, base=base)
    assert world.http.get(f"{base}{API}/account").json()["person"] == "eva"
    cookie = world.http.cookies["__Host-almanac_session"]
    world.http.cookies.clear()
    world.http.cookies.set("almanac_session", cookie)
    refused(world.http.get(f"{base}{API}/account"), 401, "not_signed_in")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
    ],
)
def test_what_another_sites_page_sends_is_refused_even_with_the_right_token(world, newcomer, headers):
    csrf = signed_in(world)
    answer = world.http.patch(f"{API}/account", json={"theme": "dark"}, headers={"X-CSRF-Token": csrf, **headers})
    refused(answer, 403, "forged")
    refused(sign_in(world, **headers), 403, "forged")
    assert world.http.get(f"{API}/account", headers=headers).json()["theme"] == "system"


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}])
def test_what_our_own_page_sends_passes(world, newcomer, headers):
    csrf = signed_in(world)
    answer = world.http.patch(f"{API}/account", json={"theme": "dark"}, headers={"X-CSRF-Token": csrf, **headers})
    assert answer.json()["theme"] == "dark"


def test_a_token_against_forgery_is_its_own_sessions_alone(world, newcomer):
    first = signed_in(world)
    world.http.cookies.clear()
    signed_in(world)
    answer = world.http.patch(f"{API}/account", json={"theme": "dark"}, headers={"X-CSRF-Token": first})
    refused(answer, 403, "forged")


def test_a_bearer_token_goes_first_and_needs_no_other(world, newcomer):
    signed_in(world)
    assert world.call("owner", "PATCH", "/account", json={"theme": "dark"}).json()["person"] == "ada"
    assert world.call("owner", "GET", "/account").json()["theme"] == "dark"
    mine = world.http.get(f"{API}/account").json()
    assert (mine["person"], mine["theme"]) == ("eva", "system")


def test_a_session_is_worth_nothing_where_tokens_are_asked_for(world, newcomer):
    signed_in(world)
    assert world.http.get(f"{API}/me").status_code == 401


def test_signing_out_ends_the_session_at_once(world, newcomer):
    csrf = signed_in(world)
    cookie = world.http.cookies["almanac_session"]
    refused(world.http.post(f"{API}/sign-out"), 403, "forged")
    assert world.http.post(f"{API}/sign-out", headers={"X-CSRF-Token": csrf}).status_code == 204
    assert "almanac_session" not in world.http.cookies
    world.http.cookies.set("almanac_session", cookie)
    assert "ended" in refused(world.http.get(f"{API}/session"), 401, "not_signed_in")["message"]


def test_signing_in_again_ends_the_session_before(world, newcomer):
    signed_in(world)
    before = world.http.cookies["almanac_session"]
    signed_in(world)
    assert world.http.cookies["almanac_session"] != before
    world.http.cookies.clear()
    world.http.cookies.set("almanac_session", before)
    refused(world.http.get(f"{API}/session"), 401, "not_signed_in")


def test_a_page_learns_that_its_session_has_ended_and_goes_on_after_signing_in_again(world, newcomer):
    signed_in(world)
    assert world.http.get(f"{API}/session").json()["person"] == "eva"
    world.clock.advance(IDLE)
    refused(world.http.get(f"{API}/session"), 401, "not_signed_in")
    csrf = signed_in(world)
    assert world.http.get(f"{API}/session").json()["csrf_token"] == csrf


def test_sessions_are_listed_and_ended_one_by_one(world, newcomer):
    sign_in(world, **{"User-Agent": "Firefox\x7f on a laptop"})
    laptop = world.http.cookies["almanac_session"]
    world.http.cookies.clear()
    csrf = signed_in(world)
    listed = {view["browser"]: view["id"] for view in world.http.get(f"{API}/account/sessions").json()}
    path = f"{API}/account/sessions/{listed['Firefox on a laptop']}"
    assert world.http.delete(path, headers={"X-CSRF-Token": csrf}).status_code == 204
    world.http.cookies.clear()
    world.http.cookies.set("almanac_session", laptop)
    refused(world.http.get(f"{API}/account"), 401, "not_signed_in")


def test_a_changed_password_signs_every_other_browser_out(world, newcomer):
    signed_in(world)
    other = world.http.cookies["almanac_session"]
    world.http.cookies.clear()
    csrf = signed_in(world)
    body = {"old": GOOD, "new": BETTER}
    answer = world.http.put(f"{API}/account/password", json=body, headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 200, answer.text
    assert world.http.get(f"{API}/session").json()["csrf_token"] == answer.json()["csrf_token"] != csrf
    world.http.cookies.clear()
    world.http.cookies.set("almanac_session", other)
    refused(world.http.get(f"{API}/account"), 401, "not_signed_in")


def test_a_link_works_once_and_says_so(world):
    join(world.app, world.caller("operator"), "bob", world.clock())
    link = world.app.accounts.invite(world.caller("operator"), "bob", world.clock()).one_time_token
    body = {"one_time_token": link, "password": GOOD}
    assert world.http.post(f"{API}/sign-in/link", json=body).status_code == 200
    assert (
        "redeemed before" in refused(world.http.post(f"{API}/sign-in/link", json=body), 401, "not_signed_in")["message"]
    )


def test_neither_passwords_nor_links_are_repeated(world):
    body = {"one_time_token": "alm_k3m9q2xa_thisIsAlmostAToken", "password": "tooShort"}
    answer = world.http.post(f"{API}/sign-in/link", json=body)
    assert answer.status_code == 422
    assert "thisIsAlmostAToken" not in answer.text
    assert "tooShort" not in answer.text


def test_guessing_is_slowed_for_an_account_and_told_when_to_come_back(world, newcomer):
    assert [sign_in(world, password=WRONG).status_code for _ in range(7)] == [401] * 5 + [429] * 2
    error = refused(sign_in(world), 429, "slow_down")
    assert error["details"]["retry_after_s"] == 30
    world.clock.advance(timedelta(seconds=30))
    assert sign_in(world).status_code == 200


def test_guessing_names_is_slowed_by_address(world):
    names = [f"name{number}" for number in range(12)]
    assert [sign_in(world, name).status_code for name in names] == [401] * 10 + [429] * 2


def test_what_strangers_do_slows_no_browser_that_its_person_knows(world, newcomer):
    signed_in(world)
    known = world.http.cookies["almanac_device"]
    world.http.cookies.clear()
    while sign_in(world, password=WRONG).status_code != 429:
        pass
    world.http.cookies.set("almanac_device", known)
    assert sign_in(world).status_code == 200
    assert sign_in(world, person=PEOPLE["lead"][0], password=WRONG).status_code in {401, 429}


@pytest.mark.parametrize("cookie", ["", "x", "gAAAAA", "\\"])
def test_a_browser_that_makes_up_its_cookies_is_nobody(world, newcomer, cookie):
    world.http.cookies.set("almanac_device", cookie)
    world.http.cookies.set("almanac_session", cookie)
    refused(world.http.get(f"{API}/account"), 401, "not_signed_in")
    while sign_in(world, password=WRONG).status_code != 429:
        pass
    refused(sign_in(world), 429, "slow_down")


def test_guessing_the_present_password_is_slowed_too(world, newcomer):
    csrf = signed_in(world)
    world.http.cookies.delete("almanac_device")
    answers = [
        world.http.put(f"{API}/account/password", json={"old": WRONG, "new": BETTER}, headers={"X-CSRF-Token": csrf})
        for _ in range(6)
    ]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"zone": "Europe/Atlantis"}, "not a time zone"),
        ({"zone": "../../etc/passwd"}, "zone: "),
        ({"email": "nobody"}, "not an e-mail"),
        ({"email": "a@b.c\nBcc: x@y.z"}, "email: "),
        ({"display_name": "two\nlines"}, "display_name: "),
        ({"display_name": "x" * 81}, "at most 80"),
        ({"theme": "neon"}, "theme: "),
        ({"operator": True}, "is not a field here"),
    ],
)
def test_particulars_that_are_none(world, change, says):
    assert says in refused(world.call("owner", "PATCH", "/account", json=change), 422, "bad_request")["message"]
