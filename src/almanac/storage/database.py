"""The database: where it is, how a transaction begins, and migrations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import stamina
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, Transaction, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from almanac.storage.engines import StorageTrouble, parse, postgres_engine, sqlite_engine
from almanac.storage.rows import EventRow
from almanac.storage.unit import Unit

Follower = Callable[[Unit, Sequence[EventRow]], None]

_MIGRATING = func.pg_advisory_xact_lock(0x616C6D61, 0)


class Database:
    """SQLite (WAL, a commit is durable) or PostgreSQL, behind the same transactions.

    Args:
        url: ``sqlite:///path`` or ``postgresql://...``; a SQLite file is made when missing, for its user only.
        patience: how long a transaction waits for another one's locks, and for a connection.

    Raises:
        BadRequest: another kind of URL.
        StorageTrouble: the SQLite file can't be made.
    """

    def __init__(self, url: str, *, patience: timedelta = timedelta(seconds=30)) -> None:
        parsed = parse(url)
        self._patience_s = patience.total_seconds()
        self._sqlite = parsed.get_backend_name() == "sqlite"
        self._trying = stamina.RetryingCaller(attempts=4, timeout=self._patience_s).on(OperationalError)
        # SQLite's writers wait by polling; within this process a lock hands over at once.
        self._turn = threading.Lock()
        self._follower: Follower | None = None
        if self._sqlite:
            self.engine = sqlite_engine(parsed, self._patience_s)
            self._reader = self.engine.execution_options(almanac_reads=True)
        else:
            self.engine = postgres_engine(parsed, self._patience_s)
            self._reader = self.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def migrate(self) -> None:
        """Bring the schema up to date: all of it or nothing, one process at a time.

        Raises:
            StorageTrouble: no database there, or one that a newer Almanac has migrated.
        """
        config = Config()
        config.set_main_option("script_location", "almanac.storage:migrations")
        with self._waiting_in_line(), self._transaction(self.engine) as connection:
            if not self._sqlite:
                connection.execute(select(_MIGRATING))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                hint = "Update Almanac, or restore the backup that was made before the newer one ran."
                raise StorageTrouble(f"The database isn't of this version of Almanac: {error}.", hint=hint) from error

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A read transaction: one snapshot, however many queries; writing in it is an error.

        Raises:
            StorageTrouble: the database doesn't answer.
        """
        with self._transaction(self._reader) as connection:
            yield Unit(connection, writing=False)

    @contextmanager
    def write(self, site_pool: str | None = None) -> Iterator[Unit]:
        """A write transaction: committed at the end, rolled back on an exception.

        Args:
            site_pool: a site whose pool is touched first.

        Raises:
            StorageTrouble: the database doesn't answer, or others held its locks for too long.
        """
        with self._waiting_in_line(), self._transaction(self.engine) as connection:
            unit = Unit(connection, writing=True)
            if site_pool is not None:
                unit.sites.touch_pool(site_pool)
            yield unit
            if self._follower is not None and unit.events.pending:
                self._follower(unit, unit.events.told)
            unit.events.flush()

    def follow(self, follower: Follower) -> None:
        """Let somebody write what follows from the events of a transaction, in that transaction.

        Args:
            follower: called just before the commit of every transaction with events; there is one.
        """
        self._follower = follower

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _waiting_in_line(self) -> Iterator[None]:
        if not self._sqlite:
            yield
            return
        if not self._turn.acquire(timeout=self._patience_s):
            raise _trouble("another transaction of this process is still writing")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self, engine: Engine) -> Iterator[Connection]:
        try:
            connection, transaction = self._begun(engine)
            with connection, transaction:
                yield connection
        except (OperationalError, PoolTimeoutError) as error:
            cause = error.orig if isinstance(error, OperationalError) else error
            raise _trouble(str(cause).splitlines()[0]) from error

    def _begun(self, engine: Engine) -> tuple[Connection, Transaction]:
        try:
            return _begin(engine)
        except OperationalError:
            return self._trying(_begin, engine)


def _begin(engine: Engine) -> tuple[Connection, Transaction]:
    """Only the beginning is tried again: later, nobody but the caller knows what may be repeated."""
    connection = engine.connect()
    try:
        return connection, connection.begin()
    except BaseException:
        connection.close()
        raise


def _trouble(why: str) -> StorageTrouble:
    return StorageTrouble(f"The database can't do that now: {why}.", hint="Try again in a moment.")
