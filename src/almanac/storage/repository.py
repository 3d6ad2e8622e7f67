"""What all repositories share."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Row,
    Select,
    String,
    Table,
    Update,
    any_,
    bindparam,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from almanac.core.errors import NotFound

AnyRow = Row[*tuple[Any, ...]]
AnyResult = CursorResult[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]


class Repository:
    """One topic's statements in one transaction.

    In a write transaction, ``get`` locks the row until the commit (on SQLite the whole database is locked already):
    what was read is what will be replaced. Lock the pool first, then the booking, then its cluster or lease.
    """

    def __init__(self, connection: Connection, *, writing: bool) -> None:
        self._connection = connection
        self._writing = writing

    def _rows(self, statement: AnySelect, **values: object) -> AnyResult:
        return self._connection.execute(statement, values)

    def _locked(self, statement: AnySelect, **values: object) -> AnyResult:
        """The rows, in a write transaction locked against other writers."""
        return self._rows(statement.with_for_update(key_share=True) if self._writing else statement, **values)

    def _replace(self, statement: Update, key: str, values: dict[str, Any]) -> None:
        if self._connection.execute(statement, {**values, "key": key}).rowcount != 1:
            raise NotFound(f"There is no {key}.")

    def _insert(self, table: Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that knows ``ON CONFLICT``, in the database's dialect."""
        return postgresql.insert(table) if self._on_postgres else sqlite.insert(table)

    @property
    def _on_postgres(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    def _among(self, column: Column[Any], values: Collection[str]) -> ColumnElement[bool]:
        """``column IN values`` with one parameter however many there are, so that one compiled statement serves all."""
        if self._on_postgres:
            return column == any_(literal(list(values), postgresql.ARRAY(String)))
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))


def by_key(table: Table[Any], key: str = "id") -> AnySelect:
    """Select the row whose ``key`` is the parameter ``key``."""
    return select(table).where(table.c[key] == bindparam("key"))
