"""Machines in clouds: what they are to do, and what they last told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from almanac.storage.repository import Repository
from almanac.storage.rows import NodeRow
from almanac.storage.tables import nodes

_C = nodes.c
_ROW = select(*(_C[field.name] for field in fields(NodeRow)))
_KEY = (_C.site == bindparam("at_site"), _C.cluster == bindparam("of_cluster"), _C.node == bindparam("the_node"))
_BY_NAME = _ROW.where(*_KEY)
_BY_JOIN = _ROW.where(_C.join_hash == bindparam("key"))
_BY_TOKEN = _ROW.where(_C.token_hash == bindparam("key"))
_AT_SITE = _ROW.where(_C.site == bindparam("at_site")).order_by(_C.cluster, _C.node)
_IN_CLUSTER = _ROW.where(*_KEY[:2]).order_by(_C.node)
_TAILS = select(_C.tails).where(*_KEY)
_RECORD = update(nodes).where(*_KEY)
_FORGET = delete(nodes).where(*_KEY[:2])


class Nodes(Repository):
    """One row per machine that is expected or there. Nothing of a cluster is left when it is forgotten."""

    def invite(self, site: str, cluster: str, node: str, join_hash: str, expires_at: datetime) -> None:
        """Expect a machine; one of the same name that was expected or there before is void, its orders stay."""
        fresh: dict[str, Any] = {
            "join_hash": join_hash,
            "join_expires_at": expires_at,
            "token_hash": None,
            "seen_at": None,
            "last_active": None,
            "saved_at": None,
            "report": {},
            "warning": "",
            "tails": {},
        }
        statement = self._insert(nodes)
        statement = statement.on_conflict_do_update(
            index_elements=["site", "cluster", "node"], set_={name: statement.excluded[name] for name in fresh}
        )
        key = {"site": site, "cluster": cluster, "node": node}
        self._connection.execute(statement, {**key, **fresh, "orders": None, "revision": 0})

    def get(self, site: str, cluster: str, node: str) -> NodeRow | None:
        """A machine, locked in a write transaction; None if it isn't expected."""
        row = self._locked(_BY_NAME, at_site=site, of_cluster=cluster, the_node=node).one_or_none()
        return None if row is None else NodeRow(*row)

    def by_join(self, join_hash: str) -> NodeRow | None:
        """The machine that a join token is for, locked in a write transaction."""
        row = self._locked(_BY_JOIN, key=join_hash).one_or_none()
        return None if row is None else NodeRow(*row)

    def by_token(self, token_hash: str) -> NodeRow | None:
        """The machine that has a token, locked in a write transaction."""
        row = self._locked(_BY_TOKEN, key=token_hash).one_or_none()
        return None if row is None else NodeRow(*row)

    def at(self, site: str) -> list[NodeRow]:
        """All of a site, by cluster and name."""
        return [NodeRow(*row) for row in self._rows(_AT_SITE, at_site=site)]

    def beside(self, row: NodeRow) -> list[NodeRow]:
        """A machine and the others of its cluster, by name."""
        return [NodeRow(*one) for one in self._rows(_IN_CLUSTER, at_site=row.site, of_cluster=row.cluster)]

    def record(self, row: NodeRow, **facts: Any) -> None:  # noqa: ANN401 - values of any column
        """Write some columns of a machine; one that was forgotten meanwhile stays so."""
        key = {"at_site": row.site, "of_cluster": row.cluster, "the_node": row.node}
        self._connection.execute(_RECORD.values(facts), key)

    def tails(self, site: str, cluster: str, node: str) -> Mapping[str, str]:
        """The last lines of its services' logs."""
        found = self._rows(_TAILS, at_site=site, of_cluster=cluster, the_node=node).scalar_one_or_none()
        return found or {}

    def forget(self, site: str, cluster: str) -> None:
        """Nothing of a cluster's machines is left."""
        self._connection.execute(_FORGET, {"at_site": site, "of_cluster": cluster})
