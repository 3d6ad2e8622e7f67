"""Every route of an application, hidden ones included, and tables of who may what at each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fastapi import FastAPI
from starlette.routing import Mount

Rows = Mapping[str, Mapping[str, int]]


def routes_of(application: FastAPI) -> set[str]:
    """Each as ``METHOD path``; ``MOUNT path`` for files, ``WEBSOCKET path`` for what is no request."""
    return set(_routes(application))


def _routes(application: FastAPI) -> Iterator[str]:
    for route in application.routes:
        if isinstance(route, Mount):
            yield f"MOUNT {route.path}"
            continue
        # FastAPI keeps included routers whole, and works a route's path out only when it is asked for.
        within = getattr(route, "effective_route_contexts", lambda single=route: iter((single,)))
        for each in within():
            yield from (f"{method} {each.path}" for method in (each.methods or {"WEBSOCKET"}) - {"HEAD"})


def table(text: str, roles: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """A table's rows: what each role is answered, by route."""
    lines = [line.split() for line in text.splitlines() if line][1:]
    return {f"{method} {path}": dict(zip(roles, map(int, row), strict=True)) for method, path, *row in lines}


def open_to_strangers(rows: Rows) -> list[str]:
    """The routes to somebody's things that a table lets a stranger (or nobody) use: none, one hopes.

    Who isn't signed in is shown the way (303); a secret address is its own proof.
    """
    theirs = {route: row for route, row in rows.items() if "{" in route and "{secret}" not in route}
    assert theirs
    refused = {"anonymous": {303, 401, 403, 404}, "outsider": {401, 403, 404}}
    return [
        route for route, row in theirs.items() if any(row[who] not in statuses for who, statuses in refused.items())
    ]
