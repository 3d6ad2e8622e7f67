"""Browsers that somebody has signed in with before: what strangers do to an account doesn't slow these down."""

from __future__ import annotations

import json
import secrets

from almanac.core.errors import SiteTrouble
from almanac.services.vault import Vault


class Devices:
    """Makes and reads the cookie by which a browser is known again. It opens nothing by itself."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def remember(self, person: str) -> str:
        """A cookie for a browser that a person has just signed in with."""
        return self._vault.seal_text(json.dumps(["device", person, secrets.token_hex(8)]))

    def known(self, cookie: str, person: str) -> str | None:
        """The browser's id, if this person has signed in with it before."""
        try:
            kind, whose, device = json.loads(self._vault.open_text(cookie))
        except (SiteTrouble, ValueError):
            return None
        return str(device) if (kind, whose) == ("device", person) else None
