"""What is wrong with a trace, in words that name the line."""

from __future__ import annotations

from almanac.core.errors import BadRequest


class BadTrace(BadRequest):
    """A trace that can't be read, or about which one would have to guess."""

    code = "bad_trace"


def count(number: int, one: str, many: str | None = None) -> str:
    """A number of things: "1 session", "2 sessions"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
