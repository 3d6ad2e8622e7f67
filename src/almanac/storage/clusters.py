"""Clusters: what is to run, and what does."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from almanac.core.bookings import Phase
from almanac.storage.repository import Repository, by_key
from almanac.storage.rows import ClusterRow, ClusterTarget
from almanac.storage.tables import UNFINISHED_CLUSTER, clusters

_C = clusters.c
_FIELDS = tuple(field.name for field in fields(ClusterRow))
_BY_ID = by_key(clusters)
_BY_BOOKING = by_key(clusters, "booking_id")
_ADD = insert(clusters)
_BY_LEASE = by_key(clusters, "lease_id")
_UNFINISHED = select(clusters).where(UNFINISHED_CLUSTER).order_by(_C.created_at, _C.id)
_WARM_READY = (
    select(clusters)
    .where(
        UNFINISHED_CLUSTER,
        _C.site == bindparam("at_site"),
        _C.profile == bindparam("of_profile"),
        _C.booking_id.is_(None),
        _C.target == ClusterTarget.RUNNING,
        _C.phase == Phase.READY,
    )
    .order_by(_C.ready_at, _C.id)
)


class Clusters(Repository):
    """The running things behind bookings, and warm ones that wait for one."""

    def add(self, row: ClusterRow) -> None:
        """Add a cluster with a new id; a booking has at most one."""
        self._connection.execute(_ADD, _values(row))

    def get(self, cluster_id: str) -> ClusterRow | None:
        """The cluster, locked in a write transaction; None if there is none."""
        row = self._locked(_BY_ID, key=cluster_id).one_or_none()
        return None if row is None else ClusterRow(*row)

    def for_booking(self, booking_id: str) -> ClusterRow | None:
        """The booking's cluster, locked in a write transaction; None while it has none."""
        row = self._locked(_BY_BOOKING, key=booking_id).one_or_none()
        return None if row is None else ClusterRow(*row)

    def for_bookings(self, booking_ids: Collection[str]) -> dict[str, ClusterRow]:
        """Booking id -> cluster, for those that have one; any number of ids in one statement."""
        rows = self._connection.execute(select(clusters).where(self._among(_C.booking_id, booking_ids)))
        return {row.booking_id: ClusterRow(*row) for row in rows}

    def unfinished(self) -> list[ClusterRow]:
        """Those that aren't gone, or shouldn't be; oldest first."""
        return [ClusterRow(*row) for row in self._rows(_UNFINISHED)]

    def warm_ready(self, site: str, profile: str) -> list[ClusterRow]:
        """Ready clusters of the profile that no booking has; longest ready first."""
        return [ClusterRow(*row) for row in self._rows(_WARM_READY, at_site=site, of_profile=profile)]

    def for_lease(self, lease_id: str) -> ClusterRow | None:
        """The cluster that runs (or is to run) in the lease, locked in a write transaction."""
        row = self._locked(_BY_LEASE, key=lease_id).one_or_none()
        return None if row is None else ClusterRow(*row)

    def record(
        self,
        cluster_id: str,
        changed_at: datetime,
        *,
        if_spec: str | None = None,
        **facts: Any,  # noqa: ANN401 - values of any column
    ) -> bool:
        """Write some columns only, so that the loop's facts and people's intent never overwrite each other.

        Args:
            cluster_id: the cluster's.
            changed_at: aware UTC.
            if_spec: write only while the spec is still this one.
            facts: column name -> value.

        Returns:
            Whether there was such a row.
        """
        statement = update(clusters).where(_C.id == cluster_id)
        if if_spec is not None:
            statement = statement.where(_C.spec == if_spec)
        return self._connection.execute(statement.values(changed_at=changed_at, **facts)).rowcount == 1


def _values(row: ClusterRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _FIELDS}
