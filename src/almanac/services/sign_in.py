"""Signing in with a browser: by password, by a one-time link; and changing the password."""

from __future__ import annotations

from datetime import datetime

from almanac.core.errors import BadRequest, Conflict, Forbidden, NotSignedIn
from almanac.services import sessions
from almanac.services.accounts import INVITE, one_time_row
from almanac.services.caller import Caller
from almanac.services.names import is_name
from almanac.services.passwords import Passwords, checked_password
from almanac.services.sessions import NewSession
from almanac.storage.database import Database
from almanac.storage.unit import Unit


class SignIn:
    """Local accounts. There is no default password: the first is set with a one-time link."""

    def __init__(self, database: Database, passwords: Passwords | None = None) -> None:
        self._database = database
        self._passwords = passwords or Passwords()

    def with_password(self, person: str, password: str, browser: str, now: datetime) -> NewSession:
        """Begin a session for who knows a person's password.

        Raises:
            NotSignedIn: no such person, no password, the wrong one, or a disabled account: which is not told.
        """
        with self._database.read() as unit:
            kept = unit.sign_in.password(person) if is_name(person) else None
        right = self._passwords.matches(password, kept)
        if kept is None or not right:
            raise _wrong()
        newer = self._passwords.hash(password) if self._passwords.outdated(kept) else None
        with self._database.write() as unit:
            _still(unit, person, kept)
            if newer is not None:
                unit.sign_in.upgrade_password(person, kept, newer)
            return sessions.begin(unit, person, "password", browser, now)

    def with_link(self, one_time: str, password: str, browser: str, now: datetime) -> NewSession:
        """Redeem a one-time token, from the first start or an invitation: set a password and begin a session.

        The token works exactly once, and not at all if the password isn't good enough. What sessions there were end.

        Raises:
            NotSignedIn: the token is malformed, unknown, expired, revoked or was redeemed before, or its person is disabled.
            BadRequest: the password isn't good enough.
        """
        with self._database.read() as unit:
            checked_password(password, one_time_row(unit, one_time, now).person)
        password_hash = self._passwords.hash(password)
        with self._database.write() as unit:
            row = one_time_row(unit, one_time, now)
            if not unit.people.use_token(row.id, now):  # compare-and-set: of two at once, one wins
                raise NotSignedIn("The one-time token was redeemed before.", hint=INVITE)
            _set(unit, row.person, password_hash, now)
            return sessions.begin(unit, row.person, "link", browser, now)

    def change_password(self, caller: Caller, old: str | None, new: str, browser: str, now: datetime) -> NewSession:
        """Change the caller's password, or set their first. All their sessions end; one begins. Tokens live on.

        Raises:
            Forbidden: the old password is wrong or missing, their token is limited, or they sign in elsewhere.
            BadRequest: the new one isn't good enough.
            Conflict: it was changed meanwhile.
        """
        sessions.unlimited(caller)
        with self._database.read() as unit:
            kept = unit.sign_in.password(caller.person)
            elsewhere = unit.sign_in.has_identity(caller.person)
        if kept is None and elsewhere:
            raise Forbidden("You sign in with your institution.", hint="Change your password there.")
        if kept is not None and (old is None or not self._passwords.matches(old, kept)):
            raise Forbidden("The present password is wrong.", hint="If you forgot it, ask an operator for a new link.")
        if old == checked_password(new, caller.person):
            raise BadRequest("The new password is the old one.", hint="Choose another.")
        password_hash = self._passwords.hash(new)
        with self._database.write() as unit:
            unit.people.get_person(caller.person)  # locks: of two changes at once, the second sees the first
            if unit.sign_in.password(caller.person) != kept:
                raise Conflict("Your password was changed meanwhile.", hint="Try again with the present one.")
            _set(unit, caller.person, password_hash, now)
            return sessions.begin(unit, caller.person, "password", browser, now)


def _set(unit: Unit, person: str, password_hash: str, now: datetime) -> None:
    unit.sign_in.set_password(person, password_hash, now)
    unit.sign_in.end_sessions(person, now)


def _still(unit: Unit, person: str, kept: str) -> None:
    """Let pass if nothing changed while the password was compared."""
    row = unit.people.get_person(person)
    if row is None or row.disabled_at is not None or unit.sign_in.password(person) != kept:
        raise _wrong()


def _wrong() -> NotSignedIn:
    return NotSignedIn("The name or the password is wrong.", hint="If you forgot it, ask an operator for a new link.")
