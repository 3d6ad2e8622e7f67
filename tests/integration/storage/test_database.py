"""Opening a database, and what a transaction promises."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.samples import NOW, a_booking

from almanac.core.errors import BadRequest, BadWindow
from almanac.storage.database import Database, StorageTrouble
from almanac.storage.rows import PersonRow

IMPATIENT = timedelta(milliseconds=300)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("almanac.db", "can't be read"),
        ("", "can't be read"),
        ("mysql://root:hunter2@db/almanac", "doesn't keep its state in mysql"),
        ("postgresql+asyncpg://db/almanac", "doesn't keep its state in postgresql"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_another_kind_of_url_is_refused_with_one_that_would_work(url: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as refused:
        Database(url)
    assert "sqlite:///path" in refused.value.hint
    assert "hunter2" not in str(refused.value)


def test_a_sqlite_file_is_made_for_its_user_only(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/new/almanac.db")
    database.migrate()
    database.close()
    assert stat.S_IMODE((tmp_path / "new/almanac.db").stat().st_mode) == 0o600


def test_a_sqlite_file_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageTrouble, match=r"file/almanac\.db can't be made: .*exists") as trouble:
        Database(f"sqlite:///{tmp_path}/file/almanac.db")
    assert "can write to" in trouble.value.hint


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "almanac.db").write_text("Dear diary, " * 100)
    with pytest.raises(StorageTrouble, match="is not a SQLite database"):
        Database(f"sqlite:///{tmp_path}/almanac.db")
    assert (tmp_path / "almanac.db").read_text().startswith("Dear diary")


def test_a_sqlite_commit_is_durable(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.close()


@pytest.mark.postgres
def test_no_server_there_is_trouble_without_the_password(tmp_path: Path) -> None:
    database = Database(f"postgresql://ada:hunter2@/almanac?host={tmp_path}", patience=IMPATIENT)
    with pytest.raises(StorageTrouble, match="No such file or directory") as trouble, database.read():
        pass
    assert trouble.value.status == 503
    assert "hunter2" not in str(trouble.value)


def test_a_write_that_fails_leaves_nothing(database: Database) -> None:
    def fail_halfway() -> None:
        with database.write() as unit:
            unit.people.add_person(PersonRow("ada", NOW))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    with database.read() as unit:
        assert unit.people.persons() == []


def test_a_read_transaction_refuses_to_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"read-?only"), database.read() as unit:
        unit.people.add_person(PersonRow("ada", NOW))
    with database.write() as unit:
        unit.people.add_person(PersonRow("ada", NOW))


def test_a_read_transaction_sees_one_moment(database: Database) -> None:
    with database.read() as before:
        assert before.people.persons() == []
        with database.write() as unit:
            unit.people.add_person(PersonRow("ada", NOW))
        assert before.people.persons() == []
    with database.read() as after:
        assert [person.name for person in after.people.persons()] == ["ada"]


def test_waiting_too_long_for_another_process_is_trouble(database_url: str) -> None:
    holding, waiting = Database(database_url), Database(database_url, patience=IMPATIENT)
    with holding.write("local"), pytest.raises(StorageTrouble, match="lock") as trouble, waiting.write("local"):
        pass
    assert "Try again" in trouble.value.hint
    with waiting.write("local") as unit:
        assert unit.sites.pool_version("local") == 2
    for database in (holding, waiting):
        database.close()


def test_waiting_too_long_within_one_sqlite_process_is_trouble(sqlite_url: str) -> None:
    database = Database(sqlite_url, patience=IMPATIENT)
    with database.write(), pytest.raises(StorageTrouble, match="still writing"), database.write():
        pass
    database.close()


@pytest.mark.postgres
def test_a_lost_connection_is_trouble_once_and_then_mended(postgres_url: str) -> None:
    database, operator = Database(postgres_url), Database(postgres_url)

    def put_everyone_out() -> None:
        with operator.engine.connect() as connection:
            connection.execute(_PUT_OUT)

    def lose_the_connection_halfway() -> None:
        with database.write() as unit:
            unit.people.add_person(PersonRow("ada", NOW))
            put_everyone_out()
            unit.people.add_person(PersonRow("grace", NOW))

    with pytest.raises(StorageTrouble, match="terminating connection"):
        lose_the_connection_halfway()
    with database.write() as unit:
        assert unit.people.persons() == []
    put_everyone_out()
    with database.read() as unit:
        assert unit.people.persons() == []
    for opened in (database, operator):
        opened.close()


_PUT_OUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    ],
)
def test_instants_come_back_in_utc_to_the_microsecond(database: Database, instant: datetime) -> None:
    with database.write() as unit:
        unit.people.add_person(PersonRow("ada", instant))
    with database.read() as unit:
        found = unit.people.get_person("ada")
    assert found is not None
    assert found.created_at == instant
    assert found.created_at.tzinfo is UTC


def test_a_naive_instant_is_refused(peopled: Database) -> None:
    naive = datetime(2026, 10, 3, 10)  # noqa: DTZ001 - that is the point
    with pytest.raises(Exception, match="no time zone") as refused, peopled.write() as unit:
        unit.bookings.add(a_booking(created_at=naive))
    assert isinstance(refused.value.__cause__ or refused.value, BadWindow)
