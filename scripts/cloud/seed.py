"""Databases with all their tables, made from migrations once and copied ever after.

Migrations take half a minute and more; a copy of the data directory takes less than a second.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from scripts.cloud import configuration, database, environment, processes
from scripts.cloud.stack import Stack

DATABASES = ("keystone", "placement", "glance", "nova_api", "nova", "nova_cell0", "neutron", "blazar")
_CELL = "{scheme}://{username}@{hostname}/%s?{query}"
_BROKER = "{scheme}://{username}:{password}@{hostname}:{port}/"
"""Nova fills these in from each cloud's own configuration, so that the seed holds no address and no secret."""


def copy(stack: Stack) -> None:
    """Give the stack its databases, making the seed first if there is none."""
    shutil.copytree(_seed(stack) / "mysql", stack.data / "mysql")


def at_work(stack: Stack) -> Stack:
    """Whatever makes the seed on behalf of a stack: a killed start may leave it, to be found and ended by its mark."""
    return replace(stack, mark=f"{stack.mark}-seed")


def _seed(stack: Stack) -> Path:
    """A data directory with every schema, of a server that was shut down cleanly.

    Raises:
        CloudError: a migration failed.
    """
    place = _place()
    with environment.once(place) as wanted:
        if wanted:
            _make(replace(at_work(stack), state=place))
            (place / "made").touch()
    return place


def _place() -> Path:
    search = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    version = subprocess.check_output(["mariadbd", "--version"], text=True, env=search)
    parts = (version, environment.digest(), Path(__file__).read_text())
    return environment.cache() / f"seed-{hashlib.sha256(''.join(parts).encode()).hexdigest()[:12]}"


def _make(stack: Stack) -> None:
    """Run every migration on a server of the seed's own; only the data directory is kept."""
    stack.save()
    configuration.write(stack)
    create = "".join(
        f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;\n" for name in DATABASES
    )
    (stack.etc / "create.sql").write_text(create)
    database.create(stack)
    try:
        database.start(stack, f"--init-file={stack.etc / 'create.sql'}")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda migrate: migrate(stack), (_neutron, _nova, _keystone, _others)))
        # Cleanly: a copy of a crashed server's files would be mended anew at every start.
        processes.end(stack, "mariadb", signal.SIGTERM)
    finally:
        processes.end(stack)
    shutil.move(stack.data / "mysql", stack.state / "mysql")
    for leftover in (stack.etc, stack.data):
        shutil.rmtree(leftover)
    (stack.state / "stack.json").unlink()


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
