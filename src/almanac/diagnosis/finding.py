"""Event logs in a directory that a stranger may write to: followed through descriptors, and through no symbolic link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from almanac.diagnosis.files import LOG, PART

ROLLING = "eventlog_v2_"
MOST_LOGS, MOST_PARTS = 50, 100
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """An event log as it lies there.

    Attributes:
        application: its application's id, as the log's name says.
        parts: its files, relative to the directory that was looked into.
        size: bytes of all of them.
        changed_ns: when the newest was last written.
    """

    application: str
    parts: tuple[PurePosixPath, ...]
    size: int
    changed_ns: int


def logs_in(safe: Path, below: PurePosixPath) -> tuple[Found, ...]:
    """The event logs in a directory, the oldest first; none where there is no such directory.

    Args:
        safe: a path that only Almanac's own user can change.
        below: from there on, no link is followed.
    """
    try:
        with _directory(safe, below) as place:
            names = [name for name in _names(place, MOST_LOGS) if LOG.match(name)]
            found = [log for name in names if (log := _log(place, name)) is not None]
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(sorted(found, key=lambda log: (log.changed_ns, log.application)))


@contextmanager
def opened(safe: Path, below: PurePosixPath, log: Found) -> Iterator[dict[str, int]]:
    """The descriptors of a log's files by their names, as long as this lasts.

    Raises:
        FileNotFoundError: it is gone since it was found.
    """
    descriptors: dict[str, int] = {}
    try:
        for part in log.parts:
            with _directory(safe, below / part.parent) as place:
                descriptors[part.name] = os.open(part.name, _FILE, dir_fd=place)
        yield descriptors
    except (NotADirectoryError, IsADirectoryError) as error:
        raise FileNotFoundError(error.errno, "the event log is gone") from error
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


@contextmanager
def _directory(safe: Path, below: PurePosixPath) -> Iterator[int]:
    descriptor = os.open(safe, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in below.parts:
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _names(directory: int, most: int) -> list[str]:
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in islice(entries, most))


def _log(place: int, name: str) -> Found | None:
    found = os.stat(name, dir_fd=place, follow_symlinks=False)
    if stat.S_ISREG(found.st_mode):
        application = name.partition(".")[0]
        return Found(application, (PurePosixPath(name),), found.st_size, found.st_mtime_ns)
    if not stat.S_ISDIR(found.st_mode) or not name.startswith(ROLLING):
        return None
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError), _directory_in(place, name) as inner:
        return _rolling(inner, name)
    return None


@contextmanager
def _directory_in(place: int, name: str) -> Iterator[int]:
    descriptor = os.open(name, _DIRECTORY, dir_fd=place)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _rolling(directory: int, name: str) -> Found | None:
    parts = {part: os.stat(part, dir_fd=directory, follow_symlinks=False) for part in _parts(directory)}
    plain = {part: facts for part, facts in parts.items() if stat.S_ISREG(facts.st_mode)}
    if not plain:
        return None
    size, changed = sum(facts.st_size for facts in plain.values()), max(facts.st_mtime_ns for facts in plain.values())
    return Found(name.removeprefix(ROLLING), tuple(PurePosixPath(name, part) for part in plain), size, changed)


def _parts(directory: int) -> list[str]:
    return [name for name in _names(directory, MOST_PARTS) if PART.match(name)]
