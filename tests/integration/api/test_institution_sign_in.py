"""A browser goes to the institution and comes back signed in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from tests.integration.api.world import API, World
from tests.support.ports import free_port
from tests.support.provider import RunningProvider, running_provider

from almanac.factory import wall_clock
from almanac.services.caller import Role
from almanac.services.groups import GroupRole
from almanac.services.institution import Institution, Policy
from almanac.services.oidc import Provider, Registration
from almanac.services.vault import Vault

POLICY = Policy("Example University", (GroupRole("staff", "gaia", Role.MEMBER),))


@pytest.fixture(scope="module")
def there() -> Iterator[RunningProvider]:
    """The institution."""
    with running_provider() as provider:
        yield provider


def joined(world: World, issuer: str, policy: Policy = POLICY) -> World:
    """The world, with an institution; its tokens are of today."""
    provider = Provider(Registration(issuer, "almanac", "a secret"), Vault(Fernet.generate_key()))
    institution = Institution(world.app.database, provider, policy)
    world.http.app.state.almanac = replace(world.app, clock=wall_clock, institution=institution)
    return world


def go(world: World, path: str, **query: str):
    return world.http.get(f"{API}{path}", params=query, follow_redirects=False)


def test_a_browser_goes_and_comes_back_signed_in(world, there):
    joined(world, there.issuer)
    assert go(world, "/sign-in/ways").json() == {"password": True, "institution": "Example University"}
    there.has("ada-1", preferred_username="augusta", groups=["staff"])
    left = go(world, "/sign-in/institution", then="/bookings?mine=true")
    assert left.status_code == 303
    assert "HttpOnly" in left.headers["set-cookie"]
    came = world.http.get(there.agree(left.headers["location"], "ada-1"), follow_redirects=False)
    assert (came.status_code, came.headers["location"]) == (303, "/bookings?mine=true")
    assert go(world, "/session").json()["person"] == "augusta"
    assert go(world, "/account").json()["has_password"] is False
    assert "almanac_journey" not in world.http.cookies
    body = {"new": "violet cepheids pulsate"}
    csrf = {"X-CSRF-Token": go(world, "/session").json()["csrf_token"]}
    refused = world.http.put(f"{API}/account/password", json=body, headers=csrf)
    assert (refused.status_code, "institution" in refused.json()["error"]["message"]) == (403, True)


def test_another_browser_can_not_come_back_instead(world, there):
    joined(world, there.issuer)
    there.has("ada-1", groups=["staff"])
    left = go(world, "/sign-in/institution")
    back = there.agree(left.headers["location"], "ada-1")
    world.http.cookies.clear()
    answer = world.http.get(back, follow_redirects=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert "almanac_session" not in world.http.cookies


@pytest.mark.parametrize("then", ["https://evil.example", "//evil.example", "/\\evil.example", "", "/a\nb", "bookings"])
def test_nobody_is_sent_to_another_site_afterwards(world, there, then):
    assert go(joined(world, there.issuer), "/sign-in/institution", then=then).status_code == 422


def test_the_address_that_browsers_know_is_the_one_they_come_back_to(world, there):
    joined(world, there.issuer, replace(POLICY, public_url="https://almanac.example.org"))
    left = go(world, "/sign-in/institution").headers["location"]
    (back,) = parse_qs(urlsplit(left).query)["redirect_uri"]
    assert back == f"https://almanac.example.org{API}/sign-in/institution/back"


def test_an_institution_that_is_down_keeps_nobody_from_a_password(world):
    link = world.app.accounts.invite(world.caller("operator"), "ada", world.clock()).one_time_token
    body = {"one_time_token": link, "password": "violet cepheids pulsate"}
    assert world.http.post(f"{API}/sign-in/link", json=body).status_code == 200
    joined(world, f"http://127.0.0.1:{free_port()}")
    answer = go(world, "/sign-in/institution")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_trouble")
    assert "password" in answer.json()["error"]["hint"]
    body = {"person": "ada", "password": "violet cepheids pulsate"}
    assert world.http.post(f"{API}/sign-in/password", json=body).status_code == 200
