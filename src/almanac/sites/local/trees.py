"""Copying files between a directory that a stranger can write to and one that nobody else can.

Every step goes through a directory descriptor and follows no symbolic link, so a tree that changes under one's hands,
or was prepared to, leads nowhere outside itself. Only regular files count: links, devices, sockets and pipes are left.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST = 200
_HERE = PurePosixPath()
_ASIDE = ".almanac-aside-"

_NOT_KEPT = frozenset({"__pycache__", ".ipynb_checkpoints", ".cache"})
"""Directories that programs make again."""


class Stamp(NamedTuple):
    """What changes when a file's content does: mtime in ns and size in bytes."""

    mtime_ns: int
    size: int


@contextmanager
def opened(safe: Path, below: PurePosixPath = _HERE) -> Iterator[int]:
    """A directory's descriptor.

    Args:
        safe: a path that only Almanac's own user can change.
        below: from there on, no link is followed.

    Raises:
        NotADirectoryError: a link or something else is in the way.
        FileNotFoundError: it is missing.
    """
    root = os.open(safe, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with parent_of(root, below / "end") as fd:
            yield fd
    finally:
        os.close(root)


def walk(root: int) -> Iterator[tuple[PurePosixPath, Stamp]]:
    """The regular files below a directory, by path relative to it. Leftovers of broken-off copies are removed."""
    yield from _walk(root, PurePosixPath(), _DEEPEST)


def tidy(root: int) -> None:
    """Remove leftovers of broken-off copies."""
    for _ in walk(root):
        pass


def _walk(directory: int, path: PurePosixPath, depth: int) -> Iterator[tuple[PurePosixPath, Stamp]]:
    with os.scandir(directory) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if name.startswith(_ASIDE):
                os.unlink(name, dir_fd=directory)
            elif stat.S_ISREG(found.st_mode):
                yield path / name, Stamp(found.st_mtime_ns, found.st_size)
            elif stat.S_ISDIR(found.st_mode) and depth and name not in _NOT_KEPT:
                below = os.open(name, _DIRECTORY, dir_fd=directory)
                try:
                    yield from _walk(below, path / name, depth - 1)
                finally:
                    os.close(below)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            continue  # gone since it was listed, or its owner keeps even himself out


def own(root: int, uid: int) -> None:
    """Give a directory and everything below it to a user and its group.

    Symbolic links are changed themselves, never followed; what has a second name may be somebody else's and stays as it is.
    """
    os.fchown(root, uid, uid)
    with os.scandir(root) as entries:
        found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    for name, facts in found:
        if stat.S_ISDIR(facts.st_mode):
            below = _open_directory(root, name)
            try:
                own(below, uid)
            finally:
                os.close(below)
        elif facts.st_nlink == 1:
            os.chown(name, uid, uid, dir_fd=root, follow_symlinks=False)


@contextmanager
def parent_of(root: int, path: PurePosixPath, make: bool = False, owner: int | None = None) -> Iterator[int]:
    """The descriptor of the directory that holds ``path`` below ``root``.

    Args:
        root: where it begins.
        path: relative, without ``..``.
        make: make missing directories (mode 0700).
        owner: uid given to those that are made.

    Raises:
        NotADirectoryError: something else, such as a symbolic link, is in the way.
        FileNotFoundError: a directory is missing.
    """
    fd = os.dup(root)
    try:
        for name in path.parts[:-1]:
            below = _open_below(fd, name, make, owner)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _open_below(directory: int, name: str, make: bool, owner: int | None) -> int:
    try:
        return _open_directory(directory, name)
    except FileNotFoundError:
        if not make:
            raise
    os.mkdir(name, 0o700, dir_fd=directory)
    below = _open_directory(directory, name)
    if owner is not None:
        os.fchown(below, owner, owner)
    return below


def _open_directory(directory: int, name: str) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except OSError as error:
        if stat.S_ISLNK(_mode(directory, name)):
            raise NotADirectoryError(error.errno, "a symbolic link is in the way", name) from error
        raise


def _mode(directory: int, name: str) -> int:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return 0


def stamp(root: int, path: PurePosixPath) -> Stamp | None:
    """A regular file's stamp; None when there is none there."""
    try:
        with parent_of(root, path) as directory:
            found = os.stat(path.name, dir_fd=directory, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Stamp(found.st_mtime_ns, found.st_size) if stat.S_ISREG(found.st_mode) else None


def copy(source: int, path: PurePosixPath, target: int, name: PurePosixPath, owner: int | None = None) -> Stamp:
    """Copy a file, atomically: its name appears when its content is there and synced. Times and the owner's mode are kept.

    Args:
        source: directory that the file is below.
        path: where, relative to it.
        target: directory that the copy will be below.
        name: where, relative to it; directories between are made.
        owner: uid given to the copy.

    Returns:
        The stamp of what was copied.

    Raises:
        NotADirectoryError: a file or link is in the way of a directory of ``name``.
        IsADirectoryError: ``name`` is a directory.
        OSError: no space, or it can't be read.
    """
    with parent_of(source, path) as origin, parent_of(target, name, make=True, owner=owner) as place:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(path.name, flags, dir_fd=origin), "rb") as file:
            found = os.fstat(file.fileno())
            aside = f"{_ASIDE}{secrets.token_hex(6)}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(aside, flags, 0o600, dir_fd=place), "wb") as out:
                    shutil.copyfileobj(file, out, 2**20)
                    out.flush()
                    os.fchmod(out.fileno(), 0o600 | (found.st_mode & 0o100))
                    if owner is not None:
                        os.fchown(out.fileno(), owner, owner)
                    os.utime(out.fileno(), ns=(found.st_mtime_ns, found.st_mtime_ns))
                    os.fsync(out.fileno())
                os.rename(aside, name.name, src_dir_fd=place, dst_dir_fd=place)
            except BaseException:
                if _mode(place, aside):
                    os.unlink(aside, dir_fd=place)
                raise
    return Stamp(found.st_mtime_ns, found.st_size)


def remove(root: int, path: PurePosixPath) -> None:
    """Remove a file; already gone is fine."""
    try:
        with parent_of(root, path) as directory:
            os.unlink(path.name, dir_fd=directory)
    except (FileNotFoundError, NotADirectoryError):
        return
