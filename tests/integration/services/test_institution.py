"""Signing in at a real OpenID Connect provider: who somebody is here, and what their groups let them do."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from cryptography.fernet import Fernet
from joserfc.jwk import KeySet, RSAKey
from tests.support.ports import free_port
from tests.support.provider import RunningProvider, running_provider

from almanac.core.errors import Conflict, Forbidden, NotSignedIn
from almanac.services.accounts import Accounts
from almanac.services.caller import Caller, Role
from almanac.services.groups import GroupRole
from almanac.services.institution import Institution, Newcomers, Policy
from almanac.services.oidc import JOURNEY_LASTS, Answer, Provider, ProviderTrouble, Registration
from almanac.services.particulars import AllParticulars
from almanac.services.projects import Projects
from almanac.services.sessions import Sessions
from almanac.services.vault import Vault
from almanac.storage.database import Database

BACK = "http://127.0.0.1:8484/api/v1/sign-in/institution/back"
MAPPING = (GroupRole("staff", "gaia", Role.MEMBER), GroupRole("chairs", "gaia", Role.LEAD))
ADMIN = Caller("admin", operator=True)


@pytest.fixture(scope="module")
def there() -> Iterator[RunningProvider]:
    """The institution, run by somebody else."""
    with running_provider() as provider:
        yield provider


class Here:
    """This side: an Almanac with a project, and a browser."""

    def __init__(self, database: Database, there: RunningProvider) -> None:
        self.database, self.there = database, there
        self.now = datetime.now(UTC)
        self.vault = Vault(Fernet.generate_key())
        self.accounts, self.projects = Accounts(database), Projects(database, lambda site: None)
        self.sessions, self.particulars = Sessions(database), AllParticulars(database)
        self.provider = Provider(Registration(there.issuer, "almanac", "a secret"), self.vault)
        self.policy = Policy("the university", MAPPING)
        self.accounts.first_admin(self.now)
        self.projects.add_project(ADMIN, "gaia", self.now)

    @property
    def institution(self) -> Institution:
        return Institution(self.database, self.provider, self.policy)

    def sign_in(self, subject: str, **claims: object) -> Caller:
        """All of the flow, as somebody with these claims."""
        self.there.has(subject, **claims)
        departure = self.institution.depart(BACK, "/bookings", self.now)
        answer = answered(self.there.agree(departure.url, subject))
        new, then = self.institution.arrive(answer, departure.journey, BACK, "Firefox", self.now)
        assert then == "/bookings"
        return self.sessions.find(new.cookie, self.now).caller


@pytest.fixture
def here(database: Database, there: RunningProvider) -> Here:
    return Here(database, there)


def answered(url: str) -> Answer:
    told = dict(parse_qsl(urlsplit(url).query))
    return Answer(told.get("state", ""), told.get("code", ""), told.get("error", ""), told.get("iss", ""))


def test_somebody_of_a_mapped_group_gets_an_account_and_keeps_it(here):
    claims = {"preferred_username": "Ada.Lovelace", "name": "Ada Lovelace", "zoneinfo": "Europe/London"}
    first = here.sign_in("ada-1", **claims, email="ada@uni.example", email_verified=True, groups=["staff"])
    assert first == Caller("ada.lovelace", roles={"gaia": Role.MEMBER})
    assert here.sign_in("ada-1", preferred_username="renamed", groups=["staff"]) == first
    view = here.particulars.of(first)
    assert (view.display_name, view.zone, view.email) == ("Ada Lovelace", "Europe/London", "ada@uni.example")
    assert view.email_confirmed
    assert not view.has_password


def test_groups_let_in_and_take_out_at_each_sign_in(here):
    assert here.sign_in("b-2", preferred_username="bob", groups=["staff"]).roles == {"gaia": Role.MEMBER}
    assert here.sign_in("b-2", groups=["staff", "chairs"]).roles == {"gaia": Role.LEAD}
    assert here.sign_in("b-2", groups="staff").roles == {"gaia": Role.MEMBER}
    assert here.sign_in("b-2", groups=[]).roles == {}
    here.projects.set_member(ADMIN, "gaia", "bob", Role.LEAD)
    assert here.sign_in("b-2", groups=["staff"]).roles == {"gaia": Role.LEAD}
    assert here.sign_in("b-2").roles == {"gaia": Role.LEAD}


def test_newcomers_are_those_that_the_operator_wants(here):
    with pytest.raises(Forbidden, match="no account for you"):
        here.sign_in("c-1", preferred_username="cyd")
    here.policy = replace(here.policy, newcomers=Newcomers.ALL)
    assert here.sign_in("c-1", preferred_username="cyd") == Caller("cyd")
    here.policy = replace(here.policy, newcomers=Newcomers.NONE)
    assert here.sign_in("c-1").person == "cyd"
    with pytest.raises(Forbidden):
        here.sign_in("c-2", preferred_username="dan", groups=["staff"])


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "admin"}, "admin-2"),
        ({"preferred_username": "almanac"}, "almanac-2"),
        ({"preferred_username": "Zoë Müller"}, "zoe-muller"),
        ({"preferred_username": "../../etc", "email": "eve@uni.example"}, "etc"),
        ({"email": "eve@uni.example"}, "eve"),
        ({"preferred_username": "李"}, "person"),
        ({"preferred_username": "x" * 200}, "x" * 35),
        ({"preferred_username": ["not", "text"], "name": None}, "person"),
    ],
)
def test_a_newcomers_name_is_like_theirs_and_never_anothers(here, claims, name):
    assert here.sign_in("e-1", **claims, groups=["staff"]).person == name


def test_accounts_are_linked_by_a_verified_address_only_if_the_setting_says_so(here):
    here.accounts.add_person(ADMIN, "ada", here.now)
    here.particulars.confirm_email(ADMIN, "ada", "Ada@Uni.example")
    claims = {"preferred_username": "ada", "email": "ada@uni.example", "groups": ["staff"]}
    assert here.sign_in("a-1", **claims, email_verified=True).person == "ada-2"
    here.policy = replace(here.policy, link_by_email=True)
    assert here.sign_in("a-2", **claims, email_verified=False).person == "ada-3"
    assert here.sign_in("a-3", **claims, email_verified="true").person == "ada-4"


def test_an_account_is_linked_once_and_never_by_an_address_that_nobody_confirmed(here):
    here.policy = replace(here.policy, link_by_email=True)
    for name in ("ada", "mallory"):
        here.accounts.add_person(ADMIN, name, here.now)
    here.particulars.confirm_email(ADMIN, "ada", "ada@uni.example")
    here.particulars.change(Caller("mallory"), email="grace@uni.example")
    claims = {"email_verified": True, "groups": ["staff"]}
    assert here.sign_in("l-1", **claims, email="ada@uni.example").person == "ada"
    assert here.sign_in("l-2", **claims, email="ada@uni.example").person == "ada-2"
    assert here.sign_in("l-3", **claims, email="grace@uni.example").person == "grace"


def test_of_two_first_sign_ins_at_once_one_makes_the_account(here):
    here.there.has("t-1", preferred_username="twin", groups=["staff"])

    def sign_in(_: int) -> str:
        departure = here.institution.depart(BACK, "/", here.now)
        answer = answered(here.there.agree(departure.url, "t-1"))
        try:
            return here.institution.arrive(answer, departure.journey, BACK, "Firefox", here.now)[0].person
        except Conflict:
            return "twin"

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(sign_in, range(4))) == {"twin"}
    assert {view.name for view in here.accounts.people(ADMIN)} == {"admin", "twin"}


def test_a_disabled_person_stays_out(here):
    person = here.sign_in("d-1", preferred_username="dora", groups=["staff"]).person
    here.accounts.disable_person(ADMIN, person, here.now)
    with pytest.raises(NotSignedIn, match="disabled"):
        here.sign_in("d-1", groups=["staff"])


def test_the_flow_is_with_pkce_state_and_nonce(here):
    departure = here.institution.depart(BACK, "/", here.now)
    query = parse_qs(urlsplit(departure.url).query)
    verifier = json.loads(here.vault.open_text(departure.journey))[3]
    assert query["code_challenge"] == [urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")]
    assert verifier not in departure.url
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [BACK]
    assert {len(query[name][0]) for name in ("state", "nonce", "code_challenge")} == {43}


def test_who_thinks_better_of_it_is_not_signed_in(here):
    departure = here.institution.depart(BACK, "/", here.now)
    answer = answered(here.there.deny(departure.url))
    with pytest.raises(NotSignedIn):
        here.institution.arrive(answer, departure.journey, BACK, "Firefox", here.now)


def test_a_flow_that_began_elsewhere_long_ago_or_was_ended_before_is_refused(here):
    here.there.has("f-1", groups=["staff"])
    mine, other = (here.institution.depart(BACK, "/", here.now) for _ in range(2))
    answer = answered(here.there.agree(mine.url, "f-1"))
    late = here.now + JOURNEY_LASTS + timedelta(seconds=1)
    for told, journey, now in (
        (answer, other.journey, here.now),
        (answer, "", here.now),
        (answer, "made up", here.now),
        (answer, here.vault.seal_text('["device", "ada", "x"]'), here.now),
        (answer, here.vault.seal_text('"journey"'), here.now),
        (replace(answer, state=""), mine.journey, here.now),
        (replace(answer, issuer="https://evil.example"), mine.journey, here.now),
        (answer, mine.journey, late),
    ):
        with pytest.raises(NotSignedIn, match="another browser"):
            here.institution.arrive(told, journey, BACK, "Firefox", now)
    here.institution.arrive(answer, mine.journey, BACK, "Firefox", here.now)
    with pytest.raises(NotSignedIn, match="invalid_grant"):
        here.institution.arrive(answer, mine.journey, BACK, "Firefox", here.now)


def test_what_the_institution_says_is_checked(here):
    here.there.has("v-1", groups=["staff"])

    def arrive(spoil=lambda journey: None, now=here.now) -> None:
        departure = here.institution.depart(BACK, "/", here.now)
        journey = json.loads(here.vault.open_text(departure.journey))
        spoil(journey)
        answer = answered(here.there.agree(departure.url, "v-1"))
        sealed = here.vault.seal_text(json.dumps(journey))
        here.institution.arrive(answer, sealed, BACK, "Firefox", now)

    def other_nonce(journey: list[str]) -> None:
        journey[2] = "x" * 43

    def tomorrow(journey: list[str]) -> None:
        journey[5] = (here.now + timedelta(days=1)).isoformat()

    with pytest.raises(NotSignedIn, match="InvalidClaim"):
        arrive(other_nonce)
    with pytest.raises(NotSignedIn, match="Expired"):
        arrive(tomorrow, here.now + timedelta(days=1))
    here.provider._known = replace(here.provider._about(here.now), keys=KeySet([RSAKey.generate_key(2048)]))
    with pytest.raises(NotSignedIn, match="isn't right"):
        arrive()
    here.provider._known = replace(here.provider._known, at=here.now - timedelta(minutes=1))
    arrive()


def test_an_institution_that_is_down_or_somebody_else_is_told_in_plain_words(here, there):
    for issuer in (f"http://127.0.0.1:{free_port()}", f"{there.issuer}/"):
        here.provider = Provider(Registration(issuer, "almanac"), here.vault)
        with pytest.raises(ProviderTrouble) as trouble:
            here.institution.depart(BACK, "/", here.now)
        assert "password" in trouble.value.hint
        assert "127.0.0.1" not in trouble.value.message
