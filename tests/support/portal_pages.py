"""Every page of the portal, as its routes tell, so that a page to come is looked at too."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from almanac.portal.app import TOPICS

BEFORE_SIGNING_IN = ("/sign-in", "/sign-in/link")
_PARTS = {"/book/verdict"}


def pages(known: Mapping[str, str]) -> list[str]:
    """The addresses of all pages for who is signed in.

    Args:
        known: what fills the addresses' parameters, by their names; pages with others are left out.
    """
    found = {filled(route.path, known) for route in routes()} - {*BEFORE_SIGNING_IN, *_PARTS}
    return sorted(path for path in found if "{" not in path)


def routes() -> list[APIRoute]:
    """Those that answer a browser with a page of their own."""
    return [
        route
        for topic in TOPICS
        for route in topic.router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods and route.endpoint.__annotations__["return"] in _PAGES
    ]


_PAGES = {"HTMLResponse", "Response", HTMLResponse}


def filled(path: str, known: Mapping[str, str]) -> str:
    """A route's address with its parameters."""
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    return path
