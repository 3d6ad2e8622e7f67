"""What was asked for of each cluster, in small durable files. No secret is in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from almanac.core.ports import ClusterSpec
from almanac.sites.folder import Folder


@dataclass(frozen=True, slots=True)
class Record:
    """A cluster as it was last asked for.

    Attributes:
        nodes: name -> role.
        awaited: node -> services that must be up.
        seats: name -> where its files are kept; None while nobody has it.
        logs: where logs are kept; None for nowhere.
        doors: endpoint -> port on the head.
        head: where Almanac reaches the head; empty until it is known.
        asked: whether all its machines have been asked for.
        replaced: how often in a row machines had to be replaced, and when that was last.
    """

    id: str
    lease: str
    nodes: Mapping[str, str]
    awaited: Mapping[str, tuple[str, ...]]
    seats: Mapping[str, str | None]
    logs: str | None
    doors: Mapping[str, int]
    head: str = ""
    asked: bool = False
    replaced: int = 0
    replaced_at: datetime | None = None

    @property
    def head_node(self) -> str:
        """The head's name."""
        return next(name for name, role in self.nodes.items() if role == "head")


def record(
    spec: ClusterSpec, awaited: Mapping[str, tuple[str, ...]], doors: Mapping[str, int], before: Record | None
) -> Record:
    """The record of what is asked for now; of what was asked for before, what was found since stays."""
    return Record(
        id=spec.id,
        lease=spec.lease,
        nodes={node.name: node.role for node in spec.nodes},
        awaited=awaited,
        seats={seat.name: seat.files for seat in spec.seats},
        logs=spec.logs,
        doors=doors,
        head=before.head if before else "",
        replaced=before.replaced if before else 0,
        replaced_at=before.replaced_at if before else None,
    )


class Records:
    """Records by cluster, and the marks of what was seen of each.

    Args:
        directory: the site's state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "clusters"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, cluster: str) -> Record | None:
        """A cluster's record."""
        with Folder(self._directory) as folder:
            return _parsed(folder.read_json(f"{cluster}.json"))

    def all(self) -> dict[str, Record]:
        """All records."""
        found = [self.read(file.stem) for file in sorted(self._directory.glob("*.json"))]
        return {one.id: one for one in found if one is not None}

    def write(self, written: Record) -> None:
        """Write a record down."""
        plain = asdict(written)
        plain["replaced_at"] = written.replaced_at.isoformat() if written.replaced_at else None
        with Folder(self._directory) as folder:
            folder.write_json(f"{written.id}.json", plain)

    def mark(self, cluster: str, what: str, now: datetime) -> datetime:
        """Note when something was first so (``ready``, ``ending``); returns when that was."""
        with Folder(self._directory) as folder:
            before = folder.read(f"{cluster}.{what}")
            if before is None:
                folder.write(f"{cluster}.{what}", now.isoformat().encode())
                return now
        return datetime.fromisoformat(before.decode())

    def marked(self, cluster: str, what: str) -> bool:
        """Whether something was noted."""
        with Folder(self._directory) as folder:
            return folder.has(f"{cluster}.{what}")

    def unmark(self, cluster: str, what: str) -> None:
        """Take a note back."""
        with Folder(self._directory) as folder:
            folder.remove(f"{cluster}.{what}")

    def remove(self, cluster: str) -> None:
        """Forget a cluster; not knowing it is fine."""
        with Folder(self._directory) as folder:
            for name in (f"{cluster}.ready", f"{cluster}.ending", f"{cluster}.json"):
                folder.remove(name)


def _parsed(kept: Mapping[str, Any] | None) -> Record | None:
    if kept is None:
        return None
    awaited = {node: tuple(names) for node, names in kept["awaited"].items()}
    replaced_at = datetime.fromisoformat(kept["replaced_at"]) if kept["replaced_at"] else None
    return Record(**{**kept, "awaited": awaited, "replaced_at": replaced_at})
