"""What is kept per site, and who leads."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, or_, select

from almanac.storage.repository import Repository
from almanac.storage.tables import builds, heartbeats, pools, site_settings

_VERSION = select(pools.c.version).where(pools.c.site == bindparam("key"))
_DRAINED = select(site_settings.c.drained_at).where(site_settings.c.site == bindparam("key"))
_BEAT = select(heartbeats.c.beat_at).where(heartbeats.c.name == bindparam("key"))
_RESIGN = delete(heartbeats).where(heartbeats.c.name == bindparam("key"), heartbeats.c.holder == bindparam("by"))
_RECORD_BUILD = insert(builds)
_BUILDS = (
    select(builds.c.seconds)
    .where(builds.c.site == bindparam("at_site"), builds.c.profile == bindparam("of_profile"))
    .order_by(builds.c.id.desc())
    .limit(bindparam("at_most"))
)


class Sites(Repository):
    """Pools, drains, measured builds and the election."""

    def touch_pool(self, site: str) -> int:
        """Take the site's pool until the commit, and return its new version.

        Every writer of a site's claims does this before it reads them, so of many writers one at a time checks and
        inserts, on both databases. Who needs several sites touches them in the order of their names.
        """
        statement = self._insert(pools).values(site=bindparam("the_site"), version=1)
        statement = statement.on_conflict_do_update(index_elements=["site"], set_={"version": pools.c.version + 1})
        return self._connection.execute(statement.returning(pools.c.version), {"the_site": site}).scalar_one()

    def pool_version(self, site: str) -> int:
        """The version of the last committed change to the site's claims; 0 before the first."""
        return self._rows(_VERSION, key=site).scalar_one_or_none() or 0

    def drained(self, site: str) -> datetime | None:
        """Since when the site takes no new bookings; None if it does take them."""
        drained_at: datetime | None = self._rows(_DRAINED, key=site).scalar_one_or_none()
        return drained_at

    def set_drained(self, site: str, drained_at: datetime | None) -> None:
        """Take no new bookings at the site from now on; None: take them again."""
        statement = self._insert(site_settings)
        statement = statement.on_conflict_do_update(
            index_elements=["site"], set_={"drained_at": statement.excluded.drained_at}
        )
        self._connection.execute(statement, {"site": site, "drained_at": drained_at})

    def lead(self, name: str, holder: str, now: datetime, ttl: timedelta) -> bool:
        """Become or stay the leader: True if nobody else has beaten within ``ttl``.

        One statement, so of many who try at once one wins.
        """
        statement = self._insert(heartbeats)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["name"],
            set_={"holder": new.holder, "beat_at": new.beat_at},
            where=or_(heartbeats.c.holder == new.holder, heartbeats.c.beat_at <= now - ttl),
        )
        won = self._connection.execute(
            statement.returning(heartbeats.c.holder), {"name": name, "holder": holder, "beat_at": now}
        )
        return won.one_or_none() is not None

    def last_beat(self, name: str) -> datetime | None:
        """When the leader last beat; None if there is none."""
        beat_at: datetime | None = self._rows(_BEAT, key=name).scalar_one_or_none()
        return beat_at

    def resign(self, name: str, holder: str) -> None:
        """Stop leading, so that the next one needn't wait."""
        self._connection.execute(_RESIGN, {"key": name, "by": holder})

    def record_build(self, site: str, profile: str, seconds: float, at: datetime) -> None:
        """Remember how long a build took."""
        self._connection.execute(_RECORD_BUILD, {"site": site, "profile": profile, "seconds": seconds, "at": at})

    def build_seconds(self, site: str, profile: str, limit: int = 50) -> list[float]:
        """How long the last builds took, latest first."""
        return list(self._rows(_BUILDS, at_site=site, of_profile=profile, at_most=limit).scalars())
