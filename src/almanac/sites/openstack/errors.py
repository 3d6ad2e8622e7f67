"""What a cloud's APIs answer, as what it means: Temporary, Permanent or NoRoom, in words that help."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from almanac.core.ports import NoRoom, Permanent, SiteError, Temporary

NO_ROOM_SIGNS = ("not enough hosts", "no valid host", "quota exceeded", "exceeds quota", "over quota")
_SERVICES = {
    "compute": "Nova",
    "network": "Neutron",
    "reservation": "Blazar",
    "block-storage": "Cinder",
    "image": "Glance",
    "identity": "Keystone",
}
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer.

    Attributes:
        body: parsed JSON, or an empty mapping.
    """

    status: int
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return self.status < 400

    @property
    def message(self) -> str:
        """What the service says went wrong: each wraps it differently."""
        return _message(self.body)[:_LONGEST]


def parse(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    """An answer from its raw text, which may be anything."""
    body: Any = {}
    with contextlib.suppress(ValueError):
        body = json.loads(text) if text else {}
    return Answer(status, body, headers)


def _message(body: Any) -> str:  # noqa: ANN401 - JSON is what it is
    if isinstance(body, dict):
        for name in ("error_message", "message", "faultstring"):
            if isinstance(body.get(name), str):
                return str(body[name])
        inner = [value for value in body.values() if isinstance(value, dict)]
        return _message(inner[0]) if inner else ""
    return ""


def title(service: str) -> str:
    """What people call a service: ``compute`` is "Nova"."""
    return _SERVICES.get(service, service)


def error(answer: Answer, service: str, doing: str, cloud: str) -> SiteError:
    """What an answer of 400 and more means.

    Blazar answers 500 when there is no room, and Nova 403 when a quota is used up, so the text is looked at first.

    Args:
        answer: the answer.
        service: its service type, such as ``compute``.
        doing: what was being done, after "to".
        cloud: the entry in ``clouds.yaml``.
    """
    name, said = title(service), answer.message or f"HTTP {answer.status}"
    if any(sign in said.lower() for sign in NO_ROOM_SIGNS):
        return NoRoom(f"{name} has no room to {doing}: {said}")
    if answer.status == 401:
        return expired(cloud)
    if answer.status == 403:
        return Permanent(
            f"{name} doesn't allow the account of '{cloud}' to {doing}: {said}. "
            "Its administrator can give it the role 'member' in the project, or a policy that allows this."
        )
    if answer.status == 429 or (answer.status == 413 and service == "compute"):
        return Temporary(f"{name} asks to be called less often.", retry_after(answer))
    if answer.status >= 500 or answer.status in {408, 409}:
        return Temporary(f"{name} could not {doing}: {said}", retry_after(answer))
    return Permanent(f"{name} refuses to {doing}: {said}")


def retry_after(answer: Answer) -> timedelta | None:
    """What the service asks for, in seconds; None when it says nothing that we understand."""
    asked = {key.lower(): value for key, value in answer.headers.items()}.get("retry-after", "")
    return timedelta(seconds=min(600, int(asked))) if asked.isdigit() else None


def expired(cloud: str) -> Temporary:
    """Keystone doesn't take the credential, which an operator can mend while Almanac runs."""
    return Temporary(
        f"Keystone doesn't accept the credential of '{cloud}' in clouds.yaml: it is wrong, expired or revoked. "
        "Put a valid one there; it is read anew by itself.",
        timedelta(seconds=30),
    )
