"""Names of people and projects: they become parts of paths and URLs, so they are narrow."""

from __future__ import annotations

import re

from almanac.core.errors import BadRequest

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,38}[a-z0-9]")


def is_name(text: str) -> bool:
    """Whether it could be somebody's name at all; spares the database what can't."""
    return _NAME.fullmatch(text) is not None


def checked_name(name: str) -> str:
    """The name, if it is one.

    Raises:
        BadRequest: it isn't 2 to 40 of lowercase letters, digits, dots and dashes, with a letter or digit at both ends.
    """
    if not is_name(name):
        raise BadRequest(
            f"{ascii(name)[:50]} is not a name.",
            hint="A name is 2 to 40 of a-z, 0-9, dots and dashes, with a letter or digit at both ends.",
        )
    return name
