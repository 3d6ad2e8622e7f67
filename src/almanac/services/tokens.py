"""What a token looks like, and what is kept of it: only a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field

_SHAPE = re.compile(r"alm_([a-z0-9]{8})_[A-Za-z0-9_-]{43}")
_ALPHABET = string.ascii_lowercase + string.digits


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token: the text for its person, and what the database keeps.

    Attributes:
        text: ``alm_<id>_<43 characters>``, 256 bits of them secret.
        id: names the token in lists and logs; not secret.
        hash: SHA-256, hex. A plain hash is enough for 256 random bits; slow hashes are for passwords.
    """

    text: str = field(repr=False)
    id: str
    hash: str = field(repr=False)


def mint() -> Minted:
    """A new token."""
    token_id = "".join(secrets.choice(_ALPHABET) for _ in range(8))
    text = f"alm_{token_id}_{secrets.token_urlsafe(32)}"
    return Minted(text, token_id, hashed(text))


def hashed(text: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(text.encode()).hexdigest()


def well_formed(text: str) -> bool:
    """Whether it could be a token at all; spares the database what can't."""
    return _SHAPE.fullmatch(text) is not None


def matches(text: str, kept: str) -> bool:
    """Whether the kept hash is this token's, in constant time."""
    return hmac.compare_digest(hashed(text), kept)
