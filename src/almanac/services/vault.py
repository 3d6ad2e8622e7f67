"""Cluster secrets: made at build, encrypted at rest, gone at teardown."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from almanac.core.errors import SiteTrouble
from almanac.core.ports import ClusterSecrets


@dataclass(frozen=True, slots=True)
class Sealed:
    """What the vault keeps for one cluster: its secrets and a token per seat."""

    cluster: ClusterSecrets
    seats: dict[str, str] = field(repr=False)


class Vault:
    """Encrypts and decrypts cluster secrets with one key (Fernet: AES-128-CBC with HMAC-SHA256)."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    @classmethod
    def at(cls, path: Path) -> Vault:
        """The vault whose key is in a file, made (0600) on first use; two first users agree on one key."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        if not path.exists():
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)  # fails if another process was first: then its key is the key
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return cls(path.read_bytes())

    def make(self, seats: Sequence[str]) -> Sealed:
        """New secrets for a cluster with these seats."""
        ui_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        made = ClusterSecrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32), ui_key)
        return Sealed(made, {seat: secrets.token_urlsafe(32) for seat in seats})

    def with_seats(self, sealed: Sealed, seats: Sequence[str]) -> Sealed:
        """The same secrets with exactly these seats; tokens of seats that stay are kept."""
        return Sealed(sealed.cluster, {seat: sealed.seats.get(seat) or secrets.token_urlsafe(32) for seat in seats})

    def seal(self, sealed: Sealed) -> str:
        """Encrypt."""
        cluster = sealed.cluster
        facts = [cluster.connect_token, cluster.spark_secret, cluster.ui_key, sealed.seats]
        return self.seal_text(json.dumps(facts))

    def open(self, text: str) -> Sealed:
        """Decrypt.

        Raises:
            SiteTrouble: the key isn't the one that it was sealed with.
        """
        connect_token, spark_secret, ui_key, seats = json.loads(self.open_text(text))
        return Sealed(ClusterSecrets(connect_token, spark_secret, ui_key), seats)

    def seal_text(self, text: str) -> str:
        """Encrypt what else holds a cluster's secrets."""
        return self._fernet.encrypt(text.encode()).decode()

    def open_text(self, sealed: str) -> str:
        """Decrypt it.

        Raises:
            SiteTrouble: the key isn't the one that it was sealed with.
        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SiteTrouble(
                "This cluster's secrets can't be read: the state directory's secret.key is not the one they were made with.",
                hint="Put the old secret.key back, or release the booking and book again.",
            ) from None
