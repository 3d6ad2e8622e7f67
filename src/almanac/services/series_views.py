"""What doors show of series: each occurrence, and the verdict on each that a change would touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from almanac.core.errors import AlmanacError, NoCapacity
from almanac.core.series import Occurrence, Policy
from almanac.services.views import BookingView


class Finding(StrEnum):
    """What became, or would become, of an occurrence.

    STAYS: it has begun. UNCHANGED: it is as wanted already. REFUSED: it doesn't fit; a booking that it has stays.
    """

    FITS = "fits"
    REFUSED = "refused"
    UNCHANGED = "unchanged"
    STAYS = "stays"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class VerdictView:
    """The verdict on one occurrence: what booking it alone, after the ones before it, says.

    Attributes:
        date: its name in the series.
        booking: its booking, once made; None in a plan.
        site: where it fits; empty when it doesn't.
        approval: why it would wait for an approval; empty when it wouldn't.
        note: how daylight saving was understood.
        code, message, hint: of the refusal; empty when it fits.
        alternatives: what would fit instead, JSON-ready.
    """

    date: date
    start: datetime
    end: datetime
    seats: int
    finding: Finding
    booking: str | None = None
    site: str = ""
    approval: str = ""
    note: str = ""
    code: str = ""
    message: str = ""
    hint: str = ""
    alternatives: tuple[Mapping[str, Any], ...] = ()

    @property
    def good(self) -> bool:
        """Whether it is as wanted."""
        return self.finding in {Finding.FITS, Finding.UNCHANGED, Finding.CANCELLED}


@dataclass(frozen=True, slots=True)
class PlanView:
    """Verdicts by date, and what they come to."""

    verdicts: tuple[VerdictView, ...]
    fitting: int
    total: int
    summary: str


@dataclass(frozen=True, slots=True)
class OccurrenceView:
    """An occurrence and how it stands.

    Attributes:
        state: its booking's status, ``refused`` for one that didn't fit, or ``left_out``.
        note: how daylight saving was understood, or why it didn't fit.
    """

    date: date
    start: datetime
    end: datetime
    seats: int
    state: str
    booking: str | None
    site: str
    note: str


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A series as people see it.

    Attributes:
        rule: its schedule as it was made, in words.
        plan: the verdicts of the change that this answers; None where nothing was asked for.
    """

    id: str
    project: str
    owner: str
    profile: str
    title: str
    zone: str
    rule: str
    created_at: datetime
    occurrences: tuple[OccurrenceView, ...]
    plan: PlanView | None = None


def verdict(
    wanted: Occurrence, finding: Finding, made: BookingView | None = None, error: AlmanacError | None = None
) -> VerdictView:
    """The verdict on an occurrence that was tried."""
    refusal = error.details.get("refusal", {}) if error else {}
    return VerdictView(
        wanted.date,
        made.start if made else wanted.window.start,
        made.end if made else wanted.window.end,
        wanted.seats,
        finding,
        booking=made.id if made else wanted.booking_id,
        site=made.site if made else "",
        approval=made.approval if made else "",
        note=wanted.note,
        code=error.code if error else "",
        message=error.message if error else "",
        hint=error.hint if error else "",
        alternatives=tuple(refusal.get("alternatives", ())),
    )


def plan_of(verdicts: Sequence[VerdictView]) -> PlanView:
    """Verdicts with their sum in words: ``10 of 12 fit; alternatives for 2.`` and the like."""
    ordered = tuple(sorted(verdicts, key=lambda each: each.date))
    asked = [each for each in ordered if each.finding is not Finding.STAYS]
    good = [each for each in asked if each.good]
    helped = sum(bool(each.alternatives) for each in asked)
    stay = len(ordered) - len(asked)
    cancelled = bool(good) and all(each.finding is Finding.CANCELLED for each in good)
    verb = ("is" if len(good) == 1 else "are") + " cancelled" if cancelled else "fits" if len(good) == 1 else "fit"
    said = [f"{len(good)} of {len(asked)} {verb}"]
    said += [f"alternatives for {helped}"] if helped else []
    said += [f"{stay} {'has' if stay == 1 else 'have'} begun and {'stays' if stay == 1 else 'stay'}"] if stay else []
    return PlanView(ordered, len(good), len(asked), f"{'; '.join(said)}.")


def check_plan(plan: PlanView, policy: Policy) -> None:
    """Raise NoCapacity if so little fits that nothing is to be changed."""
    refused = [each for each in plan.verdicts if each.finding is Finding.REFUSED]
    if not refused or (plan.fitting and policy is Policy.WHAT_FITS):
        return
    first = refused[0]
    verdicts = [
        {"date": each.date.isoformat(), "finding": each.finding, "code": each.code, "message": each.message}
        | {"alternatives": list(each.alternatives)}
        for each in plan.verdicts
    ]
    raise NoCapacity(
        f"{plan.summary} {first.date}: {first.message}",
        hint="Take those that fit, or choose another time. " * bool(plan.fitting) + first.hint,
        details={"verdicts": verdicts},
    )
