"""People's files: brought into a seat's home when it gets a person, and saved from there when the cluster ends.

A manifest of what was brought (path, mtime, size) tells changed files from others. Nothing is lost: a file that changed
in storage as well since then is kept beside the one from the cluster, under a name that says where it comes from.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from almanac.core.keeping import beside
from almanac.core.ports import Permanent
from almanac.sites.folder import Folder
from almanac.sites.local import trees
from almanac.sites.local.explained import explained
from almanac.sites.local.trees import Stamp


def checked(path: str) -> PurePosixPath:
    """A path relative to the site's storage.

    Raises:
        Permanent: it would lead out of the storage.
    """
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or not relative.parts:
        raise Permanent(f"{path!r} is not a place in the site's storage: give a relative path without '..'.")
    return relative


@dataclass
class Manifest:
    """What a seat's home was given.

    Attributes:
        files: from where in the storage; None while nobody has the seat.
        complete: whether all of it has been brought.
        found: path -> stamp of what services had put there before it was anybody's, such as examples.
        stamps: path -> stamp when it was brought; None when it isn't known which of two is newer.
    """

    files: str | None = None
    complete: bool = False
    found: dict[str, Stamp | None] = field(default_factory=dict)
    stamps: dict[str, Stamp | None] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Folder, seat: str) -> Manifest:
        """A seat's manifest, empty when none was written yet."""
        kept: Mapping[str, Any] = folder.read_json(f"seat-{seat}.json") or {}
        stamps = {
            name: {path: Stamp(*stamp) if stamp else None for path, stamp in kept.get(name, {}).items()}
            for name in ("found", "stamps")
        }
        return cls(kept.get("files"), kept.get("complete", False), stamps["found"], stamps["stamps"])

    def save(self, folder: Folder, seat: str) -> None:
        """Write it down."""
        folder.write_json(f"seat-{seat}.json", asdict(self))

    def unchanged(self, path: PurePosixPath, stamp: Stamp) -> bool:
        """Whether the person has left this file of the home as it was brought or found."""
        return stamp in {self.stamps.get(str(path)), self.found.get(str(path))}


@dataclass(frozen=True)
class Desk:
    """A seat's home and where its files are kept.

    Attributes:
        control: the cluster's control directory.
        seat: the seat's name.
        node: the cluster's directory, made by Almanac; what is below is in the hands of the cluster's user.
        home: relative to ``node``.
        storage: the site's storage.
        files: relative to ``storage``.
        owner: the cluster's uid; None when it is Almanac's own.
    """

    control: Folder
    seat: str
    node: Path
    home: PurePosixPath
    storage: Path
    files: PurePosixPath
    owner: int | None = None

    def bring(self) -> None:
        """Bring the person's files; does nothing once that is complete.

        Raises:
            Permanent: the seat already has another person's files.
            Temporary: no space, or a disk error.
        """
        manifest = Manifest.load(self.control, self.seat)
        if manifest.files not in {None, str(self.files)}:
            raise Permanent(f"{self.seat} has another person's files already; it can't be given to someone else.")
        if manifest.complete:
            return
        place = _made(self.storage, self.files)
        with (
            explained(f"bring files to {self.seat}"),
            trees.opened(place) as kept,
            trees.opened(self.node, self.home) as home,
        ):
            if manifest.files is None:
                manifest.files = str(self.files)
                manifest.found = {str(path): stamp for path, stamp in trees.walk(home)}
                manifest.save(self.control, self.seat)
            for path, stamp in trees.walk(kept):
                manifest.stamps[str(path)] = self._bring_one(kept, home, path, stamp, manifest)
            manifest.complete = True
            manifest.save(self.control, self.seat)

    def _bring_one(self, kept: int, home: int, path: PurePosixPath, stamp: Stamp, manifest: Manifest) -> Stamp | None:
        """What is there already was brought by an earlier try; if it differs, nobody knows which is newer."""
        there = trees.stamp(home, path)
        if there is not None and there != manifest.found.get(str(path)):
            return stamp if there == stamp else None
        try:
            return trees.copy(kept, path, home, path, self.owner)
        except (NotADirectoryError, IsADirectoryError):
            return None

    def save(self, source: str, most_bytes: int) -> list[str]:
        """Save what changed; repeatable.

        Args:
            source: the booking's or cluster's id, named in a file that is kept beside another.
            most_bytes: how much one seat may save.

        Returns:
            What was not saved: too much, or not to be read.

        Raises:
            Temporary: no space, or a disk error; nothing is lost, and it can be tried again.
        """
        place = _made(self.storage, self.files)
        with explained(f"save the files of {self.seat}"), trees.opened(place) as kept, ExitStack() as stack:
            try:
                home = stack.enter_context(trees.opened(self.node, self.home))
            except (FileNotFoundError, NotADirectoryError):
                return []  # no home was made yet, or its owner put a link in its place
            return self._save(home, kept, source, most_bytes)

    def _save(self, home: int, kept: int, source: str, room: int) -> list[str]:
        trees.tidy(kept)
        manifest = Manifest.load(self.control, self.seat)
        present, left_out = set(), []
        for path, stamp in trees.walk(home):
            present.add(str(path))
            if manifest.unchanged(path, stamp):
                continue
            if stamp.size > room:
                left_out.append(str(path))
                continue
            room -= stamp.size
            try:
                if _keep(home, path, stamp, kept, manifest, source):
                    manifest.stamps[str(path)] = stamp
            except PermissionError:
                left_out.append(str(path))  # without root, a file that its owner may not read
        if manifest.complete:
            _forget(kept, manifest, present)
        manifest.save(self.control, self.seat)
        return left_out


def _keep(home: int, path: PurePosixPath, stamp: Stamp, kept: int, manifest: Manifest, source: str) -> bool:
    """Save one file; whether it is now in storage under its own name."""
    there = trees.stamp(kept, path)
    if there == stamp:
        return True
    for target in (path, *beside(path, source)):
        changed_there = target == path and there not in {None, manifest.stamps.get(str(path))}
        if changed_there:
            continue
        try:
            trees.copy(home, path, kept, target)
        except (NotADirectoryError, IsADirectoryError):
            continue
        return target == path
    raise OSError(errno.EEXIST, "there are other things under every name for it", str(path))


def _forget(kept: int, manifest: Manifest, present: set[str]) -> None:
    """What the person removed is removed, unless it changed in storage since."""
    for path, stamp in manifest.stamps.items():
        if path not in present and stamp is not None and trees.stamp(kept, PurePosixPath(path)) == stamp:
            trees.remove(kept, PurePosixPath(path))


def _made(storage: Path, files: PurePosixPath) -> Path:
    place = storage / files
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place
