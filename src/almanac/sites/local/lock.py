"""The lock that is held for as long as a cluster's keeper lives.

``flock`` belongs to the open file description: the site takes it, the keeper inherits it, and no moment lies between. A
held lock means alive, whatever the process ids say. Standard library only: the keeper loads this module.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path


def take(path: Path, patience: float = 1.0) -> int | None:
    """Take the lock and return its descriptor; None when a keeper holds it.

    Args:
        path: the lock file, created if need be.
        patience: seconds to try, since ``held`` takes it for an instant.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(fd)
                return None
            time.sleep(0.02)
        else:
            return fd


def held(path: Path) -> bool:
    """Whether somebody holds the lock; doesn't wait and doesn't create it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(fd)


def release(fd: int) -> None:
    """Let go of this copy of the lock's descriptor; others that were inherited keep it."""
    os.close(fd)
