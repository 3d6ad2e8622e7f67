"""People, projects, who belongs to what, and API tokens."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from almanac.core.errors import Conflict
from almanac.storage.repository import Repository, by_key
from almanac.storage.rows import PersonRow, ProjectRow, TokenRow
from almanac.storage.tables import members, people, projects, tokens
from almanac.storage.types import UtcDateTime

_T = tokens.c
_NOW = bindparam("now", type_=UtcDateTime())
_PERSON = by_key(people, "name")
_PEOPLE = select(people).order_by(people.c.name)
_REPLACE_PERSON = update(people).where(people.c.name == bindparam("key"))
_PROJECT = by_key(projects, "name")
_PROJECTS = select(projects).order_by(projects.c.name)
_REPLACE_PROJECT = update(projects).where(projects.c.name == bindparam("key"))
_REMOVE_MEMBER = delete(members).where(
    members.c.project == bindparam("of_project"), members.c.person == bindparam("the_person")
)
_MEMBERSHIPS = (
    select(members.c.project, members.c.role).where(members.c.person == bindparam("key")).order_by(members.c.project)
)
_MEMBERS = (
    select(members.c.person, members.c.role).where(members.c.project == bindparam("key")).order_by(members.c.person)
)
_ADD_TOKEN = insert(tokens)
_TOKEN = by_key(tokens)
_TOKEN_BY_HASH = by_key(tokens, "hash")
_TOKEN_WIDTH = len(tokens.c)
_BEARER = (
    select(tokens, people, members.c.project, members.c.role)
    .join_from(tokens, people, people.c.name == _T.person)
    .outerjoin(members, members.c.person == _T.person)
    .where(_T.hash == bindparam("key"))
    .order_by(members.c.project)
)
_TOKENS = select(tokens).where(_T.person == bindparam("key")).order_by(_T.created_at, _T.id)
_USE_TOKEN = (
    update(tokens)
    .where(
        _T.id == bindparam("key"),
        _T.revoked_at.is_(None),
        or_(_T.expires_at.is_(None), _T.expires_at > _NOW),
        or_(_T.one_time.is_(False), _T.used_at.is_(None)),
    )
    .values(used_at=_NOW)
)
_REVOKE_TOKEN = update(tokens).where(_T.id == bindparam("key"), _T.revoked_at.is_(None)).values(revoked_at=_NOW)


class People(Repository):
    """Who may do what. Nobody is ever deleted, only disabled: bookings and ledger lines keep their names."""

    def add_person(self, row: PersonRow) -> None:
        """Add someone.

        Raises:
            Conflict: the name is taken.
        """
        statement = self._insert(people).on_conflict_do_nothing().returning(people.c.name)
        if self._connection.execute(statement, _values(row)).one_or_none() is None:
            raise Conflict(f"There is already a person {row.name}.", hint="Choose another name.")

    def get_person(self, name: str) -> PersonRow | None:
        """The person, locked in a write transaction; None if there is none."""
        row = self._locked(_PERSON, key=name).one_or_none()
        return None if row is None else PersonRow(*row)

    def replace_person(self, row: PersonRow) -> None:
        """Write all of it anew.

        Raises:
            NotFound: nobody has that name.
        """
        values = _values(row)
        self._replace(_REPLACE_PERSON, values.pop("name"), values)

    def persons(self) -> list[PersonRow]:
        """Everyone, by name."""
        return [PersonRow(*row) for row in self._rows(_PEOPLE)]

    def add_project(self, row: ProjectRow) -> None:
        """Add a project.

        Raises:
            Conflict: the name is taken.
        """
        statement = self._insert(projects).on_conflict_do_nothing().returning(projects.c.name)
        if self._connection.execute(statement, _values(row)).one_or_none() is None:
            raise Conflict(f"There is already a project {row.name}.", hint="Choose another name.")

    def get_project(self, name: str) -> ProjectRow | None:
        """The project, locked in a write transaction (which serialises checks of its quotas); None if there is none."""
        row = self._locked(_PROJECT, key=name).one_or_none()
        return None if row is None else ProjectRow(*row)

    def replace_project(self, row: ProjectRow) -> None:
        """Write all of it anew.

        Raises:
            NotFound: no project has that name.
        """
        values = _values(row)
        self._replace(_REPLACE_PROJECT, values.pop("name"), values)

    def projects(self) -> list[ProjectRow]:
        """All projects, by name."""
        return [ProjectRow(*row) for row in self._rows(_PROJECTS)]

    def set_member(self, project: str, person: str, role: str) -> None:
        """Make someone a ``member`` or ``lead`` of a project."""
        statement = self._insert(members)
        statement = statement.on_conflict_do_update(
            index_elements=["project", "person"], set_={"role": statement.excluded.role}
        )
        self._connection.execute(statement, {"project": project, "person": person, "role": role})

    def remove_member(self, project: str, person: str) -> bool:
        """Take someone out of a project; False if they weren't in it."""
        return self._connection.execute(_REMOVE_MEMBER, {"of_project": project, "the_person": person}).rowcount == 1

    def memberships(self, person: str) -> dict[str, str]:
        """A person's role in each of their projects."""
        return {row.project: row.role for row in self._rows(_MEMBERSHIPS, key=person)}

    def members(self, project: str) -> dict[str, str]:
        """Each member's role in a project."""
        return {row.person: row.role for row in self._rows(_MEMBERS, key=project)}

    def add_token(self, row: TokenRow) -> None:
        """Add a token with a new id."""
        self._connection.execute(_ADD_TOKEN, _values(row))

    def get_token(self, token_id: str) -> TokenRow | None:
        """The token of that id."""
        row = self._rows(_TOKEN, key=token_id).one_or_none()
        return None if row is None else TokenRow(*row)

    def find_token(self, token_hash: str) -> TokenRow | None:
        """The token of that hash, usable or not."""
        row = self._rows(_TOKEN_BY_HASH, key=token_hash).one_or_none()
        return None if row is None else TokenRow(*row)

    def bearer(self, token_hash: str) -> tuple[TokenRow, PersonRow, dict[str, str]] | None:
        """The token of that hash, usable or not, its person, and their role in each of their projects: in one query."""
        rows = self._rows(_BEARER, key=token_hash).all()
        if not rows:
            return None
        token, person = TokenRow(*rows[0][:_TOKEN_WIDTH]), PersonRow(*rows[0][_TOKEN_WIDTH:-2])
        return token, person, {row[-2]: row[-1] for row in rows if row[-2] is not None}

    def use_token(self, token_id: str, now: datetime) -> bool:
        """Mark a token as used now; False if it can't be (revoked, expired, or one-time and used).

        Of many who use a one-time token at once, one gets True: the check and the mark are one statement.
        """
        return self._connection.execute(_USE_TOKEN, {"key": token_id, "now": now}).rowcount == 1

    def revoke_token(self, token_id: str, now: datetime) -> bool:
        """Revoke a token; False if there is none or it was revoked before."""
        return self._connection.execute(_REVOKE_TOKEN, {"key": token_id, "now": now}).rowcount == 1

    def tokens(self, person: str) -> list[TokenRow]:
        """A person's tokens, oldest first."""
        return [TokenRow(*row) for row in self._rows(_TOKENS, key=person)]


def _values(row: PersonRow | ProjectRow | TokenRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}
