"""Templates into pages: escaped, with versioned addresses for what they load."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from almanac.portal import browsers

STATIC = Path(__file__).parent / "static"
VENDOR = STATIC / "vendor"
LONGEST_CACHED_S = 365 * 24 * 3600


def page(template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A whole page, or the part of one that a template holds."""
    return HTMLResponse(render(template, context), status)


def render(template: str, context: Mapping[str, Any]) -> str:
    """A template's text."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("almanac.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"static": static, "has_vendor": has_vendor}
    made.filters |= {"hours": _hours, "gib": _gib, "browser": browsers.spoken}
    return made


@cache
def static(name: str) -> str:
    """The address of a file under ``static``, which changes with its content: browsers may keep it for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"


@cache
def has_vendor(name: str) -> bool:
    """Whether set-up could fetch a browser library; pages do without."""
    return (VENDOR / name).is_file()


def _gib(mib: int) -> str:
    """Memory, to one digit after the point where there is one."""
    return f"{mib / 1024:.1f}".removesuffix(".0") + " GiB"


def _hours(number: float) -> str:
    """Node-hours or a price, to two digits after the point where there are any."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
