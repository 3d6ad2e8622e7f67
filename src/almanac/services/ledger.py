"""What projects were given, hold and have used, as people see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from almanac.core.ledger import LineKind, account
from almanac.services.caller import Caller, not_found
from almanac.services.views import BalanceView, LedgerLineView
from almanac.storage.database import Database
from almanac.storage.rows import LedgerRow
from almanac.storage.unit import Unit

HOUR_S = 3600
MAX_LINES = 500
"""Newest lines in one answer; balances count them all."""


@dataclass(frozen=True, slots=True)
class LedgerView:
    """Balances by project and site, and the newest lines, newest first."""

    balances: tuple[BalanceView, ...]
    lines: tuple[LedgerLineView, ...]


class Ledger:
    """The door's view of the append-only ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def view(self, caller: Caller, now: datetime, *, project: str | None = None, site: str | None = None) -> LedgerView:
        """The accounts of the projects that the caller sees, over the grants that cover ``now``.

        Args:
            caller: who asks.
            now: aware UTC.
            project: only this project's.
            site: only at this site.

        Raises:
            NotFound: no such project, or the caller doesn't see it.
        """
        if project is not None:
            caller.can_see(project)
        with self._database.read() as unit:
            rows = [row for name in _names(unit, caller, project) for row in unit.ledger.lines(project=name, site=site)]
            balances = tuple(_balance(unit, *of, rows, now) for of in sorted({(row.project, row.site) for row in rows}))
        newest = sorted(rows, key=lambda row: row.id, reverse=True)[:MAX_LINES]
        return LedgerView(balances, tuple(_line(row) for row in newest))

    def left(self, caller: Caller, project: str, site: str, at: datetime) -> float | None:
        """Node-hours that a project's grants at a site leave for what begins at an instant; None: it isn't metered there.

        Raises:
            NotFound: the caller doesn't see the project.
        """
        caller.can_see(project)
        with self._database.read() as unit:
            if not unit.ledger.metered(project, site):
                return None
            return unit.ledger.balance(project, site, at).available / HOUR_S


def _names(unit: Unit, caller: Caller, project: str | None) -> list[str]:
    names = [row.name for row in unit.people.projects() if caller.sees(row.name)]
    if project is None:
        return names
    if project not in names:
        raise not_found(f"project {project}")
    return [project]


def _balance(unit: Unit, project: str, site: str, rows: list[LedgerRow], now: datetime) -> BalanceView:
    """Over the grants that cover now; without any grant a project isn't metered at the site, and all lines count."""
    lines = [(row.kind, row.node_seconds, row.at) for row in rows if (row.project, row.site) == (project, site)]
    if any(kind is LineKind.GRANT for kind, _, _ in lines):
        sums = unit.ledger.balance(project, site, now)
        figures = (sums.granted, sums.held, sums.charged, sums.available)
        return BalanceView(project, site, *(seconds / HOUR_S for seconds in figures))
    spent = account(lines)
    return BalanceView(project, site, 0.0, spent.outstanding / HOUR_S, spent.charged / HOUR_S, None)


def _line(row: LedgerRow) -> LedgerLineView:
    hours = row.node_seconds / HOUR_S
    return LedgerLineView(row.at, row.project, row.site, row.kind, hours, row.booking_id, row.actor, row.note)
