"""Sessions: the browsers that people are signed in with."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from almanac.core.errors import Forbidden, NotFound, NotSignedIn
from almanac.services import tokens
from almanac.services.caller import Caller, Role
from almanac.storage.database import Database
from almanac.storage.rows import SessionRow
from almanac.storage.unit import Unit

IDLE = timedelta(hours=12)
"""A session that isn't used for so long ends."""
LASTS = timedelta(days=14)
"""A session ends after so long, used or not."""
KEPT = timedelta(days=7)
"""A session's row is forgotten so long after its end."""
MAX_SESSIONS = 50
"""Of one person; the oldest ends for a new one."""
_SEEN_EVERY = timedelta(minutes=1)
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
_HINT = "Sign in again."


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session just begun.

    Attributes:
        cookie: the browser's secret; shown this once.
        csrf_token: goes with every request that changes something, so that no other site's page can make one.
    """

    cookie: str = field(repr=False)
    csrf_token: str = field(repr=False)
    id: str
    person: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a cookie stands for."""

    caller: Caller
    session: str
    csrf_token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session of one's own."""

    id: str
    way: str
    browser: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions:
    """Begins, finds, lists and ends sessions. Nothing is cached, so that an end is immediate."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, cookie: str, now: datetime) -> SignedIn:
        """Who a cookie stands for, with everything that the person may do.

        Raises:
            NotSignedIn: it is unknown, ended or expired, or its person is disabled.
        """
        with self._database.read() as unit:
            found = unit.sign_in.signed_in(tokens.hashed(cookie)) if _SHAPE.fullmatch(cookie) else None
        if found is None or not tokens.matches(cookie, found[0].hash):
            raise NotSignedIn("You are not signed in.", hint=_HINT)
        session, person, memberships = found
        if person.disabled_at is not None:
            raise NotSignedIn(f"The account {person.name} is disabled.", hint="Ask an operator.")
        if not _is_live(session, now):
            raise NotSignedIn("Your session has ended.", hint=_HINT)
        if now - session.seen_at >= _SEEN_EVERY:
            with self._database.write() as unit:
                unit.sign_in.seen(session.id, now)
        roles = {project: Role(role) for project, role in memberships.items()}
        caller = Caller(person.name, person.operator, roles)
        return SignedIn(caller, session.id, csrf_token(cookie), min(session.expires_at, now + IDLE))

    def list(self, caller: Caller, now: datetime) -> list[SessionView]:
        """The caller's live sessions, oldest first.

        Raises:
            Forbidden: their token is limited.
        """
        unlimited(caller)
        with self._database.read() as unit:
            return [_view(row) for row in unit.sign_in.sessions(caller.person) if _is_live(row, now)]

    def end(self, caller: Caller, session: str, now: datetime) -> None:
        """End one of the caller's sessions, at once.

        Raises:
            Forbidden: their token is limited.
            NotFound: they have none of that id.
        """
        unlimited(caller)
        with self._database.write() as unit:
            if not unit.sign_in.end_session(caller.person, session, now):
                raise NotFound(f"You have no session {session}.", hint="It may have ended already.")

    def sign_out(self, cookie: str, now: datetime) -> None:
        """End the cookie's session; one that has ended stays so."""
        with self._database.write() as unit:
            found = unit.sign_in.signed_in(tokens.hashed(cookie)) if _SHAPE.fullmatch(cookie) else None
            if found is not None:
                unit.sign_in.end_session(found[0].person, found[0].id, now)


def begin(unit: Unit, person: str, way: str, browser: str, now: datetime) -> NewSession:
    """Begin a session, in the transaction that found out who it is and locked their row."""
    unit.sign_in.purge_sessions(person, now - KEPT)
    live = [row for row in unit.sign_in.sessions(person) if _is_live(row, now)]
    for row in live[: max(0, len(live) - MAX_SESSIONS + 1)]:
        unit.sign_in.end_session(person, row.id, now)
    cookie, minted = secrets.token_urlsafe(32), tokens.mint().id
    row = SessionRow(minted, tokens.hashed(cookie), person, way, browser[:200], now, now, now + LASTS)
    unit.sign_in.add_session(row)
    return NewSession(cookie, csrf_token(cookie), row.id, person, row.expires_at)


def csrf_token(cookie: str) -> str:
    """The session's token against forged requests: only who has the cookie can tell it, and it doesn't tell the cookie."""
    return hmac.new(cookie.encode(), b"almanac csrf", hashlib.sha256).hexdigest()


def unlimited(caller: Caller) -> None:
    """Let pass who may do everything that their person may: an account is not for a pipeline's limited token to change.

    Raises:
        Forbidden: their token is limited to a role or a project.
    """
    if caller.cap is not Role.OPERATOR or caller.scope is not None:
        raise Forbidden(
            "This token is limited; it can't see or change your account.",
            hint="Sign in, or use a token without limits.",
        )


def _is_live(row: SessionRow, now: datetime) -> bool:
    return row.ended_at is None and now < row.expires_at and now < row.seen_at + IDLE


def _view(row: SessionRow) -> SessionView:
    return SessionView(
        row.id, row.way, row.browser, row.created_at, row.seen_at, min(row.expires_at, row.seen_at + IDLE)
    )
