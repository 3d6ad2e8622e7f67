"""People, and the tokens that stand for them: sign-in, invitations, revocation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from almanac.core.errors import BadRequest, Conflict, Forbidden, NotSignedIn, QuotaExceeded
from almanac.services import tokens
from almanac.services.caller import Caller, Role, not_found
from almanac.services.names import checked_name
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow, TokenRow
from almanac.storage.unit import Unit

FIRST_OPERATOR = "admin"
FIRST_PROJECT = "default"
ONE_TIME_LASTS = timedelta(days=7)
TOKEN_LASTS = timedelta(days=90)
MAX_TOKEN_LASTS = timedelta(days=366)
MAX_TOKENS = 100
"""Live tokens that one person may have."""
INVITE = "Ask an operator for a new one-time token: almanac admin invite NAME."


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its secret."""

    id: str
    name: str
    role: Role
    project: str | None
    created_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made; ``token`` is shown this once."""

    token: str = field(repr=False)
    id: str
    person: str
    name: str
    role: Role
    project: str | None
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invitation:
    """A one-time token by which a person signs in; shown this once."""

    one_time_token: str = field(repr=False)
    person: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PersonView:
    """A local account."""

    name: str
    operator: bool
    disabled: bool
    created_at: datetime


class Accounts:
    """People and their tokens.

    Nothing is cached: each request reads its token, person and memberships, so that revocation is immediate.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- who is asking ---

    def authenticate(self, text: str, now: datetime) -> Caller:
        """The caller that a token stands for.

        Raises:
            NotSignedIn: it is malformed, unknown, expired or revoked, is a one-time token, or its person is disabled.
        """
        with self._database.read() as unit:
            found = unit.people.bearer(tokens.hashed(text)) if tokens.well_formed(text) else None
        if found is None or not tokens.matches(text, found[0].hash) or found[0].one_time:
            raise NotSignedIn(
                "A one-time token must be redeemed first." if found and found[0].one_time else "The token is unknown.",
                hint="Sign in with a one-time token: almanac login.",
            )
        row, person, memberships = found
        return _caller(_alive(person, row, now), memberships, row)

    def sign_in(self, one_time: str, now: datetime) -> NewToken:
        """Redeem a one-time token, which works exactly once, for a token.

        Raises:
            NotSignedIn: it is malformed, unknown, expired, revoked or was redeemed before, or its person is disabled.
        """
        with self._database.write() as unit:
            row = one_time_row(unit, one_time, now)
            if not unit.people.use_token(row.id, now):  # compare-and-set: of two at once, one wins
                raise NotSignedIn("The one-time token was redeemed before.", hint=INVITE)
            return _issue(unit, row.person, "sign-in", Role(row.role_cap), row.project, TOKEN_LASTS, now)

    def first_admin(self, now: datetime) -> str | None:
        """A one-time token for an operator when none can do anything: at first start, or once their tokens are dead.

        The first start also makes the person ``admin`` and the project ``default``. A token that was made but never
        redeemed (a crash before it was printed) is replaced. None when some operator holds a live token or a password.
        """
        with self._database.write() as unit:
            operators = [p for p in unit.people.persons() if p.operator and p.disabled_at is None]
            if any(_can_act(unit, person.name, now) for person in operators):
                return None
            person = operators[0].name if operators else _make_first(unit, now)
            return _invite(unit, person, now).one_time_token

    # --- tokens ---

    def tokens(self, caller: Caller, now: datetime) -> list[TokenView]:
        """The caller's live tokens, as far as the one that they use reaches; one-time tokens excluded."""
        with self._database.read() as unit:
            rows = unit.people.tokens(caller.person)
        live = (row for row in rows if _is_live(row, now) and not row.one_time)
        return [_token_view(row) for row in live if _reaches(caller, Role(row.role_cap), row.project)]

    def create_token(
        self,
        caller: Caller,
        name: str,
        now: datetime,
        *,
        role: Role | None = None,
        project: str | None = None,
        lasts: timedelta | None = None,
    ) -> NewToken:
        """A further token for the caller, never reaching further than the one that they use.

        Raises:
            NotFound: they don't see the project.
            Forbidden: the role or project is beyond the token that they use.
            QuotaExceeded: they have too many.
        """
        cap, scope, lasts = role or caller.cap, project or caller.scope, lasts or TOKEN_LASTS
        if scope is not None:
            caller.can_see(scope)
        if not _reaches(caller, cap, scope):
            raise Forbidden(
                "A token can't reach further than the one that makes it.", hint=f"Ask for role {caller.cap} or less."
            )
        if not timedelta(0) < lasts <= MAX_TOKEN_LASTS:
            raise BadRequest("A token lasts up to 366 days.", hint="Leave it out for 90 days.")
        with self._database.write() as unit:
            if scope is not None and unit.people.get_project(scope) is None:
                raise not_found(f"project {scope}")
            if sum(_is_live(row, now) for row in unit.people.tokens(caller.person)) >= MAX_TOKENS:
                raise QuotaExceeded(f"You have {MAX_TOKENS} tokens already.", hint="Revoke one that you no longer use.")
            return _issue(unit, caller.person, name, cap, scope, lasts, now)

    def revoke_token(self, caller: Caller, token_id: str, now: datetime) -> None:
        """Kill a token: one's own, or as an operator anybody's. At once; killing it again changes nothing.

        Raises:
            NotFound: no such token, another's, or beyond the token that they use.
        """
        with self._database.write() as unit:
            row = unit.people.get_token(token_id)
            mine = row is not None and row.person == caller.person and _reaches(caller, Role(row.role_cap), row.project)
            if row is None or not (mine or caller.operator):
                raise not_found(f"token {token_id}")
            unit.people.revoke_token(token_id, now)

    # --- people (operators) ---

    def people(self, caller: Caller) -> list[PersonView]:
        """Everybody, by name.

        Raises:
            Forbidden: not an operator.
        """
        caller.can_operate()
        with self._database.read() as unit:
            return [_person_view(row) for row in unit.people.persons()]

    def add_person(self, caller: Caller, name: str, now: datetime, *, operator: bool = False) -> PersonView:
        """Make an account, or bring a disabled one back (its old tokens stay dead).

        Raises:
            Forbidden: not an operator.
            BadRequest: not a name.
            Conflict: the account is there already.
        """
        caller.can_operate()
        row = PersonRow(checked_name(name), now, operator)
        with self._database.write() as unit:
            known = unit.people.get_person(name)
            if known is None:
                unit.people.add_person(row)
            elif known.disabled_at is None:
                raise Conflict(f"There is a person {name} already.", hint=f"Invite them: almanac admin invite {name}.")
            else:
                row = PersonRow(name, known.created_at, operator)
                unit.people.replace_person(row)
        return _person_view(row)

    def invite(self, caller: Caller, name: str, now: datetime) -> Invitation:
        """A one-time token for a person; earlier ones that weren't redeemed die.

        Raises:
            Forbidden: not an operator.
            NotFound: no such person.
            Conflict: the person is disabled.
        """
        caller.can_operate()
        with self._database.write() as unit:
            person = _person(unit, name)
            if person.disabled_at is not None:
                raise Conflict(f"{name} is disabled.", hint=f"Bring them back first: almanac admin people add {name}.")
            return _invite(unit, name, now)

    def disable_person(self, caller: Caller, name: str, now: datetime) -> None:
        """Close an account: its tokens, sessions and password are dead at once, for good.

        Its bookings run on; operators can end them.

        Raises:
            Forbidden: not an operator.
            NotFound: no such person.
            Conflict: it is the caller's own account, which could leave nobody in charge.
        """
        caller.can_operate()
        if name == caller.person:
            raise Conflict("You can't disable your own account.", hint="Ask another operator to do it.")
        with self._database.write() as unit:
            person = _person(unit, name)
            for row in unit.people.tokens(name):
                unit.people.revoke_token(row.id, now)
            unit.sign_in.end_sessions(name, now)
            unit.sign_in.forget_password(name)
            if person.disabled_at is None:
                unit.people.replace_person(PersonRow(name, person.created_at, person.operator, now))


def one_time_row(unit: Unit, text: str, now: datetime) -> TokenRow:
    """The row of a one-time token that can be redeemed.

    Raises:
        NotSignedIn: it is malformed, unknown, expired, revoked or was redeemed before, or its person is disabled.
    """
    row = _find(unit, text)
    if row is None or not row.one_time:
        raise NotSignedIn("The one-time token is unknown.", hint=INVITE)
    _living(unit, row, now)
    return row


def _can_act(unit: Unit, person: str, now: datetime) -> bool:
    if unit.sign_in.password(person) is not None:
        return True
    return any(_is_live(row, now) and not row.one_time for row in unit.people.tokens(person))


def _find(unit: Unit, text: str) -> TokenRow | None:
    """The token's row. Found by hash, so timing tells nothing of other tokens; compared once more in constant time."""
    row = unit.people.find_token(tokens.hashed(text)) if tokens.well_formed(text) else None
    return row if row is not None and tokens.matches(text, row.hash) else None


def _is_live(row: TokenRow, now: datetime) -> bool:
    redeemed = row.one_time and row.used_at is not None
    return row.revoked_at is None and not redeemed and (row.expires_at is None or now < row.expires_at)


def _living(unit: Unit, row: TokenRow, now: datetime) -> PersonRow:
    """The token's person, if both are alive."""
    person = unit.people.get_person(row.person)
    if person is None:
        raise NotSignedIn(f"The account {row.person} is gone.", hint="Ask an operator.")
    return _alive(person, row, now)


def _alive(person: PersonRow, row: TokenRow, now: datetime) -> PersonRow:
    if person.disabled_at is not None:
        raise NotSignedIn(f"The account {row.person} is disabled.", hint="Ask an operator.")
    if not _is_live(row, now):
        raise _dead(row)
    return person


def _dead(row: TokenRow) -> NotSignedIn:
    why = "was revoked" if row.revoked_at else "was redeemed before" if row.used_at else "has expired"
    what = "The one-time token" if row.one_time else f"The token {row.id}"
    return NotSignedIn(f"{what} {why}.", hint=INVITE)


def _caller(person: PersonRow, memberships: dict[str, str], row: TokenRow) -> Caller:
    """Apply the token's limits. Within a scope even an operator is no more than the project's lead."""
    cap = Role(row.role_cap)
    roles = {project: Role(role).capped(cap) for project, role in memberships.items()}
    if row.project is None:
        return Caller(person.name, person.operator and cap is Role.OPERATOR, roles, cap)
    role = Role.LEAD.capped(cap) if person.operator else roles.get(row.project)
    return Caller(person.name, False, {row.project: role} if role else {}, cap, row.project)


def _reaches(caller: Caller, cap: Role, scope: str | None) -> bool:
    """Whether a token of this cap and scope reaches no further than the caller's own."""
    return cap.rank <= caller.cap.rank and caller.scope in {None, scope}


def _issue(
    unit: Unit, person: str, name: str, cap: Role, scope: str | None, lasts: timedelta, now: datetime
) -> NewToken:
    minted = tokens.mint()
    unit.people.add_token(TokenRow(minted.id, minted.hash, person, cap, name, now, scope, expires_at=now + lasts))
    return NewToken(minted.text, minted.id, person, name, cap, scope, now, now + lasts)


def _invite(unit: Unit, person: str, now: datetime) -> Invitation:
    for row in unit.people.tokens(person):
        if row.one_time and _is_live(row, now):
            unit.people.revoke_token(row.id, now)
    minted, expires = tokens.mint(), now + ONE_TIME_LASTS
    row = TokenRow(minted.id, minted.hash, person, Role.OPERATOR, "invitation", now, one_time=True, expires_at=expires)
    unit.people.add_token(row)
    return Invitation(minted.text, person, expires)


def _make_first(unit: Unit, now: datetime) -> str:
    """The first operator and the first project; an ``admin`` who was disabled comes back, for nobody else is left."""
    known = unit.people.get_person(FIRST_OPERATOR)
    if known is None:
        unit.people.add_person(PersonRow(FIRST_OPERATOR, now, operator=True))
    else:
        unit.people.replace_person(PersonRow(FIRST_OPERATOR, known.created_at, operator=True))
    if unit.people.get_project(FIRST_PROJECT) is None:
        unit.people.add_project(ProjectRow(FIRST_PROJECT, "Everyone's first project", now))
        unit.people.set_member(FIRST_PROJECT, FIRST_OPERATOR, Role.LEAD)
    return FIRST_OPERATOR


def _person(unit: Unit, name: str) -> PersonRow:
    person = unit.people.get_person(name)
    if person is None:
        raise not_found(f"person {name}")
    return person


def _token_view(row: TokenRow) -> TokenView:
    return TokenView(row.id, row.name, Role(row.role_cap), row.project, row.created_at, row.expires_at)


def _person_view(row: PersonRow) -> PersonView:
    return PersonView(row.name, row.operator, row.disabled_at is not None, row.created_at)
