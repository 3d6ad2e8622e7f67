"""MariaDB, on a private socket.

PostgreSQL won't do (Blazar's migrations fail on it), nor SQLite (it locks).
"""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from scripts.cloud import processes
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack

_UP_WITHIN_S = 60.0
_FAST_BUT_FORGETFUL = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-buffer-pool-size=192M",
    "--innodb-log-file-size=24M",
    "--performance-schema=OFF",
    "--skip-log-bin",
)


def start(stack: Stack, *options: str) -> None:
    """Start the server on the stack's data, and wait until it answers.

    Raises:
        CloudError: it doesn't start.
    """
    files = [f"--datadir={stack.data / 'mysql'}", f"--socket={stack.socket}", f"--pid-file={stack.data / 'db.pid'}"]
    service = ["--skip-networking", "--max-connections=1000", "--character-set-server=utf8mb4", *_as_root()]
    processes.start(stack, "mariadb", ["mariadbd", "--no-defaults", *files, *service, *_FAST_BUT_FORGETFUL, *options])
    deadline = time.monotonic() + _UP_WITHIN_S
    while not _answers(stack.socket):
        if not processes.alive(stack, "mariadb") or time.monotonic() > deadline:
            raise CloudError(f"MariaDB doesn't start:\n{processes.tail(stack, 'mariadb')}")
        time.sleep(0.05)


def create(stack: Stack) -> None:
    """Make an empty data directory."""
    method = ["--auth-root-authentication-method=normal", "--skip-test-db", *_as_root()]
    processes.run(stack, "mariadb-install-db", "--no-defaults", f"--datadir={stack.data / 'mysql'}", *method)


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return bool(probe.recv(1))
