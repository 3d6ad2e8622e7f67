"""The server's files in the state directory, by which a terminal finds the server and two servers don't meet.

::

    server.lock          locked while a server runs; holds its process id
    server.json          {url, pid, started_at}, once it listens
    first-token          a one-time token for the first operator, until it is redeemed
    log/server.log       what it did (rotated); log/start.log: what it said while starting
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from almanac.core.errors import AlmanacError, Conflict

PATIENCE_S = 1.0
"""Whoever only looks whether a server runs holds the lock for an instant; a server that starts outwaits that."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process, and its address once it listens."""

    pid: int
    url: str | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class StateFiles:
    """The files of one state directory."""

    state: Path

    @property
    def lock(self) -> Path:
        """Locked while a server runs."""
        return self.state / "server.lock"

    @property
    def address(self) -> Path:
        """Where it listens."""
        return self.state / "server.json"

    @property
    def first_token(self) -> Path:
        """A one-time token for the first operator."""
        return self.state / "first-token"

    @property
    def log(self) -> Path:
        """What the server did."""
        return self.state / "log" / "server.log"

    @property
    def start_log(self) -> Path:
        """What the server said while starting."""
        return self.state / "log" / "start.log"

    def prepare(self) -> None:
        """Make the directories, for this user only.

        Raises:
            AlmanacError: they can't be made.
        """
        try:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log.parent.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise self._unusable(error) from error

    def running(self) -> Running | None:
        """The server that runs on this state directory, if any."""
        try:
            handle = os.open(self.lock, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(handle, 32, 0) or b"0")
            return self._described(pid)
        finally:
            os.close(handle)
        return None

    def _unusable(self, error: OSError) -> AlmanacError:
        return AlmanacError(
            f"The state directory {self.state} can't be used ({error.strerror}).",
            hint="Name another: almanac up --state DIR",
        )

    def _described(self, pid: int) -> Running:
        told = self._told()
        if told.get("pid") != pid:  # written by a server before this one
            return Running(pid, None, None)
        return Running(pid, str(told["url"]), datetime.fromisoformat(str(told["started_at"])))

    def last_url(self) -> str | None:
        """Where a server listened last, running or not."""
        url = self._told().get("url")
        return str(url) if url else None

    def _told(self) -> dict[str, object]:
        try:
            told = json.loads(self.address.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    @contextmanager
    def only_server(self) -> Iterator[None]:
        """Hold the lock; the kernel frees it however the process ends.

        Raises:
            Conflict: another server runs here.
        """
        handle = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(handle, self.state)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)

    def tell_address(self, url: str, now: datetime) -> None:
        """Write where the server listens."""
        told = {"url": url, "pid": os.getpid(), "started_at": now.astimezone(UTC).isoformat()}
        write_private(self.address, json.dumps(told))

    def tell_first_token(self, token: str | None) -> None:
        """Write (or, with None, remove) the first operator's one-time token."""
        if token is None:
            self.first_token.unlink(missing_ok=True)
        else:
            write_private(self.first_token, token)

    def take_first_token(self) -> str | None:
        """The first operator's one-time token, which is then no longer kept."""
        try:
            token = self.first_token.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        self.first_token.unlink(missing_ok=True)
        return token or None


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, mode 0600."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _lock(handle: int, state: Path) -> None:
    end_by = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end_by:
                pid = os.pread(handle, 32, 0).decode() or "unknown"
                raise Conflict(
                    f"Another Almanac (process {pid}) runs on {state}.",
                    hint="Use that one, stop it (almanac down), or name another directory (--state DIR).",
                ) from None
            time.sleep(0.05)
        else:
            return
