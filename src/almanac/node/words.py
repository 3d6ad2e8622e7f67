"""What this machine says of its services, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from almanac.node.systemd import Unit

_ODDITIES = ("Exception", "Error", "error", "FATAL", "Traceback", "refused", "denied", "in use")


def title(service: str) -> str:
    """What people call a service: ``worker-1`` is "Spark worker 1"."""
    known = {"master": "the Spark master", "connect": "Spark Connect", "warm-up": "the warm-up"}
    kind, _, rest = service.partition("-")
    if service in known:
        return known[service]
    if kind == "worker":
        return f"Spark worker {rest}"
    return f"the notebook of {rest.replace('-', ' ')}" if kind == "notebook" else service


def starting(services: Sequence[str]) -> str:
    """Which services are awaited."""
    if not services:
        return ""
    others = f" and {len(services) - 1} more are" if len(services) > 1 else " is"
    return f"{_sentence(title(services[0]))}{others} starting."


def ended(service: str, seen: Unit, line: str) -> str:
    """How a service fails."""
    why = f"exit status {seen.status}" if seen.result == "exit-code" else seen.result.replace("-", " ")
    often = {0: "", 1: " and was started again once"}.get(
        seen.restarts, f" and was started again {seen.restarts} times"
    )
    said = f" Its log says: {line}" if line else ""
    return f"{_sentence(title(service))} ended ({why}){often}.{said}"


def telling_line(log: str) -> str:
    """The line of a log's end that best says what went wrong; empty when there is none."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if any(sign in line for sign in _ODDITIES) and not line.startswith("at ")]
    return (telling or lines or [""])[-1][:300]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
