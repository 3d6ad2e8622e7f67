"""Chores, sent out as the services' user."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

_CHUNK = 1 << 20


class ChoreFailed(Exception):
    """A chore could not be done; the message is its last word."""


@dataclass(frozen=True)
class Helper:
    """Starts chores.

    Attributes:
        user: as whom; empty: as whom this runs.
        program: this program's file.
    """

    user: str
    program: str

    def ids(self) -> tuple[int, int]:
        """The user's uid and gid."""
        if not self.user:
            return os.geteuid(), os.getegid()
        found = pwd.getpwnam(self.user)
        return found.pw_uid, found.pw_gid

    def do(self, chore: str, wanted: Mapping[str, Any], more: BinaryIO | None = None) -> bytes:
        """Do a chore, and return what it says.

        Args:
            chore: its name.
            wanted: what it needs; a line if more follows.
            more: what is passed on after that.

        Raises:
            ChoreFailed: it failed.
            OSError: ``more`` can't be read.
        """
        with self._started(chore, subprocess.PIPE) as process:
            _feed(process, wanted, more)
            return process.stdout.read() if process.stdout is not None else b""

    def write(self, chore: str, wanted: Mapping[str, Any], target: BinaryIO) -> None:
        """Do a chore that writes much, into a file.

        Raises:
            ChoreFailed: it failed.
        """
        with self._started(chore, target) as process:
            _feed(process, wanted, None)

    @contextmanager
    def _started(self, chore: str, stdout: Any) -> Iterator[subprocess.Popen[bytes]]:  # noqa: ANN401 - PIPE or a file
        uid, gid = self.ids()
        other: dict[str, Any] = {} if uid == os.geteuid() else {"user": uid, "group": gid, "extra_groups": []}
        process = subprocess.Popen(
            [sys.executable, "-I", self.program, "chore", chore],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            **other,
        )
        with process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise
            said = process.stderr.read() if process.stderr is not None else b""
        if process.returncode:
            raise ChoreFailed(said.decode(errors="replace").strip() or f"{chore} ended with {process.returncode}")


def _feed(process: subprocess.Popen[bytes], wanted: Mapping[str, Any], more: BinaryIO | None) -> None:
    if process.stdin is None:
        return
    with suppress(BrokenPipeError):  # it has failed, and says why
        process.stdin.write(json.dumps(wanted).encode() + b"\n")
        while more is not None and (data := more.read(_CHUNK)):
            process.stdin.write(data)
    with suppress(BrokenPipeError):
        process.stdin.close()
