"""Whether somebody reads the mail at their address: a link is mailed there, and who is signed in as them opens it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

from almanac.core.errors import BadRequest, NotOffered, SiteTrouble, WrongState
from almanac.services.caller import Caller
from almanac.services.notices import NoticeKind
from almanac.services.sessions import unlimited
from almanac.services.telling import Teller
from almanac.services.vault import Vault
from almanac.storage.database import Database
from almanac.storage.rows import NoticeRow

LASTS = timedelta(hours=1)
"""How long a link works, from when it is mailed."""
_AGAIN_AFTER = timedelta(minutes=2)
"""Asked again within this, the first letter counts: nobody fills a stranger's mailbox from here."""


class Addresses:
    """Confirms e-mail addresses. The link's token is sealed, not kept.

    Args:
        database: where addresses are.
        vault: seals.
        teller: tells; None: there is no mail server.
    """

    def __init__(self, database: Database, vault: Vault, teller: Teller | None = None) -> None:
        self._database = database
        self._vault = vault
        self._teller = teller

    def ask(self, caller: Caller, now: datetime) -> str:
        """Mail a link to the caller's address, and return that.

        Raises:
            Forbidden: their token is limited.
            WrongState: they have no address, or it is confirmed.
            NotOffered: this Almanac sends no mail.
        """
        unlimited(caller)
        if self._teller is None:
            raise NotOffered("This Almanac sends no mail.", hint="An operator can confirm your address.")
        with self._database.write() as unit:
            row = unit.sign_in.particulars(caller.person)
            if not row.email:
                raise WrongState("You have told no e-mail address.", hint="Such as: almanac notices address ADDRESS")
            if row.email_confirmed:
                raise WrongState(f"{row.email} is confirmed already.", hint="almanac notices list")
            turn = int(now.timestamp() // _AGAIN_AFTER.total_seconds())
            key, subject = f"address:{row.email}:{turn}", f"Is {row.email} your address?"
            message = f"A link that confirms it is on its way to {row.email}."
            self._teller.tell(unit, [NoticeRow(now, caller.person, key, NoticeKind.ADDRESS, subject, message)])
        return row.email

    def token(self, person: str, email: str, now: datetime) -> str:
        """What confirms that a person reads mail at an address."""
        return self._vault.seal_text(json.dumps(["address", person, email, (now + LASTS).isoformat()]))

    def confirm(self, caller: Caller, token: str, now: datetime) -> str:
        """The caller has opened the link that was mailed to their address, which is returned; again is no error.

        Raises:
            Forbidden: their token is limited.
            BadRequest: the link isn't theirs, isn't of their present address, or is too old.
        """
        unlimited(caller)
        email = self._opened(caller, token, now)
        with self._database.write() as unit:
            row = unit.sign_in.particulars(caller.person)
            if row.email != email:
                raise BadRequest("That link was for another address.", hint=_HINT)
            unit.sign_in.set_particulars(replace(row, email_confirmed=True))
        return email

    def _opened(self, caller: Caller, token: str, now: datetime) -> str:
        try:
            kind, person, email, until = json.loads(self._vault.open_text(token))
            over = datetime.fromisoformat(until) <= now
        except (SiteTrouble, ValueError, TypeError):
            raise BadRequest("That link is not one of ours.", hint=_HINT) from None
        if (kind, person) != ("address", caller.person):
            raise BadRequest(
                f"That link is not for {caller.person}.", hint="Sign in as the person whom the mail names."
            )
        if over:
            raise BadRequest("That link is too old.", hint=_HINT)
        return str(email)


_HINT = "Ask for a new one: almanac notices address"
