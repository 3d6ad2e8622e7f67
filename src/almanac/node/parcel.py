"""Files on their way between a machine and Almanac: a stream of entries, each a line of JSON, some followed by content.

Not tar: its readers take links, devices, sparse files and headers of any size from whoever wrote it, and lose half of a
file's nanoseconds. Here what must be refused can't be said, every line is short, and a parcel without its last line is
known to be broken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

LONGEST_LINE = 16 * 1024
LONGEST_PATH = 3000
_CHUNK = 1 << 20


class Stamp(NamedTuple):
    """What changes when a file's content does: mtime in ns and size in bytes."""

    mtime_ns: int
    size: int


_NOTHING = Stamp(0, 0)


class BadParcel(Exception):
    """It is broken off, or no parcel at all."""


@dataclass(frozen=True)
class Entry:
    """One line of a parcel.

    Attributes:
        kind: ``file`` (its content follows), ``void`` (the file of that path before it changed while it was read),
            ``removed`` or ``left`` (not in here, because it is too large).
        path: relative, with ``/``; no ``.``, ``..`` or empty parts.
        stamp: of a file.
        executable: whether its owner may run it.
        base: stamp of what the receiver has under this path, as far as the sender knows; None: nothing, or unknown.
    """

    kind: str
    path: str
    stamp: Stamp = _NOTHING
    executable: bool = False
    base: Stamp | None = None

    def line(self) -> bytes:
        """As it is sent."""
        plain = [
            self.kind,
            self.path,
            list(self.stamp),
            self.executable,
            None if self.base is None else list(self.base),
        ]
        return json.dumps(plain).encode() + b"\n"


END = b'["end"]\n'


class Reader:
    """Reads a parcel.

    Args:
        stream: where from; bytes, read once.
        most_bytes: content that it may hold.
        most_entries: entries that it may hold.
    """

    def __init__(self, stream: BinaryIO, most_bytes: int, most_entries: int = 1_000_000) -> None:
        self._stream = stream
        self._room = most_bytes
        self._entries = most_entries
        self._unread = 0

    def entries(self) -> Iterator[Entry]:
        """Its entries; a file's content is read with ``content`` before the next one, or skipped.

        Raises:
            BadParcel: see there; also when it holds more than it may.
        """
        while True:
            for _ in self.content():
                pass
            line = self._stream.readline(LONGEST_LINE + 1)
            if line == END:
                return
            entry = _entry(line)
            self._entries -= 1
            if entry.kind == "file":
                self._unread = entry.stamp.size
                self._room -= entry.stamp.size
            if self._room < 0 or self._entries < 0:
                raise BadParcel("the parcel holds more than it may")
            yield entry

    def content(self) -> Iterator[bytes]:
        """The content of the file whose entry came last.

        Raises:
            BadParcel: it is broken off.
        """
        while self._unread:
            data = self._stream.read(min(_CHUNK, self._unread))
            if not data:
                raise BadParcel("the parcel is broken off")
            self._unread -= len(data)
            yield data


def _entry(line: bytes) -> Entry:
    if not line.endswith(b"\n"):
        raise BadParcel("the parcel is broken off" if len(line) <= LONGEST_LINE else "a line is too long")
    try:
        kind, path, stamp, executable, base = json.loads(line)
        entry = Entry(kind, path, _stamp(stamp), bool(executable), None if base is None else _stamp(base))
    except (ValueError, TypeError, RecursionError):
        raise BadParcel("a line is none of a parcel's") from None
    if kind not in ("file", "void", "removed", "left"):
        raise BadParcel("a line is none of a parcel's")
    check_path(entry.path)
    return entry


def _stamp(plain: Any) -> Stamp:  # noqa: ANN401 - whatever a stranger wrote
    mtime_ns, size = plain
    if type(mtime_ns) is not int or type(size) is not int or not 0 <= size < 1 << 62 or abs(mtime_ns) >= 1 << 62:
        raise ValueError
    return Stamp(mtime_ns, size)


def check_path(path: object) -> None:
    """Let pass a path that leads to somewhere below where it starts.

    Raises:
        BadParcel: it isn't one.
    """
    try:
        encoded = os.fsencode(path) if isinstance(path, str) else b""
    except UnicodeEncodeError:
        encoded = b""
    if not 0 < len(encoded) <= LONGEST_PATH or b"\0" in encoded:
        raise BadParcel("a path is none")
    if any(part in (b"", b".", b"..") or len(part) > 255 for part in encoded.split(b"/")):
        raise BadParcel("a path leads elsewhere")
