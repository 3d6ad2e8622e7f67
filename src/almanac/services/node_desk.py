"""Where a site's machines are invited, directed and heard of: ``core.ports.NodeDesk`` over the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from almanac.core.errors import AlmanacError
from almanac.core.ports import NodeReport, Permanent, Temporary
from almanac.node.orders import BadOrders, Orders
from almanac.node.parcel import BadParcel, check_path
from almanac.services.node_tokens import join_hash, mint_join
from almanac.services.vault import Vault
from almanac.storage.database import Database
from almanac.storage.rows import NodeRow

_TOLD = ("revision", "services", "doing", "trouble", "facts", "finished")


class Desk:
    """``core.ports.NodeDesk`` for one site."""

    def __init__(self, site: str, url: str, database: Database, vault: Vault, clock: Callable[[], datetime]) -> None:
        self._site = site
        self._url = url
        self._database = database
        self._vault = vault
        self._clock = clock

    @property
    def url(self) -> str:
        """Where machines reach Almanac."""
        return self._url

    def invite(self, cluster: str, node: str, lifetime: timedelta) -> str:
        """Expect a machine; see ``core.ports.NodeDesk``."""
        token = mint_join()
        with _as_a_site(), self._database.write() as unit:
            unit.nodes.invite(self._site, cluster, node, join_hash(token) or "", self._clock() + lifetime)
        return token

    def direct(self, cluster: str, node: str, orders: Mapping[str, Any]) -> int:
        """Set what a machine is to do; see ``core.ports.NodeDesk``.

        Raises:
            Permanent: these are no orders, or lead out of the storage.
            Temporary: the machine isn't expected (any more): invite it first.
        """
        text = _checked(orders).dumps()
        with _as_a_site(), self._database.write() as unit:
            row = unit.nodes.get(self._site, cluster, node)
            if row is None:
                raise Temporary(f"The machine {node} of {cluster} isn't expected here.")
            if row.orders is not None and self._vault.open_text(row.orders) == text:
                return row.revision
            unit.nodes.record(row, orders=self._vault.seal_text(text), revision=row.revision + 1)
        return row.revision + 1

    def reports(self) -> tuple[NodeReport, ...]:
        """Of every machine that is expected or there."""
        with _as_a_site(), self._database.read() as unit:
            return tuple(_report(row) for row in unit.nodes.at(self._site))

    def logs(self, cluster: str, node: str) -> Mapping[str, str]:
        """The last lines of each service's log, as the machine last sent them."""
        with _as_a_site(), self._database.read() as unit:
            return unit.nodes.tails(self._site, cluster, node)

    def forget(self, cluster: str) -> None:
        """Void all tokens and orders of a cluster."""
        with _as_a_site(), self._database.write() as unit:
            unit.nodes.forget(self._site, cluster)


def _checked(plain: Mapping[str, Any]) -> Orders:
    try:
        orders = Orders.of(plain)
        for place in (orders.logs, *(seat.files for seat in orders.seats.values())):
            if place is not None:
                check_path(place)
    except (BadOrders, BadParcel) as bad:
        raise Permanent(str(bad)) from None
    return orders


def _report(row: NodeRow) -> NodeReport:
    known = {name: row.report[name] for name in _TOLD if name in row.report}
    report = NodeReport(
        cluster=row.cluster,
        node=row.node,
        wanted=row.revision,
        seen_at=row.seen_at,
        last_active=row.last_active,
        saved_at=row.saved_at,
        **known,
    )
    return replace(report, trouble=" ".join(filter(None, (row.warning, report.trouble))))


@contextmanager
def _as_a_site() -> Iterator[None]:
    """What goes wrong with the database or the key is, to the loop, this site's trouble."""
    try:
        yield
    except AlmanacError as error:
        raise Temporary(error.message) from error
