"""Small durable files in one directory, held open by a descriptor.

Working through a descriptor keeps a control directory in reach after its path was mounted over (the keeper does that).
Standard library only: the keeper loads this module.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Folder:
    """A directory whose files are replaced atomically: written aside, synced, renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the descriptor go."""
        os.close(self.fd)

    def write(self, name: str, data: bytes, durable: bool = True) -> None:
        """Replace a file (mode 0600); whoever reads sees the old or the new one, whole.

        Args:
            name: of the file.
            data: its content.
            durable: sync it, so that this holds after a crash of the machine too.
        """
        aside = f".{name}.{secrets.token_hex(4)}"
        out = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        try:
            with os.fdopen(out, "wb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            os.rename(aside, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except BaseException:
            os.unlink(aside, dir_fd=self.fd)
            raise
        if durable:
            os.fsync(self.fd)

    def read(self, name: str) -> bytes | None:
        """A file's bytes, or None when there is no such file."""
        try:
            with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.fd), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def write_json(self, name: str, value: object, durable: bool = True) -> None:
        """Replace a file by a JSON text (ASCII, so that file names that aren't UTF-8 survive); see ``write``."""
        self.write(name, json.dumps(value, indent=1).encode("ascii"), durable)

    def read_json(self, name: str) -> Any:  # noqa: ANN401 - JSON is what it is
        """A JSON file's value, or None when there is no such file."""
        data = self.read(name)
        return None if data is None else json.loads(data)

    def stamp(self, name: str) -> tuple[int, int] | None:
        """What changes whenever a file is replaced (inode, mtime in ns); None when there is no such file."""
        try:
            found = os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self.stamp(name) is not None

    def remove(self, name: str) -> None:
        """Remove a file; already gone is fine."""
        try:
            os.unlink(name, dir_fd=self.fd)
        except FileNotFoundError:
            return
