"""How people sign in with a browser: passwords, sessions, identities elsewhere, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, or_, select, update

from almanac.core.errors import Conflict
from almanac.storage.repository import Repository, by_key
from almanac.storage.rows import ParticularsRow, PersonRow, SessionRow
from almanac.storage.tables import identities, mapped_members, members, particulars, passwords, people, sessions
from almanac.storage.types import UtcDateTime

_S = sessions.c
_NOW = bindparam("now", type_=UtcDateTime())
_PASSWORD = select(passwords.c.hash).where(passwords.c.person == bindparam("key"))
_FORGET_PASSWORD = delete(passwords).where(passwords.c.person == bindparam("key"))
_UPGRADE = (
    update(passwords)
    .where(passwords.c.person == bindparam("key"), passwords.c.hash == bindparam("old"))
    .values(hash=bindparam("new"))
)
_ADD_SESSION = insert(sessions)
_SESSION_WIDTH = len(sessions.c)
_SIGNED_IN = (
    select(sessions, people, members.c.project, members.c.role)
    .join_from(sessions, people, people.c.name == _S.person)
    .outerjoin(members, members.c.person == _S.person)
    .where(_S.hash == bindparam("key"))
    .order_by(members.c.project)
)
_SESSIONS = select(sessions).where(_S.person == bindparam("key"), _S.ended_at.is_(None)).order_by(_S.created_at, _S.id)
_SEEN = update(sessions).where(_S.id == bindparam("key")).values(seen_at=_NOW)
_END = (
    update(sessions)
    .where(
        _S.person == bindparam("of_person"),
        or_(_S.id == bindparam("key"), bindparam("key") == ""),
        _S.ended_at.is_(None),
    )
    .values(ended_at=_NOW)
)
_PURGE = delete(sessions).where(_S.person == bindparam("key"), or_(_S.expires_at < _NOW, _S.ended_at < _NOW))
_PARTICULARS = by_key(particulars, "person")
_WITH_EMAIL = select(particulars.c.person).where(
    particulars.c.email == bindparam("key"), particulars.c.email_confirmed.is_(True)
)
_IDENTITY = select(identities.c.person).where(
    identities.c.issuer == bindparam("by_issuer"), identities.c.subject == bindparam("the_subject")
)
_HAS_IDENTITY = select(identities.c.subject).where(identities.c.person == bindparam("key")).limit(1)
_MAPPED = select(mapped_members.c.project, mapped_members.c.role).where(mapped_members.c.person == bindparam("key"))
_FORGET_MAPPED = delete(mapped_members).where(mapped_members.c.person == bindparam("key"))


class SignIn(Repository):
    """What a browser's sign-in needs. Of passwords and cookies only hashes are kept."""

    def password(self, person: str) -> str | None:
        """The hash of a person's password; None if they have none."""
        found: str | None = self._rows(_PASSWORD, key=person).scalar_one_or_none()
        return found

    def set_password(self, person: str, password_hash: str, now: datetime) -> None:
        """Give a person a password."""
        statement = self._insert(passwords)
        statement = statement.on_conflict_do_update(
            index_elements=["person"],
            set_={"hash": statement.excluded.hash, "changed_at": statement.excluded.changed_at},
        )
        self._connection.execute(statement, {"person": person, "hash": password_hash, "changed_at": now})

    def upgrade_password(self, person: str, old: str, new: str) -> None:
        """Write the same password's newer hash, unless the password was changed meanwhile."""
        self._connection.execute(_UPGRADE, {"key": person, "old": old, "new": new})

    def forget_password(self, person: str) -> None:
        """A person has no password any more."""
        self._connection.execute(_FORGET_PASSWORD, {"key": person})

    def add_session(self, row: SessionRow) -> None:
        """Add a session with a new id."""
        self._connection.execute(_ADD_SESSION, asdict(row))

    def signed_in(self, cookie_hash: str) -> tuple[SessionRow, PersonRow, dict[str, str]] | None:
        """The session of that hash, alive or not, its person, and their role in each project: in one query."""
        rows = self._rows(_SIGNED_IN, key=cookie_hash).all()
        if not rows:
            return None
        session, person = SessionRow(*rows[0][:_SESSION_WIDTH]), PersonRow(*rows[0][_SESSION_WIDTH:-2])
        return session, person, {row[-2]: row[-1] for row in rows if row[-2] is not None}

    def sessions(self, person: str) -> list[SessionRow]:
        """A person's sessions that nobody has ended, oldest first."""
        return [SessionRow(*row) for row in self._rows(_SESSIONS, key=person)]

    def seen(self, session_id: str, now: datetime) -> None:
        """A session was used."""
        self._connection.execute(_SEEN, {"key": session_id, "now": now})

    def end_session(self, person: str, session_id: str, now: datetime) -> bool:
        """End one of a person's sessions; False if there is none such."""
        values = {"of_person": person, "key": session_id, "now": now}
        return self._connection.execute(_END, values).rowcount == 1

    def end_sessions(self, person: str, now: datetime) -> None:
        """End all of a person's sessions."""
        self._connection.execute(_END, {"of_person": person, "key": "", "now": now})

    def purge_sessions(self, person: str, before: datetime) -> None:
        """Forget a person's sessions that ended or expired before an instant."""
        self._connection.execute(_PURGE, {"key": person, "now": before})

    def particulars(self, person: str) -> ParticularsRow:
        """What somebody says of themselves; empty if nothing."""
        row = self._locked(_PARTICULARS, key=person).one_or_none()
        return ParticularsRow(person) if row is None else ParticularsRow(*row)

    def all_particulars(self, people: Collection[str]) -> dict[str, ParticularsRow]:
        """What each of these people says of themselves; nothing is locked."""
        found = self._connection.execute(select(particulars).where(self._among(particulars.c.person, people)))
        told = {row.person: ParticularsRow(*row) for row in found}
        return {person: told.get(person) or ParticularsRow(person) for person in people}

    def set_particulars(self, row: ParticularsRow) -> None:
        """Write all of it anew."""
        values = asdict(row)
        statement = self._insert(particulars)
        changed = {name: statement.excluded[name] for name in values if name != "person"}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["person"], set_=changed), values)

    def people_with_email(self, email: str) -> list[str]:
        """Whom a confirmed address is said to belong to."""
        return list(self._rows(_WITH_EMAIL, key=email).scalars())

    def identified(self, issuer: str, subject: str) -> str | None:
        """The person that somebody at an institution is; None if they are nobody here yet."""
        found: str | None = self._rows(_IDENTITY, by_issuer=issuer, the_subject=subject).scalar_one_or_none()
        return found

    def has_identity(self, person: str) -> bool:
        """Whether a person signs in at an institution."""
        return self._rows(_HAS_IDENTITY, key=person).first() is not None

    def identify(self, issuer: str, subject: str, person: str, now: datetime) -> None:
        """Say who somebody at an institution is here.

        Raises:
            Conflict: they are somebody already: another sign-in of theirs was a moment before.
        """
        row = {"issuer": issuer, "subject": subject, "person": person, "created_at": now}
        statement = self._insert(identities).on_conflict_do_nothing().returning(identities.c.person)
        if self._connection.execute(statement, row).one_or_none() is None:
            raise Conflict("You were signed in elsewhere at this very moment.", hint="Sign in again.")

    def mapped(self, person: str) -> dict[str, str]:
        """The roles that a person has from their groups, by project."""
        return {row.project: row.role for row in self._rows(_MAPPED, key=person)}

    def set_mapped(self, person: str, roles: dict[str, str]) -> None:
        """Write anew which roles a person has from their groups."""
        self._connection.execute(_FORGET_MAPPED, {"key": person})
        rows = [{"person": person, "project": project, "role": role} for project, role in roles.items()]
        if rows:
            self._connection.execute(insert(mapped_members), rows)
