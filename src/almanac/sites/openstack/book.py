"""What was ordered, in small durable files: Blazar knows whole minutes and single leases, not orders."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from almanac.core.ports import LeaseOrder
from almanac.core.windows import Window
from almanac.sites.folder import Folder
from almanac.sites.openstack.settings import LeaseKind

_LONGEST_LABEL = 45
_UNFINISHED = "unfinished.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """An order as it was last asked for.

    Attributes:
        groups: the flavor's label -> nodes of it.
        held: whether it was ever held whole, so that what goes wrong later must not take the rest away.
    """

    id: str
    window: Window
    groups: Mapping[str, int]
    held: bool = False


def entry(order: LeaseOrder, held: bool) -> Entry:
    """The entry of an order."""
    return Entry(order.id, order.window, dict(Counter(label(node.flavor.name) for node in order.nodes)), held)


def label(flavor: str) -> str:
    """A flavor's name as it fits into the 80 characters that Blazar has for a lease's name."""
    digest = hashlib.sha256(flavor.encode()).hexdigest()[:8]
    return flavor if len(flavor) <= _LONGEST_LABEL else f"{flavor[: _LONGEST_LABEL - 9]}~{digest}"


class Book:
    """Orders by id, and this Almanac's short name at the site; both outlive the process.

    Args:
        directory: the site's state directory; made if missing.
    """

    def __init__(self, directory: Path) -> None:
        self._orders = directory / "orders"
        self._orders.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self.instance = self._named()

    def _named(self) -> str:
        with Folder(self._directory) as folder:
            kept = folder.read_json("instance.json")
            if kept is None:
                kept = {"instance": secrets.token_hex(4)}
                folder.write_json("instance.json", kept)
        return str(kept["instance"])

    def kind(self) -> LeaseKind | None:
        """The kind of reservation that was found to work; None before one was tried."""
        with Folder(self._directory) as folder:
            kept = folder.read_json("kind.json")
        return LeaseKind(kept["kind"]) if kept else None

    def remember(self, kind: LeaseKind) -> None:
        """This kind of reservation works here."""
        with Folder(self._directory) as folder:
            folder.write_json("kind.json", {"kind": kind.value})

    def note(self, reservation: str, now: datetime) -> None:
        """A reservation was begun, and something of it may be left that this account doesn't see."""
        with Folder(self._directory) as folder:
            kept = folder.read_json(_UNFINISHED) or {}
            folder.write_json(_UNFINISHED, kept | {reservation: now.isoformat()})

    def unfinished(self, since: datetime) -> dict[str, datetime]:
        """Such reservations that were noted since then, and when."""
        with Folder(self._directory) as folder:
            kept = folder.read_json(_UNFINISHED) or {}
        noted = {reservation: datetime.fromisoformat(instant) for reservation, instant in kept.items()}
        return {reservation: instant for reservation, instant in noted.items() if instant >= since}

    def read(self, order: str) -> Entry | None:
        """An order's entry."""
        with Folder(self._orders) as folder:
            return _parsed(folder.read_json(f"{order}.json"))

    def entries(self) -> dict[str, Entry]:
        """All orders."""
        with Folder(self._orders) as folder:
            found = [_parsed(folder.read_json(file.name)) for file in sorted(self._orders.glob("*.json"))]
        return {one.id: one for one in found if one is not None}

    def write(self, written: Entry) -> None:
        """Write an order down; the same id again replaces it."""
        plain = asdict(written) | {"window": [written.window.start.isoformat(), written.window.end.isoformat()]}
        with Folder(self._orders) as folder:
            folder.write_json(f"{written.id}.json", plain)

    def remove(self, order: str) -> None:
        """Forget an order; not knowing it is fine."""
        with Folder(self._orders) as folder:
            folder.remove(f"{order}.json")


def _parsed(kept: Mapping[str, Any] | None) -> Entry | None:
    if kept is None:
        return None
    start, end = (datetime.fromisoformat(instant) for instant in kept["window"])
    return Entry(kept["id"], Window(start, end), kept["groups"], kept["held"])
