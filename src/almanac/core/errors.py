"""Every error that a person can meet, named for what they met.

Each carries a stable ``code``, an HTTP ``status`` and a ``hint`` that says what would work. ``details`` is JSON-ready.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class AlmanacError(Exception):
    """Base of the errors that doors show as they are.

    Args:
        message: what happened, in one sentence.
        hint: what would work instead, in one sentence; empty when nothing would.
        details: JSON-ready facts for programs.
    """

    code = "error"
    status = 400

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = dict(details or {})


class BadRequest(AlmanacError):
    """The request can't be understood or can never be right."""

    code = "bad_request"
    status = 422


class BadWindow(BadRequest):
    """The window ends before it starts, lies in the past, or has no time zone."""

    code = "bad_window"


class UnknownProfile(AlmanacError):
    """No profile of that name in the catalogue."""

    code = "unknown_profile"
    status = 404


class NotFound(AlmanacError):
    """No such thing, or not yours to see (the two are not told apart)."""

    code = "not_found"
    status = 404


class NotSignedIn(AlmanacError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "not_signed_in"
    status = 401


class Forbidden(AlmanacError):
    """Signed in, but the role doesn't allow it."""

    code = "forbidden"
    status = 403


class NoCapacity(AlmanacError):
    """The sites have no room for it; ``details['refusal']`` says what is short and what would fit."""

    code = "no_capacity"
    status = 409


class NotOffered(AlmanacError):
    """No site offers that profile now: drained, without its flavors, or left out by the operator."""

    code = "not_offered"
    status = 409


class QuotaExceeded(AlmanacError):
    """The person's or the project's quota or grant doesn't cover it."""

    code = "quota_exceeded"
    status = 409


class StaleOffer(AlmanacError):
    """The offer has expired or was already accepted."""

    code = "stale_offer"
    status = 409


class WrongState(AlmanacError):
    """The booking's state doesn't allow that (ended, cancelled, not started)."""

    code = "wrong_state"
    status = 409


class NotReady(AlmanacError):
    """The cluster is still being built."""

    code = "not_ready"
    status = 409


class Conflict(AlmanacError):
    """It exists already, or something changed underneath."""

    code = "conflict"
    status = 409


class SiteTrouble(AlmanacError):
    """A site doesn't answer; others may."""

    code = "site_trouble"
    status = 503
