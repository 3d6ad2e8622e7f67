"""The pages that every page leads to."""

from __future__ import annotations

from dataclasses import dataclass

from almanac.services.caller import Caller


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu; ``operators`` for one that only they are shown."""

    path: str
    title: str
    operators: bool = False


MENU = (
    Entry("/", "Home"),
    Entry("/calendar", "Calendar"),
    Entry("/bookings", "Bookings"),
    Entry("/projects", "Projects"),
    Entry("/notices", "Notices"),
    Entry("/tokens", "Tokens"),
    Entry("/operate", "Operate", operators=True),
    Entry("/capacity", "Capacity", operators=True),
)


def entries(caller: Caller) -> tuple[Entry, ...]:
    """The menu of a person."""
    return tuple(entry for entry in MENU if caller.operator or not entry.operators)
