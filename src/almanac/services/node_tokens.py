"""The two tokens of a machine, neither of which is a person's: one to join with, and the one that it has from then on."""

from __future__ import annotations

import re
import secrets

from almanac.services.tokens import hashed

_JOIN = re.compile(r"almj_[A-Za-z0-9_-]{43}")
_OWN = re.compile(r"almn_[A-Za-z0-9_-]{43}")


def mint_join() -> str:
    """A new join token, 256 bits of it secret; only its hash is kept."""
    return f"almj_{secrets.token_urlsafe(32)}"


def join_hash(text: str) -> str | None:
    """What is kept of a join token; None if it can't be one."""
    return hashed(text) if _JOIN.fullmatch(text) else None


def own_hash(text: str) -> str | None:
    """What is kept of a machine's own token; None if it can't be one."""
    return hashed(text) if _OWN.fullmatch(text) else None
