"""Whether Almanac lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
class MetricsHealth:
    """What collects live metrics in the process that is asked: why numbers are missing; empty: none are."""

    trouble: str


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/health`` tells."""

    status: str
    version: str
    loop: LoopView
    mail: MailView
    door: DoorView | None = None
    metrics: MetricsHealth | None = None

    @property
    def troubles(self) -> tuple[str, ...]:
        """What an operator should know of Almanac itself, each with what it means for people."""
        return tuple(self._troubles())

    def _troubles(self) -> Iterator[str]:
        if not self.loop.alive:
            seen = f"since {self.loop.beat_at:%Y-%m-%d %H:%M} UTC" if self.loop.beat_at else "yet"
            yield f"The loop hasn't been seen {seen}: clusters are neither built nor ended."
        if self.door and self.door.trouble:
            yield self.door.trouble
        if self.metrics and self.metrics.trouble:
            yield self.metrics.trouble
        if self.mail.trouble:
            yield f"{self.mail.trouble} Waiting: {self.mail.waiting}; nothing is lost."


class Healthcheck:
    """Looks at the database, and by it at the loop; and at this process's front door and metrics.

    Args:
        database: migrated.
        door: the front door; None when there is none.
        metrics: tells why numbers are missing; None when nothing is collected.
    """

    def __init__(
        self, database: Database, door: Door | None = None, metrics: Callable[[], str | None] = lambda: None
    ) -> None:
        self._database = database
        self._door = door
        self._metrics = metrics

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
        missing = self._metrics()
        metrics = None if missing is None else MetricsHealth(missing)
        return Health("ok", VERSION, LoopView(alive, beat_at), MailView(outbox.waiting, outbox.trouble), door, metrics)
