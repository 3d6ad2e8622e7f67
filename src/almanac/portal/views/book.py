"""The form that books for later, for many or again and again: what it would mean is told while it is filled in."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, Response

from almanac.api import fields
from almanac.core.errors import AlmanacError, NoCapacity
from almanac.core.series import Policy
from almanac.portal import booking_form, costs, refusals, series_form
from almanac.portal.costs import Cost
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.series_form import RepeatForm
from almanac.portal.views.home import helpers
from almanac.services.requests import project_for
from almanac.services.series_views import Finding, PlanView
from almanac.services.views import ProfileView

router = APIRouter()


@router.get("/book")
def form(
    reader: Reading,
    profile: Annotated[str, Query(max_length=40, pattern=rf"{fields.LABEL}|^$")] = "",
    start: Annotated[str, Query(max_length=40)] = "",
    seats: Annotated[int, Query(ge=1, le=10_000)] = 1,
    lasts_s: Annotated[int, Query(ge=60, le=fields.YEAR_S)] = int(booking_form.USUAL.total_seconds()),
    site: Annotated[str, Query(max_length=40)] = "",
    project: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    """Book for later, for many, again and again, or with a name."""
    offered = _offered(reader)
    chosen = profile or (offered[0].name if offered else "none")
    asked = RepeatForm(profile=chosen, start=start, seats=seats, lasts_s=lasts_s, site=site, project=project)
    return _form(reader, asked)


@router.post("/book")
def book(form: Annotated[RepeatForm, Form()], reader: Posting) -> Response:
    """Book what the form says, or show each date of what repeats; what was typed stays with a refusal."""
    if form.repeat:
        return _dates(reader, form)
    try:
        made = reader.app.bookings.book(reader.caller, form.request(reader.times), reader.now, form.key or None)
    except AlmanacError as error:
        return _form(reader, form, error)
    return reader.go(f"/bookings/{made.id}")


@router.get("/book/verdict")
def verdict(form: Annotated[RepeatForm, Query()], reader: Reading) -> HTMLResponse:
    """Whether it fits as asked, where, and for how much; or why not, and what would."""
    try:
        return _series_verdict(reader, form) if form.repeat else _verdict(reader, form)
    except AlmanacError as error:
        told = refusals.told(reader, form, error)
        return reader.page("_refusal.html", refusal=told, form=form, new_key=booking_form.new_key)


@router.post("/book/series")
def book_series(form: Annotated[RepeatForm, Form()], reader: Posting) -> Response:
    """Book the dates of a series that are wanted and fit, with what was chosen for others."""
    try:
        request = form.series(reader.times)
        made = reader.app.series.make(reader.caller, request, Policy.WHAT_FITS, reader.now, form.key or None)
    except AlmanacError as error:
        return _dates(reader, form, error)
    return reader.go(f"/series/{made.id}")


def _verdict(reader: Reader, form: RepeatForm) -> HTMLResponse:
    made = reader.app.trials.book(reader.caller, form.request(reader.times), reader.now)
    cost = costs.cost(reader, made.project, made.site, made.node_hours, made.start)
    return reader.page("_verdict.html", made=made, cost=cost)


def _series_verdict(reader: Reader, form: RepeatForm) -> HTMLResponse:
    plan = reader.app.series.plan(reader.caller, form.series(reader.times), reader.now)
    return reader.page("_series_verdict.html", plan=plan, costs=_costs(reader, form, plan))


def _costs(reader: Reader, form: RepeatForm, plan: PlanView) -> list[Cost]:
    """What the dates that fit cost together, by site."""
    profile = reader.app.catalogue.profile(form.profile)
    project = project_for(reader.caller, form.project or None)
    spent: dict[str, float] = defaultdict(float)
    first: dict[str, datetime] = {}
    for each in plan.verdicts:
        if each.finding is Finding.FITS:
            spent[each.site] += series_form.node_hours(each, profile)
            first.setdefault(each.site, each.start)
    return [costs.cost(reader, project, site, hours, first[site]) for site, hours in spent.items()]


def _dates(reader: Reader, form: RepeatForm, error: AlmanacError | None = None) -> HTMLResponse:
    """Each date of a series with its verdict, and what could be taken instead."""
    try:
        request = form.series(reader.times)
        plan = reader.app.series.plan(reader.caller, request, reader.now)
    except AlmanacError as wrong:
        return _form(reader, form, wrong)
    if not plan.fitting and error is None:
        first = next((each.message for each in plan.verdicts), "Choose at least one.")
        error = NoCapacity(f"None of these dates would be booked. {first}")
    return reader.page(
        "series_dates.html",
        error.status if error else 200,
        form=form,
        words=request.schedule.words,
        plan=plan,
        rows=series_form.rows(form, request, plan, reader.times),
        costs=_costs(reader, form, plan),
        refusal=refusals.told(reader, form, error) if error else None,
        new_key=booking_form.new_key,
    )


def _offered(reader: Reader) -> list[ProfileView]:
    return [profile for profile in reader.app.catalogue.profiles(reader.now) if profile.sites]


def _form(reader: Reader, form: RepeatForm, error: AlmanacError | None = None) -> HTMLResponse:
    offered = _offered(reader)
    longest = max((profile.max_duration for profile in offered), default=booking_form.USUAL)
    return reader.page(
        "book.html",
        error.status if error else 200,
        form=form,
        choices=sorted({*booking_form.lengths(longest), form.lasts}),
        profiles=offered,
        projects=booking_form.projects_of(reader.caller),
        left=costs.left(reader),
        days=series_form.DAYS,
        refusal=refusals.told(reader, form, error) if error else None,
        **helpers(),
    )
