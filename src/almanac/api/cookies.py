"""Cookies: out of scripts' reach, not sent by other sites' forms, and under TLS bound to this very host.

A name under TLS begins with ``__Host-`` (RFC 6265bis section 4.1.3.2):
browsers accept it from this host alone and over TLS alone.
A seat's is for a path of it, so its name begins with ``__Secure-``.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from fastapi import Request, Response


class Cookie(StrEnum):
    """What the cookies are called."""

    SESSION = "almanac_session"
    DEVICE = "almanac_device"
    JOURNEY = "almanac_journey"
    SEAT = "almanac_seat"


def read(request: Request, cookie: Cookie) -> str:
    """A cookie's value; empty if the browser has none."""
    return request.cookies.get(_name(request, cookie), "")


def write(request: Request, response: Response, cookie: Cookie, value: str, lasts: timedelta) -> None:
    """Give the browser a cookie."""
    seconds = int(lasts.total_seconds())
    response.set_cookie(
        _name(request, cookie), value, max_age=seconds, path="/", secure=_tls(request), httponly=True, samesite="lax"
    )


def write_seat(request: Request, response: Response, value: str, path: str) -> None:
    """Give the browser a seat's token, for the seat's path alone and until the browser is closed."""
    response.set_cookie(
        _name(request, Cookie.SEAT), value, path=path, secure=_tls(request), httponly=True, samesite="lax"
    )


def drop(request: Request, response: Response, cookie: Cookie) -> None:
    """Take a cookie away."""
    response.delete_cookie(_name(request, cookie), path="/", secure=_tls(request), httponly=True, samesite="lax")


def _name(request: Request, cookie: Cookie) -> str:
    if not _tls(request):
        return cookie.value
    return f"__Secure-{cookie}" if cookie is Cookie.SEAT else f"__Host-{cookie}"  # a __Host- cookie is for every path


def _tls(request: Request) -> bool:
    """Whether the browser speaks TLS, with us or with a proxy on loopback that says so (``X-Forwarded-Proto``)."""
    return request.url.scheme == "https"
