"""What people say of themselves: how they are called, where mail reaches them, their time zone and theme."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from almanac.core.errors import BadRequest
from almanac.core.local_time import zone_named
from almanac.services import notices
from almanac.services.caller import Caller, not_found
from almanac.services.notices import MUTABLE, NoticeKind
from almanac.services.sessions import unlimited
from almanac.storage.database import Database
from almanac.storage.rows import ParticularsRow

_EMAIL = re.compile(r"[^\s@<>\"(),:;\[\]\\]{1,64}@[^\s@<>\"(),:;\[\]\\.]+(\.[^\s@<>\"(),:;\[\]\\.]+)+")
MAX_EMAIL = 254
MAX_NAME = 80


class Theme(StrEnum):
    """How the portal looks; SYSTEM is as the browser likes it."""

    LIGHT = "light"
    DARK = "dark"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class ParticularsView:
    """What somebody says of themselves; ``zone`` is empty for the browser's, ``muted`` are notices that aren't mailed."""

    person: str
    display_name: str
    email: str
    email_confirmed: bool
    zone: str
    theme: Theme
    has_password: bool
    muted: tuple[NoticeKind, ...] = ()


class AllParticulars:
    """Everybody's particulars: each their own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, caller: Caller) -> ParticularsView:
        """The caller's.

        Raises:
            Forbidden: their token is limited.
        """
        unlimited(caller)
        with self._database.read() as unit:
            return _view(unit.sign_in.particulars(caller.person), unit.sign_in.password(caller.person) is not None)

    def change(
        self,
        caller: Caller,
        *,
        display_name: str | None = None,
        email: str | None = None,
        zone: str | None = None,
        theme: Theme | None = None,
        muted: Collection[NoticeKind] | None = None,
    ) -> ParticularsView:
        """Change some of the caller's; None leaves one as it is. A new e-mail address is nobody's word but theirs.

        Raises:
            Forbidden: their token is limited.
            BadRequest: not a time zone, not an address, or a notice that can't be muted.
        """
        unlimited(caller)
        told = {"display_name": display_name, "zone": zone, "theme": theme}
        changes: dict[str, Any] = {name: value for name, value in told.items() if value is not None}
        if zone:
            zone_named(zone)
        if muted is not None:
            changes["muted"] = _muted(muted)
        address = None if email is None else checked_email(email)
        with self._database.write() as unit:
            row = replace(unit.sign_in.particulars(caller.person), **changes)
            if address is not None and address != row.email:
                row = replace(row, email=address, email_confirmed=False)
            unit.sign_in.set_particulars(row)
            return _view(row, unit.sign_in.password(caller.person) is not None)

    def confirm_email(self, caller: Caller, person: str, email: str) -> None:
        """As an operator, say what a person's e-mail address is: their institution's sign-in may be linked by it.

        Raises:
            Forbidden: not an operator.
            NotFound: no such person.
            BadRequest: not an address.
        """
        caller.can_operate()
        address = checked_email(email)
        with self._database.write() as unit:
            if unit.people.get_person(person) is None:
                raise not_found(f"person {person}")
            row = unit.sign_in.particulars(person)
            unit.sign_in.set_particulars(replace(row, email=address, email_confirmed=bool(address)))


def checked_email(email: str) -> str:
    """The address as it is compared and kept, if it could be one; empty stays empty.

    Whether anybody reads it only a mail would tell (RFC 5321 lets almost anything stand before the @).

    Raises:
        BadRequest: it can't be one.
    """
    address = unicodedata.normalize("NFKC", email).strip().lower()
    if address and (len(address) > MAX_EMAIL or not address.isprintable() or not _EMAIL.fullmatch(address)):
        raise BadRequest(f"{ascii(email)[:60]} is not an e-mail address.", hint="One looks like ada@example.org.")
    return address


def _muted(kinds: Collection[NoticeKind]) -> str:
    if NoticeKind.ADDRESS in kinds:
        raise BadRequest(
            "The mail that confirms an address comes only when you ask for it.",
            hint=f"Choose of: {', '.join(MUTABLE)}.",
        )
    return ",".join(kind for kind in MUTABLE if kind in kinds)


def _view(row: ParticularsRow, has_password: bool) -> ParticularsView:
    theme = Theme(row.theme)
    return ParticularsView(
        row.person, row.display_name, row.email, row.email_confirmed, row.zone, theme, has_password, notices.muted(row)
    )
