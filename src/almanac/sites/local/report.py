"""How a cluster fares, in numbers and in words. Standard library only: the keeper loads this module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from almanac.sites.local.watched import Watched


def title(service: str) -> str:
    """What people call a service: ``worker-1`` is "Spark worker 1"."""
    if service in {"master", "connect"}:
        return {"master": "the Spark master", "connect": "Spark Connect"}[service]
    kind, _, rest = service.partition("-")
    if kind == "worker":
        return f"Spark worker {rest}"
    if kind == "notebook":
        return f"the notebook of {rest.replace('-', ' ')}"
    return service


def sentence(text: str) -> str:
    """The text with a capital."""
    return text[:1].upper() + text[1:]


def report(watched: Sequence[Watched], words: Callable[[str], str]) -> dict[str, Any]:
    """State, progress and reasons.

    Args:
        watched: all services.
        words: the telling line of a service's log.
    """
    done = sum(w.up for w in watched)
    down = [w for w in watched if not w.up]
    unready = "degraded" if all(w.settled for w in watched) else "starting"
    return {
        "state": unready if down else "ready",
        "doing": _doing(down),
        "reason": " ".join(_trouble(w, words) for w in watched if w.restarts and not w.up),
        "done": done,
        "total": len(watched),
        "services": {w.name: w.status() for w in watched},
    }


def _doing(down: Sequence[Watched]) -> str:
    busy = [w for w in down if w.state == "starting"] or list(down)
    if not busy:
        return ""
    if len(busy) == 1:
        return f"{sentence(title(busy[0].name))} is starting."
    return f"{sentence(title(busy[0].name))} and {len(busy) - 1} more are starting."


def _trouble(watched: Watched, words: Callable[[str], str]) -> str:
    said = words(watched.name)
    times = "once" if watched.restarts == 1 else f"{watched.restarts} times"
    last = f" ({watched.last_exit})" if watched.last_exit else ""
    line = f" Its log says: {said}" if said else ""
    return f"{sentence(title(watched.name))} ended{last} and was started again {times}.{line}"
