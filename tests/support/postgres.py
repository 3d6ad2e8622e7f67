"""A real PostgreSQL server for as long as a test session or a benchmark lasts."""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import URL, create_engine, text

INSTALL = "Install PostgreSQL's server programs (Debian: apt-get install postgresql; they need not be on the PATH)."
_START_S = 30.0
_PREFIX = "almanac-postgres-"
_FAST_BUT_FORGETFUL = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_wal_size=64MB",
    "min_wal_size=32MB",
)


class PostgresMissingError(RuntimeError):
    """There is no PostgreSQL to start here."""


@dataclass
class Postgres:
    """A running server, reached through a Unix socket in a private directory: no port to collide, nothing to listen to."""

    directory: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database on it."""
        query = {"host": str(self.directory)}
        url = URL.create("postgresql+psycopg", username="almanac", database=database, query=query)
        return url.render_as_string()

    def create(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of the template (which nobody may be connected to)."""
        name = f"almanac_{next(self._numbers)}"
        self._administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop a database; who is still connected is put out."""
        self._administer(f'DROP DATABASE "{url.partition("?")[0].rpartition("/")[2]}" WITH (FORCE)')

    def _administer(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@contextmanager
def temporary_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """Start a server in a temporary directory, and end and remove it afterwards.

    When this process is killed its server ends with it, and the next one removes the directory.

    Args:
        durable: keep fsync on, as in production; for benchmarks.

    Raises:
        PostgresMissingError: PostgreSQL isn't installed, or it doesn't start.
    """
    programs = _programs()
    parent = (None if durable else _memory()) or Path(tempfile.gettempdir())
    _sweep(parent)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = (directory / "lock").open("w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        user = _unprivileged_user()
        if user is not None:
            os.chown(directory, user.pw_uid, user.pw_gid)
        _initialise(programs, directory, user)
        server = _start(programs, directory, user, () if durable else _FAST_BUT_FORGETFUL)
        try:
            yield Postgres(directory)
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
            server.wait(_START_S)
    finally:
        shutil.rmtree(directory)
        lock.close()


def _memory() -> Path | None:
    """Where files live in memory, if there is room: a copy of a database is 300 files, 25 times as fast there."""
    memory = Path("/dev/shm")  # noqa: S108 - Linux's, not a temporary file's name
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    return memory if roomy else None


def _sweep(parent: Path) -> None:
    """Remove what killed processes left: directories whose lock nobody holds, if old enough to have been locked."""
    for path in parent.glob(f"{_PREFIX}*/lock"):
        with suppress(OSError), path.open() as lock:  # held, or another sweeper was first
            if time.time() - path.stat().st_mtime > 60.0:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path.parent)


def _programs() -> Path:
    """The directory of initdb and postgres, the newest version's."""
    found = shutil.which("initdb")
    if found and shutil.which("postgres", path=str(Path(found).resolve().parent)):
        return Path(found).resolve().parent
    debian = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if not debian:
        raise PostgresMissingError(f"These tests need a real PostgreSQL. {INSTALL}")
    return max(debian, key=lambda path: int(path.parent.name))


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as: PostgreSQL refuses to run as root. None: as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as(user: pwd.struct_passwd | None, *command: str | Path) -> list[str | Path]:
    """The command, run by the user, and interrupted when this process dies."""
    whom = [] if user is None else [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    return ["setpriv", *whom, "--pdeathsig=INT", *command]


def _initialise(programs: Path, directory: Path, user: pwd.struct_passwd | None) -> None:
    options = ("--username=almanac", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
    command = _as(user, programs / "initdb", "-D", directory / "data", *options)
    made = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if made.returncode:
        raise PostgresMissingError(f"initdb failed: {made.stderr.strip()}. {INSTALL}")


def _start(
    programs: Path, directory: Path, user: pwd.struct_passwd | None, settings: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    here = (f"unix_socket_directories={directory}", "listen_addresses=", "max_connections=200")
    options = [option for setting in (*here, *settings) for option in ("-c", setting)]
    command = _as(user, programs / "postgres", "-D", directory / "data", *options)
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + _START_S
    while not _ready(programs, directory):
        if server.poll() is not None or time.monotonic() > deadline:
            server.kill()
            server.wait()
            raise PostgresMissingError(f"PostgreSQL doesn't start: {(directory / 'log').read_text().strip()}")
        time.sleep(0.05)
    return server


def _ready(programs: Path, directory: Path) -> bool:
    answer = subprocess.run([programs / "pg_isready", "-q", "-h", directory], check=False)
    return answer.returncode == 0
