"""The ledger's arithmetic: what a booking holds, is charged and gets back, in whole node-seconds.

Lines are appended, never changed. For one booking, always
``holds = charges + refunds + outstanding``, and ``outstanding`` is 0 once it is settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from almanac.core.windows import Window


class LineKind(StrEnum):
    """What a ledger line does."""

    GRANT = "grant"
    HOLD = "hold"
    CHARGE = "charge"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line to append: ``node_seconds`` > 0."""

    kind: LineKind
    node_seconds: int


@dataclass(frozen=True, slots=True)
class Account:
    """One booking's lines, summed, in node-seconds.

    Attributes:
        charged_until: the end of the time that has been charged; None before the first charge.
    """

    held: int = 0
    charged: int = 0
    refunded: int = 0
    charged_until: datetime | None = None

    @property
    def outstanding(self) -> int:
        """Held and neither charged nor refunded yet."""
        return self.held - self.charged - self.refunded


def account(lines: Iterable[tuple[LineKind, int, datetime]]) -> Account:
    """Sum ``(kind, node_seconds, at)`` lines of one booking."""
    sums = dict.fromkeys(LineKind, 0)
    charged_until: datetime | None = None
    for kind, node_seconds, at in lines:
        sums[kind] += node_seconds
        if kind is LineKind.CHARGE and (charged_until is None or at > charged_until):
            charged_until = at
    return Account(sums[LineKind.HOLD], sums[LineKind.CHARGE], sums[LineKind.REFUND], charged_until)


def node_seconds(nodes: int, start: datetime, end: datetime) -> int:
    """``nodes`` x the seconds of ``[start, end)``, rounded up; 0 when the interval is empty."""
    microseconds = (end - start) // _MICROSECOND
    return max(0, -(-nodes * microseconds // 1_000_000))


def rebalance(current: Account, nodes: int, window: Window) -> tuple[Entry, ...]:
    """What to append so that the outstanding hold covers ``nodes`` for the rest of the window.

    Used when a booking is made, extended, shortened or resized.
    """
    since = max(window.start, current.charged_until or window.start)
    change = node_seconds(nodes, since, window.end) - current.outstanding
    if change > 0:
        return (Entry(LineKind.HOLD, change),)
    return (Entry(LineKind.REFUND, -change),) if change < 0 else ()


def charge_so_far(current: Account, nodes: int, usable_from: datetime, until: datetime) -> tuple[Entry, ...]:
    """Charge ``nodes`` from when they were usable (or last charged) until ``until``, never more than is outstanding."""
    since = max(usable_from, current.charged_until or usable_from)
    used = min(node_seconds(nodes, since, until), current.outstanding)
    return (Entry(LineKind.CHARGE, used),) if used > 0 else ()


def settle(current: Account, nodes: int, usable_from: datetime | None, until: datetime) -> tuple[Entry, ...]:
    """Charge what was used and refund the rest. ``usable_from`` None: it was never usable, so all is refunded."""
    charges = () if usable_from is None else charge_so_far(current, nodes, usable_from, until)
    unused = current.outstanding - sum(entry.node_seconds for entry in charges)
    return (*charges, Entry(LineKind.REFUND, unused)) if unused > 0 else charges


_MICROSECOND = datetime.resolution
