"""Signing in with one's institution: who somebody there is here, and what their groups let them do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from almanac.core.errors import BadRequest, Conflict, Forbidden, NotSignedIn
from almanac.core.local_time import zone_named
from almanac.services import groups, sessions
from almanac.services.caller import Role
from almanac.services.groups import GroupRole
from almanac.services.oidc import Answer, Arrival, Departure, Provider
from almanac.services.particulars import MAX_NAME, checked_email
from almanac.services.sessions import NewSession
from almanac.storage.database import Database
from almanac.storage.rows import ParticularsRow, PersonRow
from almanac.storage.unit import Unit

_NOT_IN_NAMES = re.compile(r"[^a-z0-9.]+")
_RESERVED = frozenset({"almanac"})
"""Who acts in the history without being a person."""
_MOST_ALIKE = 1000


class Newcomers(StrEnum):
    """Who gets an account at their first sign-in: everybody there, whose groups map to a project, or nobody."""

    ALL = "all"
    MAPPED = "mapped"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator wants.

    Attributes:
        title: what the institution is called.
        mapping: which group gives which role.
        groups_claim: the claim that lists the groups.
        newcomers: who gets an account.
        link_by_email: whether a person whose address an operator confirmed is the one whose institution verified it.
        public_url: where browsers reach this Almanac; empty: as they came.
    """

    title: str
    mapping: tuple[GroupRole, ...] = ()
    groups_claim: str = "groups"
    newcomers: Newcomers = Newcomers.MAPPED
    link_by_email: bool = False
    public_url: str = ""


class Institution:
    """An institution whose people sign in here. Local accounts work without it."""

    def __init__(self, database: Database, provider: Provider, policy: Policy) -> None:
        self._database = database
        self._provider = provider
        self.policy = policy

    def depart(self, back: str, then: str, now: datetime) -> Departure:
        """Send a browser to the institution.

        Raises:
            ProviderTrouble: it doesn't answer.
        """
        return self._provider.depart(back, then, now)

    def arrive(self, answer: Answer, journey: str, back: str, browser: str, now: datetime) -> tuple[NewSession, str]:
        """Begin a session for who comes back, and say where they wanted to go.

        Raises:
            NotSignedIn: the institution refused, or what it says isn't right; or the account here is disabled.
            Forbidden: they have no account here, and newcomers like them get none.
            Conflict: another first sign-in was a moment before.
            ProviderTrouble: it doesn't answer.
        """
        arrival = self._provider.arrive(answer, journey, back, now)
        with self._database.write() as unit:
            projects = [project.name for project in unit.people.projects() if project.disabled_at is None]
            wanted = groups.roles_of(self._groups(arrival.claims), self.policy.mapping, projects)
            person = self._person(unit, arrival, bool(wanted), now)
            _apply(unit, person, wanted)
            unit.sign_in.set_particulars(_filled(unit.sign_in.particulars(person), arrival.claims))
            return sessions.begin(unit, person, "institution", browser, now), arrival.then

    def _person(self, unit: Unit, arrival: Arrival, mapped: bool, now: datetime) -> str:
        """Who it is here: as before, linked by e-mail, or new."""
        issuer = self._provider.registration.issuer
        known = unit.sign_in.identified(issuer, arrival.subject)
        name = known or self._linked(unit, arrival.claims) or self._new(unit, arrival.claims, mapped, now)
        row = unit.people.get_person(name)
        if row is None or row.disabled_at is not None:
            raise NotSignedIn(f"The account {name} is disabled.", hint="Ask an operator.")
        if known is None:
            unit.sign_in.identify(issuer, arrival.subject, name, now)
        return name

    def _linked(self, unit: Unit, claims: Mapping[str, Any]) -> str | None:
        """The one person whose confirmed address it is. Whoever signs in at an institution already is somebody else."""
        email = _verified_email(claims)
        if not self.policy.link_by_email or not email:
            return None
        found = [person for person in unit.sign_in.people_with_email(email) if not unit.sign_in.has_identity(person)]
        return found[0] if len(found) == 1 else None

    def _new(self, unit: Unit, claims: Mapping[str, Any], mapped: bool, now: datetime) -> str:
        wants = self.policy.newcomers
        if wants is Newcomers.NONE or (wants is Newcomers.MAPPED and not mapped):
            raise Forbidden("There is no account for you here yet.", hint="Ask an operator of this Almanac for one.")
        name = _free_name(unit, claims)
        unit.people.add_person(PersonRow(name, now))
        return name

    def _groups(self, claims: Mapping[str, Any]) -> frozenset[str]:
        told = claims.get(self.policy.groups_claim)
        listed = told if isinstance(told, list) else [told]
        return frozenset(group for group in listed if isinstance(group, str))


def _apply(unit: Unit, person: str, wanted: Mapping[str, Role]) -> None:
    decided = groups.changes(wanted, unit.sign_in.mapped(person), unit.people.memberships(person))
    for project in decided.taken_out:
        unit.people.remove_member(project, person)
    for project, role in decided.let_in.items():
        unit.people.set_member(project, person, role)
    unit.sign_in.set_mapped(person, {project: role.value for project, role in decided.mapped.items()})


def _filled(row: ParticularsRow, claims: Mapping[str, Any]) -> ParticularsRow:
    """What somebody hasn't said of themselves, as their institution says it."""
    email = _verified_email(claims)
    if email and row.email in {"", email}:
        row = replace(row, email=email, email_confirmed=True)
    name = "".join(character for character in _text(claims, "name") if character.isprintable())[:MAX_NAME]
    return replace(row, display_name=row.display_name or name, zone=row.zone or _zone(_text(claims, "zoneinfo")))


def _zone(name: str) -> str:
    try:
        return name and zone_named(name).key
    except BadRequest:
        return ""


def _verified_email(claims: Mapping[str, Any]) -> str:
    """The address that the institution vouches for; empty without one."""
    try:
        return checked_email(_text(claims, "email")) if claims.get("email_verified") is True else ""
    except BadRequest:
        return ""


def _free_name(unit: Unit, claims: Mapping[str, Any]) -> str:
    """A name like the one that they have at their institution."""
    told = (_text(claims, "preferred_username"), _text(claims, "email").partition("@")[0], _text(claims, "name"))
    base = next((name for name in map(_as_name, told) if len(name) >= 2), "person")
    for number in range(1, _MOST_ALIKE):
        name = base if number == 1 else f"{base}-{number}"
        if name not in _RESERVED and unit.people.get_person(name) is None:
            return name
    raise Conflict(f"There are too many people called {base}.", hint="Ask an operator of this Almanac for an account.")


def _as_name(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_NAMES.sub("-", plain)[:35].strip("-.")


def _text(claims: Mapping[str, Any], claim: str) -> str:
    told = claims.get(claim)
    return told if isinstance(told, str) else ""
