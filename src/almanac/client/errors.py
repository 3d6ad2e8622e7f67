"""Errors of the Python client: what the server said, or why it couldn't be asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from almanac.core.errors import AlmanacError


class ClientError(AlmanacError):
    """An error that the server answered with, raised again on this side.

    Args:
        code: the server's stable code, such as ``no_capacity``.
        message: what happened, in one sentence.
        hint: what would work instead; may be empty.
        details: JSON facts for programs, such as ``refusal``.
        status: the HTTP status; 0 when there was no answer.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", details: Mapping[str, Any] | None = None, *, status: int = 0
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.code = code
        self.status = status

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class NotReachable(ClientError):
    """No Almanac answers at the address."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(
            "not_reachable",
            f"No Almanac answers at {url} ({reason}).",
            "Start one with: almanac up. Or name another: export ALMANAC_URL=https://...",
            {"url": url},
        )


class BadCredentials(ClientError):
    """The credentials file can't be used as it is."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__("bad_credentials", message, hint)
