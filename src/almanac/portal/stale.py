"""Forms of pages that are out of date."""

from __future__ import annotations

from almanac.core.errors import Conflict


class Stale(Conflict):
    """The page that the form was on shows something that has changed since."""


def stale(fact: str) -> Stale:
    """The error that says how it is now.

    Args:
        fact: such as ``it now has 4 seats``.
    """
    return Stale(
        f"The page was out of date: {fact}.", hint="This is how it is now; change it again if you still want to."
    )
