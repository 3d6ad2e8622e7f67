"""Series: their dates and how each stands; one, this and the following or all are changed or called off."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import SeriesId
from almanac.core.errors import AlmanacError, NoCapacity, NotFound
from almanac.core.local_time import zone_named
from almanac.core.series import Edit, Policy, Scope
from almanac.portal import booking_form
from almanac.portal.errors import hint_of
from almanac.portal.local_times import LocalTimes
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.series_form import options
from almanac.portal.stale import Stale, stale
from almanac.portal.timeline import WORDS
from almanac.services.series import SeriesChange
from almanac.services.series_views import Finding, OccurrenceView, PlanView, SeriesView

router = APIRouter(prefix="/series")

STATES = {"refused": "Didn't fit", "left_out": "Left out"} | {status.value: words for status, words in WORDS.items()}
"""How a page calls each state of a date."""
SCOPES = {
    Scope.ONE: "only this date",
    Scope.FOLLOWING: "this and the following dates",
    Scope.ALL: "all dates to come",
}
Day = Annotated[date, Path()]


class CancelForm(BaseModel):
    """Which dates to call off."""

    scope: Scope = Scope.ONE


class EditForm(BaseModel):
    """A change: what is as the page showed it stays as each date has it.

    Attributes:
        start: local, in the series' zone.
        seen: what the page showed, as ``seen_of`` writes it.
        plan: only look what would become of it.
    """

    scope: Scope = Scope.ONE
    start: Annotated[str, Field(max_length=40)] = ""
    lasts_s: Annotated[int, Field(ge=1, le=fields.YEAR_S)]
    seats: Annotated[int, Field(ge=1, le=10_000)]
    title: fields.Title | None = None
    seen: Annotated[str, Field(max_length=80)]
    plan: bool = False

    def change(self, series: SeriesView, named: OccurrenceView, zone: LocalTimes) -> SeriesChange:
        """What is to be changed.

        Raises:
            BadRequest: the start is no time.
        """
        start = zone.local(self.start) if self.start and self.start[:16] != zone.field(named.start) else None
        length = timedelta(seconds=self.lasts_s)
        edit = Edit(
            start,
            None if length == named.end - named.start else length,
            None if self.seats == named.seats else self.seats,
            None if self.title == series.title else self.title,
        )
        return SeriesChange(self.scope, named.date, edit)


@router.get("")
def all_series(reader: Reading) -> HTMLResponse:
    """My series, the newest first."""
    found = reader.app.series.list(reader.caller, reader.now, mine=True)
    return reader.page("all_series.html", all_series=[(each, coming(each, reader.now)) for each in found])


@router.get("/{series}")
def one_series(series: SeriesId, reader: Reading) -> HTMLResponse:
    """Its dates and how each stands."""
    return _show(reader, reader.app.series.get(reader.caller, series, reader.now))


@router.get("/{series}/{day}")
def occurrence(series: SeriesId, day: Day, reader: Reading) -> HTMLResponse:
    """One of its dates, to be changed alone or with others."""
    found = reader.app.series.get(reader.caller, series, reader.now)
    return _date(reader, found, named(found, day))


@router.post("/{series}/{day}/edit")
def edit(series: SeriesId, day: Day, form: Annotated[EditForm, Form()], reader: Posting) -> Response:
    """Change it, or look what would become of it; sent twice, it is changed once."""
    found = reader.app.series.get(reader.caller, series, reader.now)
    this = named(found, day)
    zone = _there(reader, found)
    try:
        change = form.change(found, this, zone)
        if form.seen != seen_of(this):
            if change.edit == Edit():  # it is made already
                return reader.go(f"/series/{series}")
            raise stale(f"that date is now {zone.span(this.start, this.end)}, with {this.seats} seats")
        if form.plan:
            return _date(reader, found, this, form=form, plan=_plan(reader, series, change))
        changed = reader.app.series.edit(reader.caller, series, change, Policy.WHAT_FITS, reader.now)
    except NoCapacity as error:
        return _date(reader, found, this, form=form, plan=_plan(reader, series, change), error=error)
    except AlmanacError as error:
        return _date(reader, found, this, form=None if isinstance(error, Stale) else form, error=error)
    if changed.plan is not None and any(each.finding is Finding.REFUSED for each in changed.plan.verdicts):
        return _show(reader, changed)
    return reader.go(f"/series/{series}")


@router.post("/{series}/{day}/cancel")
def cancel(series: SeriesId, day: Day, form: Annotated[CancelForm, Form()], reader: Posting) -> Response:
    """Call off this date, this and the following, or all."""
    found = reader.app.series.get(reader.caller, series, reader.now)
    this = named(found, day)
    if form.scope is Scope.ONE and this.state in {"left_out", "cancelled"}:
        return reader.go(f"/series/{series}")
    try:
        reader.app.series.cancel(reader.caller, series, form.scope, day, reader.now)
    except AlmanacError as error:
        return _date(reader, found, this, error=error)
    return reader.go(f"/series/{series}")


def named(series: SeriesView, day: date) -> OccurrenceView:
    """A date of a series.

    Raises:
        NotFound: it has no such date.
    """
    found = next((each for each in series.occurrences if each.date == day), None)
    if found is None:
        raise NotFound(f"{day} is no date of this series.", hint="Choose one on the page of the series.")
    return found


def seen_of(this: OccurrenceView) -> str:
    """What a page shows of a date, by which its form knows whether it is out of date."""
    return f"{this.start.isoformat()} {this.end.isoformat()} {this.seats}"


def coming(series: SeriesView, now: datetime) -> list[OccurrenceView]:
    """What of a series is still to come."""
    return [each for each in series.occurrences if each.end > now and each.state not in {"left_out", "cancelled"}]


def _there(reader: Reader, series: SeriesView) -> LocalTimes:
    """The clocks of a series, which may be others than its reader's."""
    return LocalTimes(zone_named(series.zone), reader.now)


def _show(reader: Reader, series: SeriesView) -> HTMLResponse:
    """A series; after a change of which not everything fitted, with what became of each date."""
    return reader.page(
        "series.html",
        series=series,
        coming=coming(series, reader.now),
        owns=reader.caller.owns(series.project, series.owner),
        there=_there(reader, series),
        states=STATES,
        **_planned(reader, series, series.plan),
    )


def _date(
    reader: Reader,
    series: SeriesView,
    this: OccurrenceView,
    *,
    form: EditForm | None = None,
    plan: PlanView | None = None,
    error: AlmanacError | None = None,
) -> HTMLResponse:
    reader.caller.can_change(series.project, series.owner, f"series {series.id}")
    there = _there(reader, series)
    longest = reader.app.catalogue.profile(series.profile).max_duration
    form = form or EditForm(
        start=there.field(this.start),
        lasts_s=int((this.end - this.start).total_seconds()),
        seats=this.seats,
        title=series.title,
        seen=seen_of(this),
    )
    lasts = timedelta(seconds=form.lasts_s)
    return reader.page(
        "series_date.html",
        error.status if error else 200,
        series=series,
        this=this,
        there=there,
        form=form,
        choices=sorted({*booking_form.lengths(longest), lasts, this.end - this.start}),
        scopes=SCOPES,
        states=STATES,
        changes=this.start > reader.now,
        error=error,
        hint=hint_of(error) if error else "",
        **_planned(reader, series, plan),
    )


def _planned(reader: Reader, series: SeriesView, plan: PlanView | None) -> dict[str, object]:
    """What templates know of a plan: what could be taken instead, too."""
    found = {each.date: options(each, "", _there(reader, series)) for each in plan.verdicts} if plan else {}
    return {"plan": plan, "options": found, "seen": {each.date: seen_of(each) for each in series.occurrences}}


def _plan(reader: Reader, series: str, change: SeriesChange) -> PlanView:
    return reader.app.series.plan_edit(reader.caller, series, change, reader.now)
