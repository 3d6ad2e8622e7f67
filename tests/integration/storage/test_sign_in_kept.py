"""Passwords, sessions, identities, and what people say of themselves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.samples import HOUR, NOW

from almanac.core.errors import Conflict
from almanac.storage.database import Database
from almanac.storage.rows import ParticularsRow, PersonRow, SessionRow

SESSION = SessionRow("s1", "h1", "ada", "password", "Firefox", NOW, NOW, NOW + HOUR)


def test_a_password_is_kept_changed_upgraded_and_forgotten(peopled: Database) -> None:
    with peopled.write() as unit:
        assert unit.sign_in.password("ada") is None
        unit.sign_in.set_password("ada", "one", NOW)
        unit.sign_in.set_password("ada", "two", NOW + HOUR)
        unit.sign_in.upgrade_password("ada", "one", "late")
        assert unit.sign_in.password("ada") == "two"
        unit.sign_in.upgrade_password("ada", "two", "three")
        assert unit.sign_in.password("ada") == "three"
        unit.sign_in.forget_password("ada")
        assert unit.sign_in.password("ada") is None


def test_a_session_comes_back_with_its_person_and_their_roles(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.sign_in.add_session(SESSION)
        unit.people.set_member("gaia", "ada", "lead")
    with peopled.write() as unit:
        assert unit.sign_in.signed_in("h1") == (SESSION, PersonRow("ada", NOW), {"gaia": "lead"})
        assert unit.sign_in.signed_in("h2") is None
        unit.sign_in.seen("s1", NOW + HOUR / 2)
        assert unit.sign_in.sessions("ada") == [replace(SESSION, seen_at=NOW + HOUR / 2)]


def test_sessions_end_one_by_one_or_all_and_are_forgotten(peopled: Database) -> None:
    with peopled.write() as unit:
        for number in range(3):
            unit.sign_in.add_session(replace(SESSION, id=f"s{number}", hash=f"h{number}"))
        assert not unit.sign_in.end_session("grace", "s0", NOW)
        assert unit.sign_in.end_session("ada", "s0", NOW)
        assert not unit.sign_in.end_session("ada", "s0", NOW)
        assert [row.id for row in unit.sign_in.sessions("ada")] == ["s1", "s2"]
        unit.sign_in.end_sessions("ada", NOW + HOUR)
        assert unit.sign_in.sessions("ada") == []
        unit.sign_in.purge_sessions("grace", NOW + HOUR / 2)
        assert unit.sign_in.signed_in("h0") is not None
        unit.sign_in.purge_sessions("ada", NOW + HOUR / 2)
        assert unit.sign_in.signed_in("h0") is None
        assert unit.sign_in.signed_in("h1") is not None


def test_particulars_come_back_as_they_were(peopled: Database) -> None:
    ada = ParticularsRow("ada", "Ada L.", "ada@example.org", email_confirmed=True, zone="Europe/London", theme="dark")
    with peopled.write() as unit:
        assert unit.sign_in.particulars("ada") == ParticularsRow("ada")
        unit.sign_in.set_particulars(ada)
        assert unit.sign_in.particulars("ada") == ada
        assert unit.sign_in.people_with_email("ada@example.org") == ["ada"]
        unit.sign_in.set_particulars(replace(ada, email_confirmed=False))
        assert unit.sign_in.people_with_email("ada@example.org") == []


def test_somebody_at_an_institution_is_one_person_here(peopled: Database) -> None:
    with peopled.write() as unit:
        assert unit.sign_in.identified("https://id", "42") is None
        assert not unit.sign_in.has_identity("ada")
        unit.sign_in.identify("https://id", "42", "ada", NOW)
        assert unit.sign_in.identified("https://id", "42") == "ada"
        assert unit.sign_in.has_identity("ada")
    with pytest.raises(Conflict, match="elsewhere"), peopled.write() as unit:
        unit.sign_in.identify("https://id", "42", "ada", NOW)


def test_roles_from_groups_are_written_anew_each_time(peopled: Database) -> None:
    with peopled.write() as unit:
        unit.sign_in.set_mapped("ada", {"gaia": "lead"})
        unit.sign_in.set_mapped("ada", {"gaia": "member"})
        assert unit.sign_in.mapped("ada") == {"gaia": "member"}
        unit.sign_in.set_mapped("ada", {})
        assert unit.sign_in.mapped("ada") == {}
