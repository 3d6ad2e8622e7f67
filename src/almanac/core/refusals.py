"""A refusal: what is short, when, by how much, and what would fit instead; in words and as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from almanac.core.windows import Window

AlternativeKind = Literal["later", "smaller", "other_site"]


@dataclass(frozen=True, slots=True)
class Alternative:
    """Something near the request that does fit.

    Attributes:
        kind: the same later, fewer seats at the asked time, or the same at another site.
        message: the same in one sentence.
        site: where.
        window: when.
        seats: how many.
    """

    kind: AlternativeKind
    message: str
    site: str
    window: Window
    seats: int

    def to_json(self) -> dict[str, Any]:
        """As the API shows it."""
        return {"kind": self.kind, "message": self.message, "site": self.site, "seats": self.seats} | _span(self.window)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request doesn't fit at the asked time, and what would.

    Attributes:
        message: sentences for people.
        site: the site that is spoken of.
        limiting: the resource that is short, one of ``RESOURCE_NAMES``.
        interval: when it is short.
        short: by how much, in the resource's unit.
        alternatives: what would fit; empty when nothing ever would.
    """

    message: str
    site: str
    limiting: str
    interval: Window
    short: int
    alternatives: tuple[Alternative, ...] = ()

    def to_json(self) -> Mapping[str, Any]:
        """As the API shows it."""
        return {
            "message": self.message,
            "site": self.site,
            "limiting": self.limiting,
            "interval": _span(self.interval),
            "short": self.short,
            "alternatives": [alternative.to_json() for alternative in self.alternatives],
        }


def shortage(resource: str, amount: int) -> str:
    """A lack in words, such as ``memory is short by 6 GiB``."""
    match resource:
        case "memory_mib":
            return (
                f"memory is short by {amount / 1024:.4g} GiB" if amount >= 1024 else f"memory is short by {amount} MiB"
            )
        case "disk_gib":
            return f"scratch disk is short by {amount} GiB"
        case "gpus":
            return f"{amount} more GPU{' is' if amount == 1 else 's are'} needed"
        case _:
            return f"{amount} more core{' is' if amount == 1 else 's are'} needed"


def spoken(window: Window) -> str:
    """A window in words, such as ``2026-05-04 10:00 to 11:30 UTC``."""
    day = "" if window.start.date() == window.end.date() else f"{window.end:%Y-%m-%d} "
    return f"{window.start:%Y-%m-%d} {_clock(window.start)} to {day}{_clock(window.end)} UTC"


def _clock(instant: datetime) -> str:
    """To the minute, or to the second where that matters."""
    return f"{instant:%H:%M:%S}" if instant.second or instant.microsecond else f"{instant:%H:%M}"


def _span(window: Window) -> dict[str, str]:
    return {"start": _iso(window.start), "end": _iso(window.end)}


def _iso(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
