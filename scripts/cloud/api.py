"""Just enough HTTP to set a cloud up: its APIs, as one user in one project."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack

Json: TypeAlias = Any
"""Decoded JSON; its shape is in OpenStack's API reference."""
_PATIENCE_S = 120.0


@dataclass(frozen=True)
class Answer:
    """What an API said."""

    status: int
    headers: Mapping[str, str]
    body: Json


@dataclass(frozen=True)
class Api:
    """Someone's view of the APIs; made by ``login``."""

    stack: Stack
    token: str = field(repr=False, default="")

    def call(self, method: str, service: str, path: str, body: object = None, **headers: str) -> Json:
        """Call an API; its JSON.

        Raises:
            CloudError: it answered with an error.
        """
        answer = self.ask(method, service, path, body, **headers)
        if answer.status >= 400:
            raise CloudError(f"{method} {self.stack.url(service)}{path} answered {answer.status}: {answer.body}")
        return answer.body

    def ask(self, method: str, service: str, path: str, body: object = None, **headers: str) -> Answer:
        """Call an API, whatever it answers; a body of bytes is sent as it is."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", "Accept": "application/json", "X-Auth-Token": self.token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.stack.url(service)}{path}", data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
                return Answer(answer.status, dict(answer.headers), _decoded(answer.read()))
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), _decoded(error.read()))
        except OSError as error:
            return Answer(599, {}, str(error))


def login(stack: Stack, user: str = "admin", project: str = "admin") -> Api:
    """The APIs as a user.

    Raises:
        CloudError: Keystone refused.
    """
    domain = {"id": "default"}
    who = {"user": {"name": user, "password": stack.secrets[user], "domain": domain}}
    scope = {"project": {"name": project, "domain": domain}}
    asked = {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
    answer = Api(stack).ask("POST", "keystone", "/identity/v3/auth/tokens", asked)
    if answer.status != 201:
        raise CloudError(f"Keystone doesn't let {user} in: {answer.status} {answer.body}")
    return Api(stack, answer.headers["X-Subject-Token"])


def wait_until(what: str, true: Callable[[], object], alive: Callable[[], bool], every_s: float = 0.1) -> None:
    """Wait for something, two minutes at most; look each time whether what it hangs on is still alive.

    Raises:
        CloudError: it is dead, or it takes too long.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if not alive():
            raise CloudError(f"{what}: it has ended")
        if time.monotonic() > deadline:
            raise CloudError(f"{what}: not after {_PATIENCE_S:.0f} s")
        time.sleep(every_s)


def _decoded(data: bytes) -> Json:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return data.decode(errors="replace")
