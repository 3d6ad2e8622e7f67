"""What is done in people's directories: as the services' user, so that a link planted there leads no further than they get.

Each chore is a process of its own: ``python3 node.pyz chore NAME``, with what it needs on its standard input.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from almanac.node.parcel import END, Entry, Reader, Stamp

NOT_KEPT = frozenset({"__pycache__", ".ipynb_checkpoints", ".cache"})
"""Directories that programs make again."""

_ASIDE = ".almanac-aside-"
_DEEPEST = 200
_CHUNK = 1 << 20
_NO_LIMIT = 1 << 61
Stamps = dict[str, "Stamp | None"]


def furnish(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Make a service's directories (0700) and write its files, each at once."""
    del stdout
    wanted = json.load(stdin)
    for directory in wanted["dirs"]:
        Path(directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in wanted["files"]:
        path = Path(file["path"])
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = path.with_name(f"{_ASIDE}{secrets.token_hex(6)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(aside, flags, 0o600), "w", encoding="utf-8") as out:
            out.write(file["content"])
            os.fchmod(out.fileno(), file["mode"])
        aside.replace(path)


def look(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Tell the stamps of a home's files."""
    home = json.load(stdin)["home"]
    stdout.write(json.dumps({path: stamp for path, _, stamp in _walk(home, [])}).encode())


def bring(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Put a parcel's files into a home; tell the stamp of each, null where another file is in the way.

    A file that was found there before anybody had the seat (an example) gives way.
    """
    wanted = json.loads(stdin.readline())
    home, found = Path(wanted["home"]), stamps(wanted["found"])
    reader, outcome = Reader(stdin, _NO_LIMIT), {}
    for entry in reader.entries():
        if entry.kind == "file":
            outcome[entry.path] = _bring_one(home / entry.path, entry, found.get(entry.path), reader)
        elif entry.kind == "void" and outcome.get(entry.path):
            (home / entry.path).unlink(missing_ok=True)
            raise OSError(f"{entry.path} changed on its way; it is brought again")
    stdout.write(json.dumps(outcome).encode())


def _bring_one(target: Path, entry: Entry, found: Stamp | None, reader: Reader) -> Stamp | None:
    there = _stamp_at(target)
    if there is not None and there != found:
        return entry.stamp if there == entry.stamp else None
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = target.with_name(f"{_ASIDE}{secrets.token_hex(6)}")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(aside, flags, 0o700 if entry.executable else 0o600), "wb") as out:
                for data in reader.content():
                    out.write(data)
                out.flush()
                os.utime(out.fileno(), ns=(entry.stamp.mtime_ns, entry.stamp.mtime_ns))
            aside.replace(target)
        finally:
            if aside.is_file():
                aside.unlink()
    except (NotADirectoryError, IsADirectoryError, FileExistsError):
        return None
    return entry.stamp


def pack(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """Write a parcel of what changed in a home; paths begin with ``prefix`` there, if one is given."""
    wanted = json.load(stdin)
    prefix = wanted.get("prefix", "")
    known, base, room = stamps(wanted["known"]), stamps(wanted["base"]), int(wanted["cap"])
    present, missed = set(), [""] if not wanted["complete"] else []
    for path, full, stamp in _walk(wanted["home"], missed):
        present.add(path)
        if known.get(path) == stamp:
            continue
        if stamp.size > room or not pack_file(f"{prefix}{path}", full, base.get(path), stdout):
            stdout.write(Entry("left", path).line())
        else:
            room -= stamp.size
    for path, kept in base.items():
        if kept is not None and path not in present and not missed:
            stdout.write(Entry("removed", path, base=kept).line())
    stdout.write(END)


def pack_file(path: str, full: str, base: Stamp | None, out: BinaryIO) -> bool:
    """Write one file to a parcel; False if it can't be read."""
    try:
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return not os.path.lexists(full)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return True
        entry = Entry("file", path, _stamp(found), bool(found.st_mode & 0o100), base)
        out.write(entry.line())
        left = found.st_size
        while left:
            data = file.read(min(_CHUNK, left)) or bytes(min(_CHUNK, left))
            out.write(data)
            left -= len(data)
        if _stamp(os.fstat(descriptor)) != entry.stamp:
            out.write(Entry("void", path).line())
    return True


def _walk(directory: str, missed: list[str], path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, str, Stamp]]:
    """Regular files, by path relative to where it began; what can't be looked into is added to ``missed``."""
    try:
        with os.scandir(directory) as listed:
            found = sorted(listed, key=lambda entry: entry.name)
    except OSError:
        missed.append(path)
        return
    for entry in found:
        below = f"{path}{entry.name}"
        try:
            if entry.is_dir(follow_symlinks=False):
                if entry.name in NOT_KEPT or not depth:
                    continue
                yield from _walk(entry.path, missed, f"{below}/", depth - 1)
            elif entry.is_file(follow_symlinks=False):
                if entry.name.startswith(_ASIDE):
                    Path(entry.path).unlink()
                else:
                    yield below, entry.path, _stamp(entry.stat(follow_symlinks=False))
        except FileNotFoundError:
            continue


def stamps(plain: Mapping[str, Any]) -> Stamps:
    """Stamps from JSON."""
    return {path: None if stamp is None else Stamp(*stamp) for path, stamp in plain.items()}


def _stamp(found: os.stat_result) -> Stamp:
    return Stamp(found.st_mtime_ns, found.st_size)


def _stamp_at(path: Path) -> Stamp | None:
    try:
        return _stamp(path.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None


CHORES: dict[str, Callable[[BinaryIO, BinaryIO], None]] = {
    "furnish": furnish,
    "look": look,
    "bring": bring,
    "pack": pack,
}


def main(name: str) -> int:
    """Do a chore; what goes wrong is said on standard error, in one line."""
    os.umask(0o077)
    try:
        CHORES[name](sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
