"""People's files and logs of clusters elsewhere, as they come and go in parcels.

An upload is unpacked aside and looked at whole before anything changes; then each file takes its place by one rename. Nothing
is lost: a file that changed here as well is kept beside the one that comes, under a name that says where from.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from almanac.core.keeping import beside
from almanac.node.parcel import END, Entry, Reader, Stamp

_ASIDE = ".almanac-aside-"
_STALE_S = 24 * 3600
_NOT_KEPT = frozenset({"__pycache__", ".ipynb_checkpoints", ".cache"})
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An upload, whole.

    Attributes:
        files: entry and where its content lies aside.
        removed: what is gone at the sender.
        left: paths that the sender left out, because they are too large.
    """

    files: tuple[tuple[Entry, Path], ...]
    removed: tuple[Entry, ...]
    left: tuple[str, ...]


class KeptFiles:
    """Directories of one storage.

    Args:
        root: the storage; made when missing. Only Almanac's own user writes there.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def send(self, place: str) -> Iterator[bytes]:
        """A directory's regular files as a parcel, a part at a time; a missing directory is an empty one."""
        for path, name in _walk(self._root / place, PurePosixPath()):
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue  # gone since it was listed
            with os.fdopen(descriptor, "rb") as file:
                found = os.fstat(descriptor)
                entry = Entry("file", str(path), _stamp(found), bool(found.st_mode & 0o100))
                yield entry.line()
                yield from _exactly(file, found.st_size)
                if _stamp(os.fstat(descriptor)) != entry.stamp:
                    yield Entry("void", str(path)).line()
        yield END

    def take(self, place: str, parcel: BinaryIO, source: str, most_bytes: int) -> list[str]:
        """Save what a parcel holds.

        Args:
            place: directory, relative to the storage; made when missing.
            parcel: a whole upload.
            source: the cluster's id, named in a file that is kept beside another.
            most_bytes: content that it may hold.

        Returns:
            Paths that were kept under another name, because theirs is taken by something that the sender doesn't know.

        Raises:
            BadParcel: it is broken, or holds too much; nothing has changed.
            OSError: no space; nothing is lost, and it can be sent again.
        """
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tidy()
        aside = self._root / f"{_ASIDE}{secrets.token_hex(6)}"
        aside.mkdir(mode=0o700)
        try:
            unpacked = _unpack(Reader(parcel, most_bytes), aside)
            target = self._root / place
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(target):
                return _settle(unpacked, target, source)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def spool(self) -> Path:
        """A new name for an upload that is on its way; whoever asks removes the file."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._root / f"{_ASIDE}{secrets.token_hex(6)}.upload"

    def _tidy(self) -> None:
        """Remove what a killed Almanac left aside."""
        for left in self._root.glob(f"{_ASIDE}*"):
            try:
                stale = time.time() - left.stat().st_mtime > _STALE_S
            except FileNotFoundError:
                continue
            if stale:
                shutil.rmtree(left, ignore_errors=True)
                left.unlink(missing_ok=True)


def _unpack(reader: Reader, aside: Path) -> Unpacked:
    files: dict[str, tuple[Entry, Path]] = {}
    removed, left = [], []
    for number, entry in enumerate(reader.entries()):
        if entry.kind == "file":
            content = aside / str(number)
            _write(content, reader.content(), entry)
            files[entry.path] = (entry, content)
        elif entry.kind == "void":
            files.pop(entry.path, None)
        elif entry.kind == "removed":
            removed.append(entry)
        else:
            left.append(entry.path)
    return Unpacked(tuple(files.values()), tuple(removed), tuple(left))


def _write(path: Path, content: Iterator[bytes], entry: Entry) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o700 if entry.executable else 0o600), "wb") as file:
        for data in content:
            file.write(data)
        file.flush()
        os.utime(file.fileno(), ns=(entry.stamp.mtime_ns, entry.stamp.mtime_ns))
        os.fsync(file.fileno())


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one upload at a time settle in a directory: two clusters of one person may end together."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _settle(unpacked: Unpacked, target: Path, source: str) -> list[str]:
    elsewhere = [entry.path for entry, content in unpacked.files if not _keep(entry, content, target, source)]
    for entry in unpacked.removed:
        there = target / entry.path
        if entry.base is not None and _stamp_at(there) == entry.base:
            there.unlink(missing_ok=True)
    note = target / f"NOT SAVED (from {source}).txt"
    if unpacked.left:
        note.write_bytes(b"Not saved, because it is too much for one seat:\n" + os.fsencode("\n".join(unpacked.left)))
    else:
        note.unlink(missing_ok=True)
    return elsewhere


def _keep(entry: Entry, content: Path, target: Path, source: str) -> bool:
    """Put one file in its place; whether that is under its own name."""
    path = PurePosixPath(entry.path)
    there = _stamp_at(target / path)
    if there == entry.stamp:
        return True
    for name in (path, *beside(path, source)):
        if name == path and there not in {None, entry.base}:
            continue
        try:
            (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            content.replace(target / name)
        except (NotADirectoryError, IsADirectoryError, FileExistsError):
            continue
        return name == path
    raise OSError(errno.EEXIST, "there are other things under every name for it", entry.path)


def _walk(directory: Path, path: PurePosixPath) -> Iterator[tuple[PurePosixPath, Path]]:
    try:
        with os.scandir(directory) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in found:
        if entry.is_file(follow_symlinks=False) and not entry.name.startswith(_ASIDE):
            yield path / entry.name, directory / entry.name
        elif entry.is_dir(follow_symlinks=False) and entry.name not in _NOT_KEPT:
            yield from _walk(directory / entry.name, path / entry.name)


def _exactly(file: BinaryIO, size: int) -> Iterator[bytes]:
    """So many bytes, whatever happens to the file meanwhile."""
    while size:
        data = file.read(min(_CHUNK, size)) or bytes(min(_CHUNK, size))
        size -= len(data)
        yield data


def _stamp_at(path: Path) -> Stamp | None:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _stamp(found) if stat.S_ISREG(found.st_mode) else None


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_mtime_ns, found.st_size)
