"""Requests that another site's page made a browser send: refused."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from fastapi import Request

from almanac.core.errors import Forbidden

CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Forged(Forbidden):
    """The request may have been made by another site's page in this person's browser."""

    code = "forged"


def check_same_origin(request: Request) -> None:
    """Let pass what this site's own pages or programs send; browsers tell where a request comes from.

    Raises:
        Forged: it comes from another site's page.
    """
    fetch_site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if fetch_site not in {None, "same-origin", "none"} or (
        origin is not None and _host(origin) != request.headers.get("host", "").lower()
    ):
        raise Forged("That request came from another site.", hint="Open Almanac's own page and try there.")


def check_token(request: Request, sent: str, expected: str) -> None:
    """Let pass what carries the session's token: a header (``X-CSRF-Token``), or a form's field.

    Raises:
        Forged: it comes from another site's page, or the token is missing or another session's.
    """
    check_same_origin(request)
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        raise Forged(
            "The request doesn't carry this session's token.",
            hint=f"Reload the page, or send the header {CSRF_HEADER}.",
        )


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
