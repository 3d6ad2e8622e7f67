"""Passwords: which are good enough, and what is kept of them."""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata

import argon2
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from almanac.core.errors import BadRequest

MIN_LENGTH = 12
MAX_LENGTH = 256
_AT_ONCE = 4
"""Hashes computed side by side: each takes 64 MiB, and strangers may ask for many."""


class Passwords:
    """Hashes passwords and compares them: Argon2id, by default with RFC 9106's parameters where memory is dear.

    Args:
        parameters: for new hashes; older ones are made anew when their password is next seen.
    """

    def __init__(self, parameters: argon2.Parameters = argon2.profiles.RFC_9106_LOW_MEMORY) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = _nobodys(parameters)

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._turns:
            return self._hasher.hash(_normal(password))

    def matches(self, password: str, kept: str | None) -> bool:
        """Whether it is the password. Takes as long when nothing is kept, so that time tells nobody's name."""
        with self._turns:
            try:
                return self._hasher.verify(kept or self._nobodys, _normal(password)) and kept is not None
            except (VerifyMismatchError, InvalidHashError):
                return False

    def outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _nobodys(parameters: argon2.Parameters) -> str:
    """What hashing would give with these parameters, though of no password: comparing with it costs the same."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (parameters.salt_len, parameters.hash_len)
    )
    costs = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${costs}${salt}${digest}"


def checked_password(password: str, person: str) -> str:
    """The password, if it is good enough for a person.

    Raises:
        BadRequest: it is too short, too long, their name, or one character over and over.
    """
    length = len(_normal(password))
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise BadRequest(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters; this has {length}.",
            hint="A few words that you remember make a good one.",
        )
    if len(set(password)) < 4 or not password.casefold().replace(person.casefold(), "", 1).strip():
        raise BadRequest("That password is too easy to guess.", hint="A few words that you remember make a good one.")
    return password


def _normal(password: str) -> str:
    """The same text however it was typed (NIST SP 800-63B-4 section 3.1.1.2); what isn't text becomes something that is."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace").decode()
