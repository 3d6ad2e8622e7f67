"""The way over an institution, as pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from tests.integration.portal.visitor import Visitor
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


@pytest.fixture
def visitor(world, there) -> Visitor:
    return joined(world, there.issuer)


def joined(world, issuer: str) -> Visitor:
    provider = Provider(Registration(issuer, "almanac", "a secret"), Vault(Fernet.generate_key()))
    institution = Institution(world.app.database, provider, POLICY)
    world.http.app.state.almanac = replace(world.app, clock=wall_clock, institution=institution)
    return Visitor(world)


def departure(visitor: Visitor, page: str = "/sign-in?next=%2Ftokens") -> str:
    told = visitor.see(page).text
    assert "Sign in with Example University" in told
    return "/api/v1/sign-in/institution?then=" + told.partition("/institution?then=")[2].partition('"')[0]


def test_a_browser_goes_and_comes_back_to_the_page_it_wanted(visitor, there):
    there.has("ada-1", preferred_username="augusta", groups=["staff"])
    left = visitor.see(departure(visitor))
    came = visitor.see(there.agree(left.headers["location"], "ada-1"))
    assert (came.status_code, came.headers["location"]) == (303, "/tokens")
    assert "augusta" in visitor.see("/account").text


def test_what_goes_wrong_on_the_way_is_a_page(visitor, there):
    there.has("eve-1", groups=["visitors"])
    left = visitor.see(departure(visitor))
    came = visitor.see(there.agree(left.headers["location"], "eve-1"))
    assert came.status_code == 403
    assert "There is no account for you here yet." in came.text
    assert "That didn't work" in came.text
    forged = visitor.see("/api/v1/sign-in/institution/back?state=x&code=y")
    assert forged.status_code in {303, 401}


def test_an_institution_that_is_down_is_told_in_words(world):
    visitor = joined(world, f"http://127.0.0.1:{free_port()}")
    answer = visitor.see("/api/v1/sign-in/institution?then=/")
    assert answer.status_code == 503
    assert "That didn't work" in answer.text
