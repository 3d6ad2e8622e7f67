"""Calls to Almanac: over HTTPS, with this machine's own token, never redirected."""

from __future__ import annotations

import json
import shutil
import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError

_PATIENCE_S = 30.0
_REFUSED = (401, 403)
_LATER = (408, 425, 429)


class Later(Exception):
    """Almanac doesn't answer now, or not well; worth another try."""


class Refused(Exception):
    """Almanac doesn't know this machine, or no more."""


class Wrong(Exception):
    """Almanac understood and said no; the same call won't ever work."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token elsewhere."""

    def redirect_request(self, *_: object) -> None:
        return None


class Desk:
    """Almanac, as machines see it.

    Args:
        url: where it is, such as ``https://almanac.example.org``.
        own_token: this machine's.
        ca: PEM of the authority to trust; empty: those of the system.
    """

    def __init__(self, url: str, own_token: str, ca: str = "") -> None:
        self._url = f"{url.rstrip('/')}/api/v1/node"
        self._token = own_token
        trust = ssl.create_default_context(cadata=ca or None)
        self._opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=trust))

    def join(self, join_token: str, facts: Mapping[str, Any]) -> None:
        """Become a machine of the cluster; the same again is fine."""
        self._ask("POST", "join", {"join_token": join_token, "own_token": self._token, "facts": dict(facts)})

    def report(self, told: Mapping[str, Any]) -> tuple[int, frozenset[str]]:
        """Tell how this machine fares; returns the newest orders' number, and what is ready in the cluster."""
        answer = self._ask("POST", "report", told)
        return int(answer["revision"]), frozenset(answer["ready"])

    def orders(self) -> dict[str, Any]:
        """``revision``, ``orders``, ``save_cap`` (bytes) and ``package`` (a digest)."""
        return self._ask("GET", "orders")

    def package(self, target: BinaryIO) -> None:
        """Fetch the part of Almanac that runs here, a zip file."""
        with self._open("GET", "package") as answer:
            shutil.copyfileobj(answer, target)

    def files(self, seat: str) -> HTTPResponse:
        """A seat's kept files as a parcel, to be closed."""
        return self._open("GET", f"seats/{seat}/files")

    def save_files(self, seat: str, parcel: BinaryIO, size: int) -> frozenset[str]:
        """Keep a seat's changed files; returns those that were kept under another name."""
        return frozenset(self._ask("PUT", f"seats/{seat}/files", parcel, size)["elsewhere"])

    def save_logs(self, parcel: BinaryIO, size: int) -> None:
        """Keep this machine's logs."""
        self._ask("PUT", "logs", parcel, size)

    def save_tails(self, tails: Mapping[str, str]) -> None:
        """Show the last lines of this machine's logs."""
        self._ask("PUT", "tails", {"tails": dict(tails)})

    def tell_numbers(self, text: str) -> None:
        """Tell what the machine's node exporter says."""
        self._ask("PUT", "metrics", {"text": text})

    def _ask(self, method: str, path: str, body: Any = None, size: int | None = None) -> dict[str, Any]:  # noqa: ANN401
        with self._open(method, path, body, size) as answer:
            try:
                plain: dict[str, Any] = json.load(answer)
            except (OSError, HTTPException, ValueError) as error:
                raise Later(f"Almanac's answer broke off: {error}") from None
        return plain

    def _open(self, method: str, path: str, body: Any = None, size: int | None = None) -> HTTPResponse:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self._token}", "User-Agent": "almanac-node"}
        if size is not None:
            headers |= {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        elif body is not None:
            headers |= {"Content-Type": "application/json"}
            body = json.dumps(body).encode()
        request = urllib.request.Request(f"{self._url}/{path}", body, headers, method=method)  # noqa: S310 - ours
        try:
            answer: HTTPResponse = self._opener.open(request, timeout=_PATIENCE_S)
        except HTTPError as error:
            raise _told(error) from None
        except (URLError, OSError, HTTPException) as error:
            raise Later(f"Almanac can't be reached: {getattr(error, 'reason', error)}") from None
        return answer


def _told(error: HTTPError) -> Exception:
    with error:
        try:
            words = str(json.loads(error.read(65536))["error"]["message"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError):
            words = f"HTTP {error.code}"
    if error.code in _REFUSED:
        return Refused(words)
    if error.code in _LATER or error.code >= 500 or 300 <= error.code < 400:
        return Later(f"Almanac says: {words}")
    return Wrong(f"Almanac says: {words}")
