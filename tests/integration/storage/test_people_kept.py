"""People, projects, members and tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError
from tests.support.samples import HOUR, NOW, a_token

from almanac.core.errors import Conflict, NotFound
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow, TokenRow


def test_people_come_back_as_they_were(database: Database) -> None:
    ada, grace = PersonRow("ada", NOW), PersonRow("grace", NOW, operator=True, disabled_at=NOW + HOUR)
    with database.write() as unit:
        unit.people.add_person(grace)
        unit.people.add_person(ada)
    with database.write() as unit:
        assert unit.people.persons() == [ada, grace]
        assert unit.people.get_person("ada") == ada
        assert unit.people.get_person("alan") is None
        unit.people.replace_person(replace(ada, operator=True))
        assert unit.people.get_person("ada") == PersonRow("ada", NOW, operator=True)


def test_projects_come_back_as_they_were(database: Database) -> None:
    gaia = ProjectRow("gaia", "Gaia's stars", NOW, max_nodes=40, max_bookings_per_person=3, disabled_at=NOW)
    euclid = ProjectRow("euclid", "Euclid", NOW)
    with database.write() as unit:
        unit.people.add_project(gaia)
        unit.people.add_project(euclid)
    with database.write() as unit:
        assert unit.people.projects() == [euclid, gaia]
        assert unit.people.get_project("gaia") == gaia
        assert unit.people.get_project("ska") is None
        unit.people.replace_project(replace(euclid, max_nodes=1))
        assert unit.people.get_project("euclid") == replace(euclid, max_nodes=1)


def test_a_name_is_given_once(peopled: Database) -> None:
    with peopled.write() as unit:
        with pytest.raises(Conflict, match="already a person ada") as refused:
            unit.people.add_person(PersonRow("ada", NOW, operator=True))
        assert "another name" in refused.value.hint
        with pytest.raises(Conflict, match="already a project gaia"):
            unit.people.add_project(ProjectRow("gaia", "Mine", NOW))
    with peopled.read() as unit:
        assert unit.people.get_person("ada") == PersonRow("ada", NOW)


def test_nobody_can_not_be_replaced(database: Database) -> None:
    with database.write() as unit:
        with pytest.raises(NotFound, match="alan"):
            unit.people.replace_person(PersonRow("alan", NOW))
        with pytest.raises(NotFound, match="ska"):
            unit.people.replace_project(ProjectRow("ska", "", NOW))


def test_members_join_change_roles_and_leave(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.people.set_member("gaia", "grace", "lead")
        unit.people.set_member("gaia", "ada", "member")
        unit.people.set_member("euclid", "ada", "member")
        unit.people.set_member("euclid", "ada", "lead")
    with peopled.write() as unit:
        assert unit.people.members("gaia") == {"ada": "member", "grace": "lead"}
        assert unit.people.memberships("ada") == {"euclid": "lead", "gaia": "member"}
        assert unit.people.remove_member("gaia", "ada")
        assert not unit.people.remove_member("gaia", "ada")
        assert unit.people.members("gaia") == {"grace": "lead"}


@pytest.mark.parametrize(
    ("project", "person", "role"), [("gaia", "ada", "king"), ("gaia", "alan", "lead"), ("ska", "ada", "lead")]
)
def test_a_membership_that_can_not_be_is_refused(peopled: Database, project: str, person: str, role: str) -> None:
    with pytest.raises(IntegrityError), peopled.write() as unit:
        unit.people.set_member(project, person, role)


@pytest.mark.parametrize(
    "row",
    [
        a_token(),
        a_token(project="gaia", one_time=True, expires_at=NOW + HOUR, used_at=NOW, revoked_at=NOW, role_cap="operator"),
    ],
)
def test_a_token_comes_back_as_it_was(peopled: Database, row: TokenRow) -> None:
    with peopled.write() as unit:
        unit.people.add_token(row)
    with peopled.read() as unit:
        assert unit.people.find_token(row.hash) == row
        assert unit.people.get_token("t-1") == row
        assert unit.people.tokens("ada") == [row]
        assert unit.people.find_token("another hash") is None
        assert unit.people.get_token("t-2") is None
        assert unit.people.tokens("grace") == []


def test_a_token_does_not_print_its_hash() -> None:
    assert "hash of" not in repr(a_token())


def test_a_lasting_token_is_used_until_it_expires_or_is_revoked(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.people.add_token(a_token(expires_at=NOW + HOUR))
        unit.people.add_token(a_token("t-2"))
        assert unit.people.use_token("t-1", NOW)
        assert unit.people.use_token("t-1", NOW)
        assert not unit.people.use_token("t-1", NOW + HOUR)
        assert unit.people.revoke_token("t-2", NOW)
        assert not unit.people.revoke_token("t-2", NOW)
        assert not unit.people.use_token("t-2", NOW)
        assert not unit.people.use_token("t-9", NOW)
        used, revoked = unit.people.tokens("ada")
        assert (used.used_at, revoked.used_at, revoked.revoked_at) == (NOW, None, NOW)
