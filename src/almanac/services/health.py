"""Whether Almanac lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from almanac.services.door import Door
from almanac.storage.database import Database
from almanac.version import VERSION

LOOP = "loop"
"""The name under which the loop is elected."""

SILENT_AFTER = timedelta(seconds=15)
"""A leader that hasn't beaten for this long has lost the post; its actions are idempotent if it was only slow."""


@dataclass(frozen=True, slots=True)
class LoopView:
    """The loop that builds and ends clusters: whether it beat lately, in any process on this database."""

    alive: bool
    beat_at: datetime | None


@dataclass(frozen=True, slots=True)
class MailView:
    """Mail that isn't with the mail server yet: how much, and what is in the way of the latest; empty: nothing."""

    waiting: int
    trouble: str


@dataclass(frozen=True, slots=True)
class DoorView:
    """The front door of the process that is asked, and why it is shut; ``trouble`` is empty while it is open."""

    url: str
    trouble: str


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/health`` tells."""

    status: str
    version: str
    loop: LoopView
    mail: MailView
    door: DoorView | None = None


class Healthcheck:
    """Looks at the database, and by it at the loop; and at this process's front door."""

    def __init__(self, database: Database, door: Door | None = None) -> None:
        self._database = database
        self._door = door

    def check(self, now: datetime) -> Health:
        """The health as of now.

        Raises:
            StorageTrouble: the database doesn't answer.
        """
        with self._database.read() as unit:
            beat_at = unit.sites.last_beat(LOOP)
            outbox = unit.notices.outbox()
        alive = beat_at is not None and now - beat_at < SILENT_AFTER
        door = DoorView(self._door.addresses.url, self._door.trouble) if self._door else None
        return Health("ok", VERSION, LoopView(alive, beat_at), MailView(outbox.waiting, outbox.trouble), door)
