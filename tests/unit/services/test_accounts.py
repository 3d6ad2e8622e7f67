from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.errors import BadRequest, Conflict, Forbidden, NotFound, NotSignedIn, QuotaExceeded
from almanac.services.accounts import MAX_TOKENS, ONE_TIME_LASTS, TOKEN_LASTS, Accounts
from almanac.services.caller import Caller, Role
from almanac.services.projects import Projects

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def accounts(database) -> Accounts:
    return Accounts(database)


@pytest.fixture
def projects(database) -> Projects:
    return Projects(database, lambda site: None)


@pytest.fixture
def admin(accounts: Accounts) -> Caller:
    one_time = accounts.first_admin(NOW)
    assert one_time is not None
    return accounts.authenticate(accounts.sign_in(one_time, NOW).token, NOW)


def join(accounts: Accounts, admin: Caller, name: str) -> str:
    """Add a person, and return a token of theirs."""
    accounts.add_person(admin, name, NOW)
    return accounts.sign_in(accounts.invite(admin, name, NOW).one_time_token, NOW).token


def test_the_first_start_makes_an_operator_who_leads_the_project_default(accounts, projects):
    one_time = accounts.first_admin(NOW)
    caller = accounts.authenticate(accounts.sign_in(one_time, NOW).token, NOW)
    assert caller == Caller("admin", True, {"default": Role.LEAD})
    assert [view.members for view in projects.projects(caller)] == [{"admin": Role.LEAD}]


def test_a_first_token_that_was_never_redeemed_is_replaced_at_the_next_start(accounts):
    lost, fresh = accounts.first_admin(NOW), accounts.first_admin(LATER)
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.sign_in(lost, LATER)
    assert accounts.sign_in(fresh, LATER).person == "admin"


def test_no_first_token_while_an_operator_can_act_and_one_again_when_none_can(accounts, admin):
    assert accounts.first_admin(NOW) is None
    after = NOW + TOKEN_LASTS
    assert accounts.sign_in(accounts.first_admin(after), after).person == "admin"


def test_the_last_operator_disabled_by_the_other_comes_back_at_the_next_start(accounts, admin):
    accounts.add_person(admin, "grace", NOW, operator=True)
    grace = accounts.authenticate(accounts.sign_in(accounts.invite(admin, "grace", NOW).one_time_token, NOW).token, NOW)
    accounts.disable_person(grace, "admin", NOW)
    accounts.disable_person(admin, "grace", NOW)
    assert accounts.sign_in(accounts.first_admin(LATER), LATER).person == "admin"


def test_a_token_has_its_shape_and_only_its_hash_is_kept(accounts, admin, database):
    new = accounts.create_token(admin, "laptop", NOW)
    prefix, token_id, secret = new.token.split("_", 2)
    assert (prefix, token_id, len(secret)) == ("alm", new.id, 43)
    with database.read() as unit:
        row = unit.people.get_token(new.id)
    assert row.hash == hashlib.sha256(new.token.encode()).hexdigest()
    assert new.token not in repr(new) + repr(row)


@pytest.mark.parametrize(
    "text", ["", "alm_", "Bearer x", "alm_abcdefgh_" + "x" * 43, "alm_abcdefgh_" + "x" * 44, "\ud800", "x" * 10_000]
)
def test_what_is_no_token_signs_nobody_in(accounts, text):
    with pytest.raises(NotSignedIn):
        accounts.authenticate(text, NOW)
    with pytest.raises(NotSignedIn):
        accounts.sign_in(text, NOW)


def test_a_token_with_one_character_changed_is_unknown(accounts, admin):
    token = accounts.create_token(admin, "laptop", NOW).token
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    with pytest.raises(NotSignedIn, match="unknown"):
        accounts.authenticate(changed, NOW)


def test_a_one_time_token_is_no_bearer_token_and_a_token_is_no_one_time_token(accounts, admin):
    accounts.add_person(admin, "ada", NOW)
    with pytest.raises(NotSignedIn, match="redeemed first"):
        accounts.authenticate(accounts.invite(admin, "ada", NOW).one_time_token, NOW)
    with pytest.raises(NotSignedIn, match="unknown"):
        accounts.sign_in(accounts.create_token(admin, "laptop", NOW).token, NOW)


def test_a_one_time_token_is_redeemed_exactly_once_by_many_at_once(accounts, admin):
    accounts.add_person(admin, "ada", NOW)
    one_time = accounts.invite(admin, "ada", NOW).one_time_token

    def redeem(_: int) -> str | None:
        try:
            return accounts.sign_in(one_time, NOW).token
        except NotSignedIn:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [token for token in pool.map(redeem, range(16)) if token]
    assert len(won) == 1
    assert accounts.authenticate(won[0], NOW).person == "ada"


def test_a_second_invitation_kills_the_first(accounts, admin):
    accounts.add_person(admin, "ada", NOW)
    first, second = (accounts.invite(admin, "ada", NOW).one_time_token for _ in range(2))
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.sign_in(first, NOW)
    assert accounts.sign_in(second, NOW).person == "ada"


def test_one_time_tokens_and_tokens_expire(accounts, admin):
    accounts.add_person(admin, "ada", NOW)
    one_time = accounts.invite(admin, "ada", NOW).one_time_token
    with pytest.raises(NotSignedIn, match="expired"):
        accounts.sign_in(one_time, NOW + ONE_TIME_LASTS)
    token = accounts.create_token(admin, "laptop", NOW, lasts=timedelta(hours=1)).token
    assert accounts.authenticate(token, LATER - timedelta(seconds=1)).person == "admin"
    with pytest.raises(NotSignedIn, match="expired"):
        accounts.authenticate(token, LATER)


def test_a_revoked_token_is_dead_at_once_and_no_longer_listed(accounts, admin):
    new = accounts.create_token(admin, "laptop", NOW)
    assert new.id in [view.id for view in accounts.tokens(admin, NOW)]
    accounts.revoke_token(admin, new.id, NOW)
    accounts.revoke_token(admin, new.id, LATER)
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.authenticate(new.token, NOW)
    assert new.id not in [view.id for view in accounts.tokens(admin, NOW)]


def test_nobody_revokes_anothers_token_but_an_operator(accounts, admin):
    ada = accounts.authenticate(join(accounts, admin, "ada"), NOW)
    token = join(accounts, admin, "bob")
    bob = accounts.authenticate(token, NOW)
    (of_bob,) = accounts.tokens(bob, NOW)
    with pytest.raises(NotFound):
        accounts.revoke_token(ada, of_bob.id, NOW)
    with pytest.raises(NotFound):
        accounts.revoke_token(ada, "nosuchid", NOW)
    accounts.revoke_token(admin, of_bob.id, NOW)
    with pytest.raises(NotSignedIn):
        accounts.authenticate(token, NOW)


def test_a_disabled_persons_tokens_are_dead_and_stay_dead_when_they_come_back(accounts, admin):
    token = join(accounts, admin, "ada")
    invitation = accounts.invite(admin, "ada", NOW).one_time_token
    accounts.disable_person(admin, "ada", NOW)
    for use in (lambda: accounts.authenticate(token, NOW), lambda: accounts.sign_in(invitation, NOW)):
        with pytest.raises(NotSignedIn, match="disabled"):
            use()
    with pytest.raises(Conflict, match="disabled"):
        accounts.invite(admin, "ada", NOW)
    assert accounts.add_person(admin, "ada", LATER).disabled is False
    with pytest.raises(NotSignedIn, match="revoked"):
        accounts.authenticate(token, LATER)
    accounts.disable_person(admin, "ada", LATER)
    accounts.disable_person(admin, "ada", LATER)
    assert [view.disabled for view in accounts.people(admin) if view.name == "ada"] == [True]


def test_an_operator_cant_disable_their_own_account(accounts, admin):
    with pytest.raises(Conflict, match="your own"):
        accounts.disable_person(admin, "admin", NOW)


@pytest.mark.parametrize(
    "name", ["", "a", "Ada", "-ada", "ada-", "a" * 41, "a/b", "../x", "ada\n", "ádá", "a b", "\0x"]
)
def test_what_is_no_name(accounts, projects, admin, name):
    with pytest.raises(BadRequest):
        accounts.add_person(admin, name, NOW)
    with pytest.raises(BadRequest):
        projects.add_project(admin, name, NOW)


def test_names_are_taken_once(accounts, projects, admin):
    accounts.add_person(admin, "a.d-4", NOW)
    with pytest.raises(Conflict):
        accounts.add_person(admin, "a.d-4", NOW)
    with pytest.raises(Conflict):
        projects.add_project(admin, "default", NOW)


def test_only_operators_manage_people_and_projects(accounts, projects, admin):
    ada = accounts.authenticate(join(accounts, admin, "ada"), NOW)
    refused = [
        lambda: accounts.people(ada),
        lambda: accounts.add_person(ada, "eve", NOW),
        lambda: accounts.invite(ada, "admin", NOW),
        lambda: accounts.disable_person(ada, "admin", NOW),
        lambda: projects.add_project(ada, "stars", NOW),
    ]
    for attempt in refused:
        with pytest.raises(Forbidden):
            attempt()


def test_a_lead_manages_the_members_of_their_project_only(accounts, projects, admin):
    token = join(accounts, admin, "ada")
    join(accounts, admin, "bob")
    for project in ("stars", "dust"):
        projects.add_project(admin, project, NOW)
    projects.set_member(admin, "stars", "ada", Role.LEAD)
    projects.set_member(admin, "dust", "bob", Role.LEAD)
    ada = accounts.authenticate(token, NOW)
    assert projects.set_member(ada, "stars", "bob", Role.MEMBER).members == {"ada": Role.LEAD, "bob": Role.MEMBER}
    assert [view.name for view in projects.projects(ada)] == ["stars"]
    with pytest.raises(NotFound, match="dust"):
        projects.set_member(ada, "dust", "ada", Role.MEMBER)
    with pytest.raises(NotFound, match="nobody"):
        projects.set_member(ada, "stars", "nobody", Role.MEMBER)
    with pytest.raises(BadRequest):
        projects.set_member(ada, "stars", "bob", Role.OPERATOR)
    projects.remove_member(ada, "stars", "bob")
    with pytest.raises(NotFound, match="member bob"):
        projects.remove_member(ada, "stars", "bob")


def test_a_member_sees_members_but_doesnt_manage_them(accounts, projects, admin):
    token = join(accounts, admin, "ada")
    projects.set_member(admin, "default", "ada", Role.MEMBER)
    ada = accounts.authenticate(token, NOW)
    assert projects.projects(ada)[0].members == {"ada": Role.MEMBER, "admin": Role.LEAD}
    with pytest.raises(Forbidden):
        projects.set_member(ada, "default", "ada", Role.LEAD)
    with pytest.raises(Forbidden):
        projects.remove_member(ada, "default", "admin")


def test_a_capped_token_does_no_more_than_its_role(accounts, projects, admin):
    capped = accounts.create_token(admin, "pipeline", NOW, role=Role.MEMBER)
    caller = accounts.authenticate(capped.token, NOW)
    assert caller == Caller("admin", False, {"default": Role.MEMBER}, Role.MEMBER)
    with pytest.raises(Forbidden) as refused:
        accounts.people(caller)
    assert "role member" in refused.value.hint
    with pytest.raises(Forbidden):
        projects.remove_member(caller, "default", "admin")


def test_a_scoped_token_reaches_one_project_even_for_an_operator(accounts, projects, admin):
    projects.add_project(admin, "stars", NOW)
    caller = accounts.authenticate(accounts.create_token(admin, "stars only", NOW, project="stars").token, NOW)
    assert (caller.operator, caller.projects) == (False, {"stars"})
    caller.can_lead("stars")
    with pytest.raises(NotFound):
        caller.can_see("default")
    with pytest.raises(Forbidden):
        accounts.people(caller)


def test_a_scoped_token_is_worth_nothing_once_its_person_left_the_project(accounts, projects, admin):
    token = join(accounts, admin, "ada")
    projects.set_member(admin, "default", "ada", Role.LEAD)
    scoped = accounts.create_token(accounts.authenticate(token, NOW), "x", NOW, project="default").token
    assert accounts.authenticate(scoped, NOW).roles == {"default": Role.LEAD}
    projects.remove_member(admin, "default", "ada")
    assert accounts.authenticate(scoped, NOW).roles == {}


def test_a_token_never_makes_lists_or_revokes_one_that_reaches_further(accounts, projects, admin):
    projects.add_project(admin, "stars", NOW)
    whole = accounts.create_token(admin, "whole", NOW)
    small = accounts.create_token(admin, "small", NOW, role=Role.MEMBER, project="stars")
    caller = accounts.authenticate(small.token, NOW)
    with pytest.raises(Forbidden):
        accounts.create_token(caller, "more", NOW, role=Role.LEAD)
    with pytest.raises(NotFound):
        accounts.create_token(caller, "elsewhere", NOW, project="default")
    inherited = accounts.create_token(caller, "same", NOW)
    assert (inherited.role, inherited.project) == (Role.MEMBER, "stars")
    assert {view.name for view in accounts.tokens(caller, NOW)} == {"small", "same"}
    with pytest.raises(NotFound):
        accounts.revoke_token(caller, whole.id, NOW)
    accounts.revoke_token(caller, inherited.id, NOW)


def test_tokens_for_unknown_projects_too_long_or_too_many_are_refused(accounts, admin):
    with pytest.raises(NotFound, match="nosuch"):
        accounts.create_token(admin, "x", NOW, project="nosuch")
    with pytest.raises(BadRequest, match="366 days"):
        accounts.create_token(admin, "x", NOW, lasts=timedelta(days=367))
    for number in range(MAX_TOKENS - len(accounts.tokens(admin, NOW))):
        accounts.create_token(admin, f"token {number}", NOW)
    with pytest.raises(QuotaExceeded, match="100 tokens"):
        accounts.create_token(admin, "one more", NOW)
