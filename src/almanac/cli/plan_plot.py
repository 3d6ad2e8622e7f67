"""A plan drawn in the terminal: what is booked, what is held beside it, and how high the forecast goes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from math import ceil

from almanac.client.plan_models import ProfilePlan

HEIGHT = 8
BOOKED, HELD, LIKELY = "█", "▒", "·"
LEGEND = f"{BOOKED} booked  {HELD} held beside  {LIKELY} forecast, not held  │ now"
_HOUR = timedelta(hours=1)
_LABEL = 4
"""Characters left of the plot, at least."""


@dataclass(frozen=True, slots=True)
class Column:
    """What stands in one column, in places: the most of its hours.

    Attributes:
        likely: what is booked, and the forecast's highest quantile beside it.
    """

    at: datetime
    booked: float
    held: float
    likely: float


def draw(plan: ProfilePlan, width: int, past: int, ahead: int, zone: tzinfo) -> list[str]:
    """The plot's lines.

    Args:
        plan: a profile's.
        width: characters of a line.
        past: hours to look back, at most those that there are.
        ahead: hours to look ahead, likewise.
        zone: the reader's.
    """
    before, after = _past(plan)[-past:] if past else [], _coming(plan)[:ahead]
    top = ceil(max(1.0, *(max(column.likely, column.held) for column in (*before, *after))))
    step = max(1, -(-top // HEIGHT))
    levels = [step * row for row in range(-(-top // step), 0, -1)]
    label = max(_LABEL, len(str(levels[0])) + 1)
    each = max(1, -(-(len(before) + len(after)) // max(1, width - label - 1)))
    left, right = list(_together(before, each)), list(_together(after, each))
    rows = [f"{level:>{label - 1}} {_row(left, level, step)}│{_row(right, level, step)}".rstrip() for level in levels]
    return [*rows, f"{'':{label}}{_days([*left, None, *right], zone)}".rstrip()]


def _past(plan: ProfilePlan) -> list[Column]:
    past = plan.past
    if past is None:
        return []
    rows = zip(past.held, past.booked, past.walk_ins, past.high, strict=True)
    return [
        Column(past.start + hour * _HOUR, booked or 0, held or 0, (booked or 0) + max(came or 0, high or 0))
        for hour, (held, booked, came, high) in enumerate(rows)
    ]


def _coming(plan: ProfilePlan) -> list[Column]:
    coming = plan.coming
    held: Sequence[int] = coming.held or coming.booked
    rows = zip(coming.booked, held, coming.quantiles, strict=True)
    return [
        Column(coming.start + hour * _HOUR, booked, there, booked + (quantiles[-1] if quantiles else 0))
        for hour, (booked, there, quantiles) in enumerate(rows)
    ]


def _together(columns: Sequence[Column], each: int) -> Iterable[Column]:
    for first in range(0, len(columns), each):
        some = columns[first : first + each]
        yield Column(some[0].at, *(max(getattr(c, name) for c in some) for name in ("booked", "held", "likely")))


def _row(columns: Iterable[Column], level: int, step: int) -> str:
    """One line of the plot: a sign stands for more than half of its step."""
    reached = level - step / 2
    return "".join(
        BOOKED if c.booked >= reached else HELD if c.held >= reached else LIKELY if c.likely >= reached else " "
        for c in columns
    )


def _days(columns: Sequence[Column | None], zone: tzinfo) -> str:
    """The weekday under the first column of each day, where there is room for it."""
    line, day = "", None
    for place, column in enumerate(columns):
        if column is None:
            continue
        local = column.at.astimezone(zone).date()
        if local != day and len(line) <= place:
            line = f"{line:{place}}{local:%a} "
        day = local
    return line
