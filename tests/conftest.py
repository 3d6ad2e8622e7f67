"""Fixtures for all tests: the two databases; and how long property tests search."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.support.postgres import Postgres, temporary_postgres

from almanac.storage.database import Database

if TYPE_CHECKING:
    from tests.support.cloud import Cloud  # its imports take a second, and few tests need it

# No deadline: machines are shared, and nothing asserts a time. The same examples each time, so that a failure is a change's
# own; `--hypothesis-profile=long` looks further, each time elsewhere.
settings.register_profile("almanac", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("long", deadline=None, max_examples=2000, print_blob=True)
settings.load_profile("almanac")

# A shell has Ctrl-C ignored in background jobs, nohup has hang-ups, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Spread a tier's tests over processes so that no process starts twice what its neighbour has.

    With ``--dist loadgroup`` a module's tests stay together, as they share what it starts; those marked ``alone`` go
    wherever there is time; those in the unlucky cloud share it, but for a module that names a group of its own.
    """
    if item.get_closest_marker("xdist_group"):
        return
    unlucky = "unlucky_cloud" in getattr(item, "fixturenames", ())
    if unlucky or not item.get_closest_marker("alone"):
        item.add_marker(pytest.mark.xdist_group("unlucky" if unlucky else item.path.stem))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long groups come first, so that none is begun last."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if turn := item.get_closest_marker("turn"):
        return int(turn.args[0])
    return -1 if item.get_closest_marker("cluster") else 0


SQLITE = pytest.param("sqlite", id="sqlite")
POSTGRES = pytest.param("postgres", id="postgres", marks=pytest.mark.postgres)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of this test process's own."""
    with temporary_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A real OpenStack; tests that use it are marked ``cloud``, with time to start it."""
    from tests.support.cloud import running_cloud

    with running_cloud() as found:
        yield found


@pytest.fixture(scope="session")
def unlucky_cloud() -> Iterator[Cloud]:
    """A real OpenStack for bad luck: no other test suffers in it."""
    from tests.support.cloud import running_cloud

    with running_cloud(own=True) as found:
        yield found


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The name of a migrated database on that server, to be copied."""
    url = postgres.create()
    _migrate(url)
    return url.partition("?")[0].rpartition("/")[2]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=[SQLITE, POSTGRES])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, once on each of the two."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of a fresh, migrated SQLite database."""
    shutil.copy(sqlite_template, tmp_path / "almanac.db")
    return f"sqlite:///{tmp_path / 'almanac.db'}"


@pytest.fixture
def postgres_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    """The URL of a fresh, migrated PostgreSQL database."""
    url = postgres.create(postgres_template)
    yield url
    postgres.drop(url)


@pytest.fixture(params=[SQLITE, POSTGRES])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database, once on each of the two."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database, once on each of the two."""
    opened = Database(database_url)
    yield opened
    opened.close()


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()
