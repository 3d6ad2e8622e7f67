"""People's files: brought into a seat's home before its notebook starts, saved from there while it runs and at the end.

A seat's record tells what was brought, found or sent, and what Almanac holds as far as this machine knows; so only changes
travel, what is removed here is removed there, and what changed there meanwhile is not overwritten.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from almanac.node.chores import Stamps, stamps
from almanac.node.desk import Desk, Later
from almanac.node.errands import Helper
from almanac.node.machine import make_open
from almanac.node.orders import Seat
from almanac.node.parcel import Entry, Reader

_NO_LIMIT = 1 << 61


class AnothersFiles(Exception):
    """A seat has a person's files already, and is to get another's."""


@dataclass
class Record:
    """What is known of a seat's home.

    Attributes:
        files: whose files it was given; None while nobody has it.
        complete: whether all of them have been brought.
        home: path -> stamp of what needn't be sent.
        base: path -> stamp of what Almanac holds; None when it isn't known which of two is newer.
        left: what Almanac was told is too large.
    """

    files: str | None = None
    complete: bool = False
    home: Stamps = field(default_factory=dict)
    base: Stamps = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


class Seats:
    """The seats of this machine.

    Args:
        desk: where files come from and go to.
        helper: does what is done in homes.
        directory: where records are kept, for root only.
    """

    def __init__(self, desk: Desk, helper: Helper, directory: Path) -> None:
        self._desk = desk
        self._helper = helper
        self._directory = directory

    def furnish(self, seats: Mapping[str, Seat]) -> None:
        """Make the homes, each its own directory of the services' user."""
        uid, gid = self._helper.ids()
        for seat in seats.values():
            home = Path(seat.home)
            if not home.is_dir():
                make_open(home.parent)
                home.mkdir(mode=0o700)
                os.chown(home, uid, gid)

    def bring(self, name: str, seat: Seat) -> None:
        """Bring a seat's files, unless they are there.

        Raises:
            AnothersFiles: see there.
            ChoreFailed: no space, say; it is tried again.
            Later, Refused, Wrong: as calls say.
        """
        record = self._load(name)
        if seat.files is None or (record.complete and record.files == seat.files):
            return
        _check_same(name, record, seat)
        if record.files is None:
            record.files = seat.files
            record.home = stamps(json.loads(self._helper.do("look", {"home": seat.home})))
            self._keep(name, record)
        found = {path: stamp for path, stamp in record.home.items() if path not in record.base}
        with self._desk.files(name) as parcel:
            try:
                said = self._helper.do("bring", {"home": seat.home, "found": found}, parcel)
            except (OSError, HTTPException) as error:
                raise Later(f"The files of {name} broke off on their way: {error}") from None
        brought = stamps(json.loads(said))
        record.home.update({path: stamp for path, stamp in brought.items() if stamp is not None})
        record.base = brought
        record.complete = True
        self._keep(name, record)

    def save(self, name: str, seat: Seat, cap: int) -> bool:
        """Save what changed; whether all of it is saved (a file may have changed while it was read).

        Raises:
            AnothersFiles: see there.
            ChoreFailed, Later, Refused, Wrong: nothing is lost, and it is tried again.
        """
        record = self._load(name)
        if seat.files is None or record.files is None:
            return True  # nobody's, or nobody has been here yet
        _check_same(name, record, seat)
        wanted = {"home": seat.home, "known": record.home, "base": record.base, "complete": record.complete, "cap": cap}
        with tempfile.TemporaryFile(dir=self._directory) as parcel:
            self._helper.write("pack", wanted, parcel)
            entries, whole = _listed(parcel)
            left = sorted(entry.path for entry in entries if entry.kind == "left")
            if len(left) == len(entries) and left == record.left:
                return whole
            size = parcel.seek(0, os.SEEK_END)
            parcel.seek(0)
            elsewhere = self._desk.save_files(name, parcel, size)
        for entry in entries:
            _note(record, entry, elsewhere)
        record.left = left
        self._keep(name, record)
        return whole

    def _load(self, name: str) -> Record:
        try:
            plain = json.loads((self._directory / f"{name}.json").read_text())
        except FileNotFoundError:
            return Record()
        return Record(plain["files"], plain["complete"], stamps(plain["home"]), stamps(plain["base"]), plain["left"])

    def _keep(self, name: str, record: Record) -> None:
        aside = self._directory / f"{name}.{secrets.token_hex(4)}"
        aside.write_text(json.dumps(vars(record)))
        aside.replace(self._directory / f"{name}.json")


def _check_same(name: str, record: Record, seat: Seat) -> None:
    if record.files not in (None, seat.files):
        raise AnothersFiles(f"{name} has another person's files already; it can't be given to someone else.")


def _listed(parcel: BinaryIO) -> tuple[list[Entry], bool]:
    """What is in a parcel but void, and whether nothing is void."""
    parcel.seek(0)
    entries = list(Reader(parcel, _NO_LIMIT).entries())
    void = {entry.path for entry in entries if entry.kind == "void"}
    return [entry for entry in entries if entry.path not in void], not void


def _note(record: Record, entry: Entry, elsewhere: frozenset[str]) -> None:
    if entry.kind == "removed":
        record.base.pop(entry.path, None)
        record.home.pop(entry.path, None)
    elif entry.kind == "file":
        record.home[entry.path] = entry.stamp
        if entry.path not in elsewhere:
            record.base[entry.path] = entry.stamp
