"""HTTP to one server: JSON in and out, errors raised as ``ClientError``, server-sent events as they come."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from math import isfinite
from typing import Any, TypeVar, cast
from urllib.parse import quote

import httpx2
from pydantic import TypeAdapter

from almanac.client.errors import ClientError, NotReachable
from almanac.client.trust import trusted

T = TypeVar("T")

TIMEOUT = httpx2.Timeout(30, connect=5)
QUIET_STREAM = httpx2.Timeout(60, connect=5)
"""A stream of events sends a heartbeat more often than this many seconds."""


class Transport:
    """A connection to ``<url>/api/v1``.

    Args:
        url: the server's address.
        token: the API token; None for what needs none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx2.Client(
                base_url=f"{self.url}/api/v1", headers=headers, timeout=TIMEOUT, trust_env=False, verify=trusted()
            )
        except (httpx2.InvalidURL, ValueError) as error:
            raise _bad_address(url) from error

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        json: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> object:
        """The JSON answer to one request.

        Args:
            method: GET, POST, PUT or DELETE.
            path: below ``/api/v1``.
            params: the query; what is None or empty is left out.
            json: the body, likewise; times and timedeltas are written as the API wants them.
            headers: more headers.

        Raises:
            NotReachable: no answer.
            ClientError: an answer that isn't success.
        """
        query, body = _sendable(params), _sendable(json)
        try:
            answer = self._http.request(
                method, path, params=query or None, json=body if json is not None else None, headers=headers
            )
        except httpx2.UnsupportedProtocol as error:
            raise _bad_address(self.url) from error
        except httpx2.TransportError as error:
            raise NotReachable(self.url, _why(error)) from error
        return _content(answer)

    def events(self, path: str) -> Iterator[object]:
        """The JSON of each server-sent event, until the server ends the stream.

        Raises:
            NotReachable: no answer, or the stream broke off.
            ClientError: an answer that isn't success.
        """
        try:
            with self._http.stream("GET", path, timeout=QUIET_STREAM) as answer:
                if answer.is_error:
                    answer.read()
                    _content(answer)
                yield from (json.loads(event.data) for event in httpx2.EventSource(answer) if event.data)
        except httpx2.TransportError as error:
            raise NotReachable(self.url, _why(error)) from error


def read(kind: type[T], data: object) -> T:
    """The JSON answer as a type; fields that this client doesn't know are ignored.

    Raises:
        ClientError: the answer is of another shape, so the server is of another version.
    """
    try:
        return cast("T", _adapter(cast("Hashable", kind)).validate_python(data))
    except ValueError as error:
        raise ClientError(
            "bad_answer",
            f"The server's answer isn't a {getattr(kind, '__name__', kind)}.",
            "Client and server may be of different versions (almanac status).",
            {"why": str(error)},
        ) from error


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    return TypeAdapter(cast("Any", kind))


def part(name: str) -> str:
    """A name as one part of a path, whatever a person typed."""
    return quote(name, safe="")


def _sendable(values: Mapping[str, object] | None) -> dict[str, Any]:
    """JSON-ready and without what wasn't given."""
    return {key: _encode(value) for key, value in (values or {}).items() if value not in (None, "", [])}


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, timedelta):
        return round(value.total_seconds())
    if isinstance(value, float) and not isfinite(value):
        raise ClientError("bad_request", f"{value} is not a number.", "Give one such as 2 or 0.5.")
    if isinstance(value, Mapping):
        return {key: _encode(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(each) for each in value]
    return value


def instant(value: datetime) -> str:
    """ISO 8601 in UTC.

    Raises:
        ClientError: it has no time zone, so it could mean anything.
    """
    if value.tzinfo is None:
        raise ClientError(
            "bad_window",
            f"The time {value.isoformat()} has no time zone.",
            "Add yours: value.astimezone(), or use datetime.now(UTC) + timedelta(...).",
        )
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _content(answer: httpx2.Response) -> object:
    if answer.is_success:
        return _json(answer) if answer.content else None
    error = _error_object(answer)
    raise ClientError(
        str(error.get("code", "error")),
        str(error.get("message", f"The server answered {answer.status_code}.")),
        str(error.get("hint") or ""),
        error.get("details") or {},
        status=answer.status_code,
    )


def _error_object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        error = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        return {"message": f"{answer.url.host} answered {answer.status_code}, and not as Almanac does."}
    return error if isinstance(error, dict) else {}


def _json(answer: httpx2.Response) -> object:
    try:
        return answer.json()
    except ValueError as error:
        raise ClientError(
            "bad_answer",
            f"What answers at {answer.url.host} is not Almanac.",
            "Check ALMANAC_URL.",
            status=answer.status_code,
        ) from error


def _bad_address(url: str) -> ClientError:
    return ClientError("bad_address", f"{url!r} is not an address.", "Write it like http://127.0.0.1:8484.")


def _why(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectTimeout):
        return "it doesn't answer"
    if isinstance(error, httpx2.ConnectError):
        return "nothing listens there" if "refused" in str(error) else str(error) or "no connection"
    if isinstance(error, httpx2.TimeoutException):
        return "it took too long"
    return "the connection broke off"
