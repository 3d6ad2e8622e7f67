"""Demand by the hour: Almanac's own, and imported traces beside it; and wishes for which there was no room.

Hours without demand have no row: a span says from when to when a source's hours are all there, gaps which aren't known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select

from almanac.core.demand_hours import DemandHour, Kind
from almanac.core.windows import Window
from almanac.storage.repository import Repository
from almanac.storage.rows import DemandSpanRow, PeakRow, WishRow
from almanac.storage.tables import demand_gaps, demand_hours, demand_spans, wishes
from almanac.storage.types import UtcDateTime

_H, _S, _G, _W = demand_hours.c, demand_spans.c, demand_gaps.c, wishes.c
_FROM = bindparam("from_hour", type_=UtcDateTime())
_SPANS = select(demand_spans).order_by(_S.source)
_PEAKS = (
    select(_H.source, _H.hour, _H.peak, _H.arrivals)
    .where(_H.profile == bindparam("of_profile"), _H.kind == bindparam("of_kind", type_=_H.kind.type), _H.hour >= _FROM)
    .order_by(_H.hour)
)
_GAPS = select(_G.source, _G.start, _G.end).where(_G.end > _FROM).order_by(_G.source, _G.start)
_PROFILES = select(_H.profile).distinct().order_by(_H.profile)
_ADD_HOURS = insert(demand_hours)
_START, _END = (bindparam(name, type_=UtcDateTime()) for name in ("from_start", "to_end"))
_MINE = (_W.person == bindparam("by_person"), _W.profile == bindparam("of_profile"))
_SAME = select(func.count()).where(*_MINE, _W.window_end > _START, _W.window_start < _END)
_WISHES = select(wishes).where(_W.window_end > _START, _W.window_start < _END).order_by(_W.id)


class Demand(Repository):
    """What was asked for, hour by hour."""

    def spans(self) -> dict[str, DemandSpanRow]:
        """Source -> what is known of it."""
        return {row.source: DemandSpanRow(*row) for row in self._rows(_SPANS)}

    def set_span(self, span: DemandSpanRow) -> None:
        """Say from when to when a source's hours are all there."""
        values = asdict(span)
        statement = self._insert(demand_spans).values(values)
        changed = {name: value for name, value in values.items() if name != "source"}
        self._connection.execute(statement.on_conflict_do_update(index_elements=["source"], set_=changed))

    def add(self, source: str, hours: Iterable[DemandHour]) -> None:
        """Add hours in which there was demand; each is told once."""
        rows = [{"source": source, **asdict(hour)} for hour in hours]
        if rows:
            self._connection.execute(_ADD_HOURS, rows)

    def add_gap(self, source: str, gap: Window) -> None:
        """Note that nothing is known of a stretch of time; one that begins with a known one is that one, as long as it is now."""
        statement = self._insert(demand_gaps).values(source=source, start=gap.start, end=gap.end)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=["source", "start"], set_={"end": gap.end})
        )

    def forget(self, source: str) -> None:
        """Remove all of a source."""
        for table in (demand_hours, demand_gaps, demand_spans):
            self._connection.execute(delete(table).where(table.c.source == source))

    def profiles(self) -> list[str]:
        """Those for which there was ever demand."""
        return list(self._rows(_PROFILES).scalars())

    def hours(self, profile: str, kind: Kind, since: datetime) -> list[PeakRow]:
        """The hours from an instant on in which there was demand, of all sources, by hour."""
        return [PeakRow(*row) for row in self._rows(_PEAKS, of_profile=profile, of_kind=kind, from_hour=since)]

    def gaps(self, since: datetime) -> list[tuple[str, Window]]:
        """What isn't known of each source from an instant on."""
        return [(row.source, Window(row.start, row.end)) for row in self._rows(_GAPS, from_hour=since)]

    # --- wishes ---

    def wish(self, row: WishRow) -> bool:
        """Note what nobody had room for, once: who asks again for the same time wants one thing.

        Returns:
            Whether it is new.
        """
        window = {"from_start": row.window.start, "to_end": row.window.end}
        if self._rows(_SAME, by_person=row.person, of_profile=row.profile, **window).scalar_one():
            return False
        values = asdict(row)
        del values["window"]
        self._connection.execute(
            insert(wishes).values(**values, window_start=row.window.start, window_end=row.window.end)
        )
        return True

    def wishes(self, within: Window) -> list[WishRow]:
        """Those that overlap a window, the oldest first."""
        found = self._rows(_WISHES, from_start=within.start, to_end=within.end)
        return [
            WishRow(row.asked_at, row.person, row.profile, row.workers, Window(row.window_start, row.window_end))
            for row in found
        ]
