"""The migrated schema is the schema that the code speaks of."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, inspect, text
from sqlalchemy.exc import DBAPIError
from tests.support.samples import a_line, an_event

from almanac.storage import rows, tables
from almanac.storage.database import Database, StorageTrouble


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []


def test_a_migrated_database_has_the_checks_that_the_tables_say(database: Database) -> None:
    inspector = inspect(database.engine)
    naming = database.engine.dialect.identifier_preparer
    for table in tables.metadata.tables.values():
        expected = {naming.format_constraint(c) for c in table.constraints if isinstance(c, CheckConstraint)}
        assert {found["name"] for found in inspector.get_check_constraints(table.name)} == expected


@pytest.mark.parametrize(
    ("row", "table"),
    [
        (rows.ClusterRow, tables.clusters),
        (rows.EventRow, tables.events),
        (rows.PersonRow, tables.people),
        (rows.ProjectRow, tables.projects),
        (rows.TokenRow, tables.tokens),
        (rows.SessionRow, tables.sessions),
        (rows.ParticularsRow, tables.particulars),
    ],
)
def test_columns_stand_in_the_order_of_the_rows_that_they_become(row: Any, table: Any) -> None:
    assert [column.name for column in table.c] == [field.name for field in fields(row)]


def test_migrating_again_changes_nothing(peopled: Database) -> None:
    peopled.migrate()
    with peopled.read() as unit:
        assert unit.people.get_person("ada") is not None


def test_many_may_migrate_at_once(empty_database_url: str) -> None:
    def migrate(_: int) -> None:
        database = Database(empty_database_url)
        database.migrate()
        database.close()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(migrate, range(8)))
    database = Database(empty_database_url)
    with database.read() as unit:
        assert unit.people.persons() == []
    database.close()


def test_a_database_of_a_newer_almanac_is_left_alone(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'from-the-future'"))
    with pytest.raises(StorageTrouble, match="isn't of this version") as trouble:
        database.migrate()
    assert "Update Almanac" in trouble.value.hint


@pytest.mark.parametrize("change", ["UPDATE {} SET actor = 'mallory'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["events", "ledger"])
def test_history_can_not_be_rewritten(peopled: Database, table: str, change: str) -> None:
    with peopled.write() as unit:
        unit.events.append(an_event())
        unit.ledger.append(a_line())
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), peopled.engine.begin() as connection:
        connection.execute(text(change.format(table)))
    with peopled.read() as unit:
        assert [row.actor for row in unit.events.since(0)] == ["ada"]
        assert [row.actor for row in unit.ledger.lines()] == ["almanac"]


@pytest.mark.postgres
def test_history_can_not_be_truncated(postgres_url: str) -> None:
    database = Database(postgres_url)
    with pytest.raises(DBAPIError, match="ledger is append-only"), database.engine.begin() as connection:
        connection.execute(text("TRUNCATE ledger"))
    database.close()
