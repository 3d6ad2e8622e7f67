"""Machines in clouds: how they join, what they are told, what they tell, and people's files on their way.

A machine proves itself twice. Its user-data holds a join token, good for one use and some minutes. With it the machine
brings a token that it made itself and keeps; joining again with the same two is the same joining, so a machine that crashed
before it had the answer tries again, while anybody else with a used join token is refused and reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from almanac.core.errors import BadRequest, NotFound, NotSignedIn
from almanac.node.orders import Orders
from almanac.node.parcel import BadParcel
from almanac.services.machine_numbers import MachineNumbers
from almanac.services.node_desk import Desk
from almanac.services.node_tokens import join_hash, own_hash
from almanac.services.vault import Vault
from almanac.storage.database import Database
from almanac.storage.kept_files import KeptFiles
from almanac.storage.rows import NodeRow

REFRESH = timedelta(seconds=5)
"""An unchanged report is written this often only; it is what a report's ``seen_at`` is true to."""
READY = frozenset({"ready", "ended"})
SAVE_CAP = 20 * 2**30
"""Bytes that one upload may hold."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a machine tells of itself. Times are ages, so that a wrong clock of its does no harm.

    Attributes:
        revision: of the orders that it carries out; 0 for none yet.
        services: name -> ``starting``, ``ready``, ``ended`` or ``failed``.
        idle: since it was last used; None if it wasn't, as far as it knows.
        saved: since all files and logs were last saved; None if they weren't, as far as it knows.
    """

    revision: int = 0
    services: Mapping[str, str] = field(default_factory=dict)
    doing: str = ""
    trouble: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    finished: bool = False
    idle: timedelta | None = None
    saved: timedelta | None = None

    def kept(self) -> dict[str, Any]:
        """What is kept of it as it is."""
        return {name: value for name, value in asdict(self).items() if name not in {"idle", "saved"}}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a machine is told when it reports: its newest orders' number, and what is ready anywhere in its cluster."""

    revision: int
    ready: tuple[str, ...]


class Nodes:
    """Machines of all sites.

    Args:
        database: migrated.
        vault: encrypts orders.
        clock: the present, aware UTC.
        storage_root: where seats' files and logs are kept.
        save_cap: bytes that one upload may hold.

    Attributes:
        numbers: what machines last told of their processors, memory, disks and networks.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        clock: Callable[[], datetime],
        storage_root: Path,
        save_cap: int = SAVE_CAP,
    ) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._files = KeptFiles(storage_root)
        self.storage = storage_root
        self.save_cap = save_cap
        self.numbers = MachineNumbers()

    def desk(self, site: str, url: str) -> Desk:
        """The desk of one site's machines, which reach Almanac at ``url``."""
        return Desk(site, url, self._database, self._vault, self._clock)

    def join(self, token: str, own: str, address: str, facts: Mapping[str, Any]) -> tuple[str, str]:
        """Let a machine in.

        Args:
            token: the join token.
            own: the token that it will have from now on, ``almn_`` and 43 characters of its own making.
            address: where it calls from.
            facts: what it found of itself.

        Returns:
            Its cluster and its name.

        Raises:
            BadRequest: ``own`` isn't one.
            NotSignedIn: the join token is unknown, expired or used.
        """
        kept = own_hash(own)
        if kept is None:
            raise BadRequest("That is no token of a machine.", hint="It is almn_ and 43 characters.")
        with self._database.read() as unit:
            if unit.nodes.by_join(join_hash(token) or "") is None:
                raise _refused("unknown")
        with self._database.write() as unit:
            row = unit.nodes.by_join(join_hash(token) or "")
            why = _why_refused(row, kept, self._clock())
            warning = f"A machine at {address} came with a join token that is {why}."
            if row is not None and why:
                if row.warning != warning:
                    unit.nodes.record(row, warning=warning)
            elif row is not None and row.token_hash is None:
                unit.nodes.record(row, token_hash=kept, report={"facts": dict(facts)}, seen_at=self._clock())
        if row is None or why:
            raise _refused(why)
        return row.cluster, row.node

    def report(self, token: str, told: Told) -> Answer:
        """Take note of what a machine tells.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
        """
        now = self._clock()
        with self._database.read() as unit:
            row = _known(unit.nodes.by_token(own_hash(token) or ""))
            others = unit.nodes.beside(row)
        fresh = row.seen_at is not None and now - row.seen_at < REFRESH
        if not fresh or row.report != told.kept():
            active = None if told.idle is None else now - told.idle
            saved = None if told.saved is None else now - told.saved
            with self._database.write() as unit:
                row = _known(unit.nodes.by_token(own_hash(token) or ""))
                unit.nodes.record(
                    row,
                    report=told.kept(),
                    seen_at=now,
                    last_active=_latest(row.last_active, active),
                    saved_at=_latest(row.saved_at, saved),
                )
        services = [told.services, *(o.report.get("services", {}) for o in others if o.node != row.node)]
        ready = {name for some in services for name, state in some.items() if state in READY}
        return Answer(row.revision, tuple(sorted(ready)))

    def orders(self, token: str) -> tuple[int, Mapping[str, Any]]:
        """What a machine is to do, and the number of that; 0 and nothing before anything was said.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
            SiteTrouble: they were encrypted with another key.
        """
        row = self._row(token)
        if row.orders is None:
            return 0, Orders().plain()
        plain: dict[str, Any] = json.loads(self._vault.open_text(row.orders))
        return row.revision, plain

    def seat_files(self, token: str, seat: str) -> Iterator[bytes]:
        """A seat's kept files, as a parcel.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
            NotFound: the machine has no such seat, or nobody has it yet.
        """
        return self._files.send(self._place(self._row(token), seat))

    def save_seat(self, token: str, seat: str, parcel: BinaryIO) -> list[str]:
        """Keep a seat's changed files; returns those kept under another name.

        Raises:
            NotSignedIn, NotFound: as ``seat_files``.
            BadRequest: the parcel is broken or too large; nothing has changed.
        """
        row = self._row(token)
        return self._take(self._place(row, seat), parcel, row)

    def save_logs(self, token: str, parcel: BinaryIO) -> None:
        """Keep a machine's logs with the cluster's others.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
            NotFound: nobody wants them.
            BadRequest: the parcel is broken or too large.
        """
        row = self._row(token)
        place = self._orders(row).logs
        if place is None:
            raise NotFound("Nobody wants this cluster's logs.", hint="Look at the newest orders.")
        self._take(place, parcel, row)

    def save_tails(self, token: str, tails: Mapping[str, str]) -> None:
        """Take the last lines of a machine's logs.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
        """
        with self._database.write() as unit:
            unit.nodes.record(_known(unit.nodes.by_token(own_hash(token) or "")), tails=dict(tails))

    def take_numbers(self, token: str, text: str) -> None:
        """Take what a machine's node exporter tells.

        Raises:
            NotSignedIn: the token isn't a machine's, or no more.
        """
        row = self._row(token)
        self.numbers.take(row.cluster, row.node, text, self._clock())

    def check(self, token: str) -> str:
        """Who has this token, as ``site/cluster/node``.

        Raises:
            NotSignedIn: it isn't a machine's, or no more.
        """
        row = self._row(token)
        return f"{row.site}/{row.cluster}/{row.node}"

    def spool(self) -> Path:
        """Where an upload may be written while it comes in; whoever asks removes it."""
        return self._files.spool()

    def _row(self, token: str) -> NodeRow:
        with self._database.read() as unit:
            return _known(unit.nodes.by_token(own_hash(token) or ""))

    def _orders(self, row: NodeRow) -> Orders:
        return Orders() if row.orders is None else Orders.loads(self._vault.open_text(row.orders))

    def _place(self, row: NodeRow, seat: str) -> str:
        found = self._orders(row).seats.get(seat)
        if found is None or found.files is None:
            raise NotFound("This machine has no such seat, or nobody has it yet.", hint="Look at the newest orders.")
        return found.files

    def _take(self, place: str, parcel: BinaryIO, row: NodeRow) -> list[str]:
        try:
            return self._files.take(place, parcel, row.cluster, self.save_cap)
        except BadParcel as bad:
            raise BadRequest(f"Nothing was saved: {bad}.", hint="Send it again, whole.") from None


def _known(row: NodeRow | None) -> NodeRow:
    if row is None:
        raise NotSignedIn(
            "This is no machine of a cluster, or no more.", hint="Its cluster may have ended; nothing is to be done."
        )
    return row


def _why_refused(row: NodeRow | None, own: str, now: datetime) -> str:
    if row is None:
        return "unknown"
    if row.token_hash is not None:
        return "" if row.token_hash == own else "used already"
    return "expired" if now >= row.join_expires_at else ""


def _refused(why: str) -> NotSignedIn:
    return NotSignedIn(f"The join token is {why}.", hint="The site makes a new one when it makes the machine anew.")


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)
