"""The pages that every page leads to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from almanac.factory import Almanac
from almanac.services.caller import Caller, Role


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the menu.

    Attributes:
        count: how much waits there for the person.
    """

    path: str
    title: str
    count: int = 0


MENU = (
    Entry("/", "Home"),
    Entry("/calendar", "Calendar"),
    Entry("/bookings", "Bookings"),
    Entry("/waiting", "Waiting"),
    Entry("/approvals", "Approvals"),
    Entry("/projects", "Projects"),
    Entry("/notices", "Notices"),
    Entry("/tokens", "Tokens"),
    Entry("/operate", "Operate"),
    Entry("/capacity", "Capacity"),
)


def entries(app: Almanac, caller: Caller, now: datetime) -> list[Entry]:
    """The menu of a person, with what waits for them; without pages that have nothing for them."""
    in_line, offered = app.waiting.open(caller)
    leads = caller.operator or Role.LEAD in caller.roles.values()
    to_decide = app.approvals.to_decide(caller, now) if leads else 0
    counts = {"/waiting": offered, "/approvals": to_decide}
    shown = {"/waiting": in_line > 0, "/approvals": to_decide > 0}
    shown |= dict.fromkeys(("/operate", "/capacity"), caller.operator)
    return [replace(each, count=counts.get(each.path, 0)) for each in MENU if shown.get(each.path, True)]
