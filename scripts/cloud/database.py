"""MariaDB on a private socket, its schemas copied from a seed that is made once.

PostgreSQL won't do (Blazar's migrations fail on it), nor SQLite (it locks). All schemas from migrations take half a minute
and more; a copy of the data directory takes less than a second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from scripts.cloud import configuration, environment, processes
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack

DATABASES = ("keystone", "placement", "glance", "nova_api", "nova", "nova_cell0", "neutron", "blazar")
_UP_WITHIN_S = 60.0
_FAST_BUT_FORGETFUL = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=192M",
    "--innodb-log-file-size=24M",
    "--performance-schema=OFF",
    "--skip-log-bin",
)
_CELL = "{scheme}://{username}@{hostname}/%s?{query}"
_BROKER = "{scheme}://{username}:{password}@{hostname}:{port}/"
"""Nova fills these in from each cloud's own configuration, so that the seed holds no address and no secret."""


def start(stack: Stack) -> None:
    """Start the server on the stack's data, and wait until it answers.

    Raises:
        CloudError: it doesn't start.
    """
    _start(stack)


def copy_seed(stack: Stack) -> None:
    """Give the stack databases with all their tables, making the seed first if there is none."""
    shutil.copytree(_seed(stack) / "mysql", stack.data / "mysql")


def _start(stack: Stack, *options: str) -> None:
    files = [f"--datadir={stack.data / 'mysql'}", f"--socket={stack.socket}", f"--pid-file={stack.data / 'db.pid'}"]
    service = ["--skip-networking", "--max-connections=1000", "--character-set-server=utf8mb4", *_as_root()]
    processes.start(stack, "mariadb", ["mariadbd", "--no-defaults", *files, *service, *_FAST_BUT_FORGETFUL, *options])
    deadline = time.monotonic() + _UP_WITHIN_S
    while not _answers(stack.socket):
        if not processes.alive(stack, "mariadb") or time.monotonic() > deadline:
            raise CloudError(f"MariaDB doesn't start:\n{processes.tail(stack, 'mariadb')}")
        time.sleep(0.05)


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return bool(probe.recv(1))


def _seed(stack: Stack) -> Path:
    """A data directory with every schema, of a server that was shut down cleanly.

    Raises:
        CloudError: a migration failed.
    """
    version = subprocess.check_output(["mariadbd", "--version"], text=True, env={**os.environ, "PATH": _path()})
    parts = (version, environment.digest(), Path(__file__).read_text())
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    place = environment.cache() / f"seed-{key}"
    with environment.once(place) as wanted:
        if wanted:
            _make_seed(replace(stack, state=place, mark=f"{stack.mark}-seed"))
            (place / "made").touch()
    return place


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def _make_seed(stack: Stack) -> None:
    """Run every migration on a server of the seed's own."""
    stack.save()
    configuration.write(stack)
    create = "".join(
        f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;\n" for name in DATABASES
    )
    (stack.etc / "create.sql").write_text(create)
    method = ["--auth-root-authentication-method=normal", "--skip-test-db", *_as_root()]
    processes.run(stack, "mariadb-install-db", "--no-defaults", f"--datadir={stack.data / 'mysql'}", *method)
    try:
        _start(stack, f"--init-file={stack.etc / 'create.sql'}")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda migrate: migrate(stack), (_neutron, _nova, _keystone, _others)))
        _shut_down(stack)
        shutil.move(stack.data / "mysql", stack.state / "mysql")
    finally:
        processes.end(stack)
    for leftover in (stack.etc, stack.data):
        shutil.rmtree(leftover)
    (stack.state / "stack.json").unlink()


def _shut_down(stack: Stack) -> None:
    """Cleanly: a copy of a crashed server's files would be mended anew at every start."""
    for process in processes.found(stack, "mariadb"):
        os.kill(process, signal.SIGTERM)
    while processes.alive(stack, "mariadb"):
        time.sleep(0.05)


def _manage(stack: Stack, program: str, service: str, *arguments: str) -> None:
    configured = f"--config-file={stack.etc / service / configuration.FILES[service]}"
    processes.run(stack, stack.program(program), configured, *arguments)


def _keystone(stack: Stack) -> None:
    _manage(stack, "keystone-manage", "keystone", "db_sync")


def _neutron(stack: Stack) -> None:
    _manage(stack, "neutron-db-manage", "neutron", "upgrade", "heads")


def _nova(stack: Stack) -> None:
    cell1 = ("--name", "cell1", "--database_connection", _CELL % "nova", "--transport-url", _BROKER)
    _manage(stack, "nova-manage", "nova", "api_db", "sync")
    _manage(stack, "nova-manage", "nova", "cell_v2", "map_cell0", "--database_connection", _CELL % "nova_cell0")
    _manage(stack, "nova-manage", "nova", "cell_v2", "create_cell", *cell1)
    _manage(stack, "nova-manage", "nova", "db", "sync")


def _others(stack: Stack) -> None:
    _manage(stack, "placement-manage", "placement", "db", "sync")
    _manage(stack, "glance-manage", "glance", "db_sync")
    _manage(stack, "blazar-db-manage", "blazar", "upgrade", "head")
