"""Claims: who takes how much of which host, and when."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select

from almanac.core.resources import Claim, Holder, Resources
from almanac.core.windows import Window
from almanac.storage.repository import AnyRow, Repository
from almanac.storage.tables import claims
from almanac.storage.types import UtcDateTime

_C = claims.c
_NOW = bindparam("now", type_=UtcDateTime())
_ADD = insert(claims)
_REMOVE = delete(claims).where(_C.holder_id == bindparam("holder"))
_FOR_HOLDER = select(claims).where(_C.holder_id == bindparam("holder")).order_by(_C.id)
_CURRENT = (
    select(claims)
    .where(_C.site == bindparam("site"), _C.window_end > _NOW, or_(_C.expires_at.is_(None), _C.expires_at > _NOW))
    .order_by(_C.id)
)
_GIVING_WAY = (
    select(claims)
    .where(
        _C.site == bindparam("site"),
        _C.holder.in_([holder for holder in Holder if holder.gives_way]),
        _C.window_end > bindparam("start", type_=UtcDateTime()),
        _C.window_start < bindparam("end", type_=UtcDateTime()),
    )
    .order_by(_C.id)
)


class Claims(Repository):
    """Who writes claims at a site has touched its pool first: that serialises them."""

    def add_all(self, new: Iterable[Claim]) -> None:
        """Add claims, in one statement."""
        values = [_values(claim) for claim in new]
        if values:
            self._connection.execute(_ADD, values)

    def remove(self, holder_id: str) -> None:
        """Remove all of a holder's claims."""
        self._connection.execute(_REMOVE, {"holder": holder_id})

    def replace(self, holder_id: str, new: Iterable[Claim]) -> None:
        """Put others in place of a holder's claims."""
        self.remove(holder_id)
        self.add_all(new)

    def current(self, site: str, now: datetime) -> list[Claim]:
        """A site's claims that haven't ended, without offers that have expired."""
        return [_claim(row) for row in self._rows(_CURRENT, site=site, now=now)]

    def giving_way(self, site: str, within: Window) -> list[Claim]:
        """A site's claims that give way to bookings and share an instant with a window."""
        found = self._rows(_GIVING_WAY, site=site, start=within.start, end=within.end)
        return [_claim(row) for row in found]

    def for_holder(self, holder_id: str) -> list[Claim]:
        """A holder's claims, in the order they were added."""
        return [_claim(row) for row in self._rows(_FOR_HOLDER, holder=holder_id)]


def _values(claim: Claim) -> dict[str, Any]:
    return {
        "site": claim.site,
        "host": claim.host,
        "role": claim.role,
        "flavor": claim.flavor,
        "count": claim.count,
        "cores": claim.resources.cores,
        "memory_mib": claim.resources.memory_mib,
        "disk_gib": claim.resources.disk_gib,
        "gpus": claim.resources.gpus,
        "window_start": claim.window.start,
        "window_end": claim.window.end,
        "holder": claim.holder,
        "holder_id": claim.holder_id,
        "expires_at": claim.expires_at,
    }


def _claim(row: AnyRow) -> Claim:
    _, site, host, role, flavor, count, cores, memory, disk, gpus, start, end, holder, holder_id, expires_at = row
    resources = Resources(cores, memory, disk, gpus)
    return Claim(site, host, role, flavor, count, resources, Window(start, end), holder, holder_id, expires_at)
