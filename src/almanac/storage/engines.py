"""The two kinds of database, and how each is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from almanac.core.errors import AlmanacError, BadRequest

_URLS = "Write sqlite:///path/to/almanac.db or postgresql://user@host/name."
_SQLITE = b"SQLite format 3\0"


class StorageTrouble(AlmanacError):
    """The database doesn't answer, is too busy, or isn't of this version."""

    code = "storage_trouble"
    status = 503


def parse(url: str) -> URL:
    """A database's URL, checked.

    Raises:
        BadRequest: neither SQLite in a file nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadRequest("The database's URL can't be read.", hint=_URLS) from None
    if parsed.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise BadRequest(f"Almanac doesn't keep its state in {parsed.drivername}.", hint=_URLS)
    if parsed.drivername == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise BadRequest("A database in memory would lose every booking.", hint=_URLS)
    return parsed


def sqlite_engine(url: URL, patience_s: float) -> Engine:
    """SQLite with a write-ahead log whose commits are durable; transactions read only with ``almanac_reads``.

    Raises:
        StorageTrouble: the file can't be made, or is something else.
    """
    _prepare_file(Path(str(url.database)))
    engine = create_engine(
        url, connect_args={"timeout": patience_s}, pool_size=16, max_overflow=48, pool_timeout=patience_s
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(path: Path) -> None:
    hint = "Choose another place for it, one that this user can write to."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("rb") as file:
            begins = file.read(len(_SQLITE))
    except OSError as error:
        raise StorageTrouble(f"The database {path} can't be made: {error.strerror}.", hint=hint) from error
    if begins not in {b"", _SQLITE}:
        raise StorageTrouble(f"The file {path} is not a SQLite database.", hint=hint)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # Almanac says BEGIN itself
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A writer locks at once: one that upgraded from reading later could find that what it read has changed."""
    reads = connection.get_execution_options().get("almanac_reads", False)
    if connection.info.get("query_only") is not reads:
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reads else 'OFF'}")
        connection.info["query_only"] = reads
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def postgres_engine(url: URL, patience_s: float) -> Engine:
    """PostgreSQL through psycopg, in UTC."""
    settings = (
        "-c timezone=UTC",
        f"-c lock_timeout={round(patience_s * 1000)}",
        "-c idle_in_transaction_session_timeout=60000",  # a stopped process must not hold a pool for ever
    )
    given = url.query.get("options", "")
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": " ".join((str(given), *settings)).strip()},
        pool_size=16,
        max_overflow=16,
        pool_timeout=patience_s,
        pool_pre_ping=True,
    )
