"""The front door as services know it: its addresses, and who is inside through it."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from almanac.core.addresses import notebook_path, spark_ui_path
from almanac.core.errors import AlmanacError
from almanac.services.routes import Proof, Routes, Target, booking_token
from almanac.storage.rows import ClusterRow

_KEPT = 64
"""Different things that one connection is remembered to have asked for: the latest."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where people find the door.

    Attributes:
        url: the entrance, such as ``https://almanac.example.org``: the portal, the API, Spark Connect.
        platforms_url: notebooks and Spark UIs, another origin to browsers.
    """

    url: str
    platforms_url: str

    def notebook(self, cluster: str, seat: str, token: str) -> str:
        """A seat's JupyterLab; the address carries the seat's token."""
        return f"{self.platforms_url}{notebook_path(cluster, seat)}lab?token={token}"

    def spark_ui(self, cluster: str, service: str) -> str:
        """A Spark service's pages."""
        return f"{self.platforms_url}{spark_ui_path(cluster, service)}"

    def connect(self, cluster: ClusterRow, person: str, connect_token: str) -> str:
        """For any Spark Connect client; the address carries a token that is good for this booking alone."""
        parts = urlsplit(self.url)
        tls = parts.scheme == "https"
        options = {
            **({"use_ssl": "true"} if tls else {}),
            "token": booking_token(connect_token, person),
            "user_id": person,
            "x-almanac-booking": str(cluster.booking_id),
        }
        said = ";".join(f"{name}={value}" for name, value in options.items())
        return f"sc://{parts.hostname}:{parts.port or (443 if tls else 80)}/;{said}"


class Visits:
    """Connections that were let in, and on what grounds: in memory, as the connections end with this process."""

    def __init__(self) -> None:
        self._by_peer: dict[str, OrderedDict[tuple[Target, Proof], None]] = {}
        self._lock = threading.Lock()

    def came(self, peer: str, target: Target, proof: Proof) -> None:
        """Somebody was let in.

        Args:
            peer: the far end of the connection, ``host:port``.
            target: what they wanted.
            proof: what they showed.
        """
        with self._lock:
            seen = self._by_peer.setdefault(peer, OrderedDict())
            seen[target, proof] = None
            seen.move_to_end((target, proof))
            while len(seen) > _KEPT:
                seen.popitem(last=False)

    def unwelcome(self, routes: Routes, present: Callable[[], Collection[str]], now: datetime) -> list[str]:
        """The peers that would not be let in any more.

        Args:
            routes: decide.
            present: tells the peers of the connections that there are; others are forgotten.
            now: aware UTC.
        """
        with self._lock:
            known = set(self._by_peer)
        gone = known.difference(present())  # who comes while it looks is none of the known
        with self._lock:
            for peer in gone:
                del self._by_peer[peer]
            visits = [(peer, tuple(seen)) for peer, seen in self._by_peer.items()]
        verdicts: dict[tuple[Target, Proof], bool] = {}
        for visit in {visit for _, seen in visits for visit in seen}:
            verdicts[visit] = _welcome(routes, *visit, now)
        return [peer for peer, seen in visits if not all(verdicts[visit] for visit in seen)]


def _welcome(routes: Routes, target: Target, proof: Proof, now: datetime) -> bool:
    try:
        routes.find(target, (proof,), now)
    except AlmanacError as error:
        return error.status >= 500
    return True


@dataclass(slots=True)
class Door:
    """The front door of one Almanac process.

    Attributes:
        addresses: where people find it.
        secret: by which its proxy is known.
        visits: who is inside.
        trouble: why it is shut, in words; empty while it is open.
    """

    addresses: Addresses
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    visits: Visits = field(default_factory=Visits)
    trouble: str = ""
