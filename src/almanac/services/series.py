"""Bookings that recur: a verdict on each occurrence before anything is booked, then all that fit or nothing.

Every change runs in one transaction over all sites and goes through the same steps as a single booking does, in order: that
is why the verdicts are what booking each occurrence alone would say, and why nothing is overbooked. A plan is the same
transaction, rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from almanac.core.errors import AlmanacError, WrongState
from almanac.core.series import (
    Edit,
    Occurrence,
    Policy,
    Schedule,
    Scope,
    Series,
    affected,
    edited,
    in_order,
    occurrences,
)
from almanac.services.bookings import Bookings
from almanac.services.calendars import Calendars, Joint
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.lookup import new_id
from almanac.services.making import Maker
from almanac.services.requests import check_duration, project_for
from almanac.services.series_state import (
    as_booked,
    known,
    live,
    on_behalf,
    request_for,
    tell_of_series,
    view_of,
    visible_series,
    was_cancelled,
)
from almanac.services.series_views import Finding, PlanView, SeriesView, VerdictView, check_plan, plan_of, verdict
from almanac.storage.database import Database
from almanac.storage.unit import Unit


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """A series to make; see ``BookingRequest`` for what isn't about time."""

    profile: str
    schedule: Schedule
    seats: int = 1
    project: str | None = None
    site: str | None = None
    title: str = ""
    data: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesChange:
    """An edit of some of a series' occurrences; ``day`` names the one that it starts from."""

    scope: Scope
    day: date | None
    edit: Edit


class SeriesDesk:
    """Makes, shows, edits and cancels series. ``notify`` wakes the loop."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        calendars: Calendars,
        maker: Maker,
        bookings: Bookings,
        notify: Callable[[], None],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._calendars = calendars
        self._maker = maker
        self._bookings = bookings
        self._notify = notify

    # --- making ----------------------------------------------------------------------------------------------------------

    def plan(self, caller: Caller, request: SeriesRequest, now: datetime) -> PlanView:
        """What would become of each occurrence now; nothing is booked or held.

        Raises:
            BadRequest, BadWindow, UnknownProfile, NotFound, Forbidden: what is wrong with the whole series.
        """
        series, dates = self._draft(caller, request, now, None)
        with self._calendars.changing_all(now, keep=False) as joint:
            verdicts, _ = self._book(joint, caller, series, dates, now)
        return plan_of([replace(each, booking=None) for each in verdicts])

    def make(
        self, caller: Caller, request: SeriesRequest, policy: Policy, now: datetime, key: str | None = None
    ) -> SeriesView:
        """Book every occurrence that fits, or all or nothing; the answer's plan has the verdicts.

        Args:
            caller: who books.
            request: what and when.
            policy: what to take of a series that doesn't fit in whole.
            now: aware UTC.
            key: the caller's own key of this request; a repetition answers with the first one's series.

        Raises:
            NoCapacity: nothing fits, or not all and all was asked for; ``details['verdicts']`` says why for each.
            BadRequest, BadWindow, UnknownProfile, NotFound, Forbidden: as they say.
        """
        series, dates = self._draft(caller, request, now, key)
        try:
            made = self._repeated(series, now) or self._make(caller, series, dates, policy, now)
        except AlmanacError:
            repeated = self._repeated(series, now)  # its own twin, sent at the same time, may have been quicker
            if repeated is None:
                raise
            made = repeated
        self._notify()
        return made

    def _draft(
        self, caller: Caller, request: SeriesRequest, now: datetime, key: str | None
    ) -> tuple[Series, tuple[Occurrence, ...]]:
        project = project_for(caller, request.project)
        check_duration(self._catalogue.profile(request.profile), request.schedule.length)
        dates = occurrences(request.schedule, request.seats)
        series = Series(
            id=f"s-{new_id(caller.person, f'series {key}' if key else '')[2:]}",
            project=project,
            owner=caller.person,
            profile=request.profile,
            title=request.title,
            zone=request.schedule.zone,
            rule=request.schedule.words,
            created_at=now,
            site=request.site,
            data=request.data,
        )
        return series, dates

    def _repeated(self, series: Series, now: datetime) -> SeriesView | None:
        with self._database.read() as unit:
            found = unit.series.get(series.id)
            return None if found is None else view_of(unit, found, now)

    def _make(
        self, caller: Caller, series: Series, dates: Sequence[Occurrence], policy: Policy, now: datetime
    ) -> SeriesView:
        with self._calendars.changing_all(now) as joint:
            verdicts, booked = self._book(joint, caller, series, dates, now)
            plan = plan_of(verdicts)
            check_plan(plan, policy)
            joint.unit.series.add(series, booked)
            tell_of_series(joint.unit, series, now, "series_booked", plan.summary, caller.person)
            return view_of(joint.unit, series, now, plan)

    def _book(
        self, joint: Joint, caller: Caller, series: Series, dates: Sequence[Occurrence], now: datetime
    ) -> tuple[list[VerdictView], list[Occurrence]]:
        """Book each occurrence that is wanted, in order of time; the verdicts, and the occurrences as they are then."""
        verdicts, after = [], [each for each in dates if each.left_out]
        wanted = sorted((each for each in dates if not each.left_out), key=lambda each: each.window.start)
        for each in wanted:
            told, is_now = self._try(joint, caller, series, each, now)
            verdicts.append(told)
            after.append(is_now)
        return verdicts, after

    def _try(
        self, joint: Joint, caller: Caller, series: Series, wanted: Occurrence, now: datetime
    ) -> tuple[VerdictView, Occurrence]:
        try:
            made = self._maker.make(caller, request_for(series, wanted), now, joint=joint)
        except AlmanacError as error:
            return verdict(wanted, Finding.REFUSED, error=error), replace(wanted, note=error.message)
        return verdict(wanted, Finding.FITS, made), as_booked(wanted, made)

    # --- changing --------------------------------------------------------------------------------------------------------

    def plan_edit(self, caller: Caller, series_id: str, change: SeriesChange, now: datetime) -> PlanView:
        """What an edit would do to each occurrence that it touches; nothing changes.

        Raises:
            NotFound, Forbidden, BadRequest, BadWindow, WrongState: as ``edit``.
        """
        self._changeable(caller, series_id)
        with self._calendars.changing_all(now, keep=False) as joint:
            plan = self._edit(joint, caller, series_id, change, now)
        return replace(plan, verdicts=tuple(replace(each, booking=None) for each in plan.verdicts))

    def edit(self, caller: Caller, series_id: str, change: SeriesChange, policy: Policy, now: datetime) -> SeriesView:
        """Move, lengthen or resize occurrences. One that doesn't fit as wanted stays as it was.

        Raises:
            NoCapacity: none fits, or not all and all was asked for.
            WrongState: nothing of it is still to come.
            NotFound, Forbidden, BadRequest, BadWindow: as they say.
        """
        self._changeable(caller, series_id)
        with self._calendars.changing_all(now) as joint:
            plan = self._edit(joint, caller, series_id, change, now)
            check_plan(plan, policy)
            series = known(joint.unit, series_id)
            tell_of_series(joint.unit, series, now, "series_edited", plan.summary, caller.person)
            view = view_of(joint.unit, series, now, plan)
        self._notify()
        return view

    def _edit(self, joint: Joint, caller: Caller, series_id: str, change: SeriesChange, now: datetime) -> PlanView:
        series = known(joint.unit, series_id)
        if change.edit.length is not None:
            check_duration(self._catalogue.profile(series.profile), change.edit.length)
        if change.edit.title is not None:
            series = replace(series, title=change.edit.title)
            if change.scope is Scope.ALL:
                joint.unit.series.replace(series)
        coming, begun = self._affected(joint.unit, series_id, change.scope, change.day, now)
        named = next((each for each in coming if each.date == change.day), coming[0])
        pairs = [(each, edited(each, named, change.edit, series.zone)) for each in coming]
        verdicts = [verdict(each, Finding.STAYS) for each in begun]
        behalf = on_behalf(caller, series)
        for before, after in in_order(pairs):
            verdicts.append(self._edit_one(joint, caller, behalf, series, before, after, now))
        return plan_of(verdicts)

    def _edit_one(
        self,
        joint: Joint,
        caller: Caller,
        behalf: Caller,
        series: Series,
        before: Occurrence,
        after: Occurrence,
        now: datetime,
    ) -> VerdictView:
        """Give an occurrence another booking in place of the one that it has; it keeps that one if the other doesn't fit."""
        booking = live(joint.unit, before)
        if booking is not None and (booking.window, booking.seats) == (after.window, after.seats):
            joint.unit.bookings.replace(replace(booking, title=series.title))
            return verdict(before, Finding.UNCHANGED)
        try:
            with joint.attempt():
                if booking is not None:
                    with joint.changing(booking.site, now) as change:
                        self._bookings.cancel_in(change, booking.id, now, caller.person)
                made = self._maker.make(behalf, request_for(series, after), now, joint=joint)
        except AlmanacError as error:
            return verdict(replace(after, booking_id=before.booking_id), Finding.REFUSED, error=error)
        joint.unit.series.replace_occurrence(series.id, as_booked(after, made))
        return verdict(after, Finding.FITS, made)

    def cancel(self, caller: Caller, series_id: str, scope: Scope, day: date | None, now: datetime) -> SeriesView:
        """Call off one occurrence, this and the following, or all; what has begun stays.

        Raises:
            WrongState: nothing of it is still to come.
            NotFound, Forbidden, BadRequest: as they say.
        """
        self._changeable(caller, series_id)
        with self._calendars.changing_all(now) as joint:
            series = known(joint.unit, series_id)
            coming, begun = self._affected(joint.unit, series_id, scope, day, now)
            verdicts = [verdict(each, Finding.STAYS) for each in begun]
            for each in coming:
                booking = live(joint.unit, each)
                if booking is not None:
                    with joint.changing(booking.site, now) as change:
                        self._bookings.cancel_in(change, booking.id, now, caller.person)
                joint.unit.series.replace_occurrence(series_id, replace(each, left_out=True))
                verdicts.append(verdict(each, Finding.CANCELLED))
            plan = plan_of(verdicts)
            tell_of_series(joint.unit, series, now, "series_cancelled", plan.summary, caller.person)
            view = view_of(joint.unit, series, now, plan)
        self._notify()
        return view

    @staticmethod
    def _affected(
        unit: Unit, series_id: str, scope: Scope, day: date | None, now: datetime
    ) -> tuple[list[Occurrence], list[Occurrence]]:
        """What a change is for, and what of that stays. One whose booking was cancelled by itself is left alone."""
        coming, begun = affected(unit.series.occurrences(series_id), scope, day, now)
        coming = [each for each in coming if not was_cancelled(unit, each)]
        if not coming:
            raise WrongState(
                "Nothing of that is still to come: it has begun, is over or was called off.",
                hint=f"almanac series show {series_id}",
            )
        return coming, begun

    def _changeable(self, caller: Caller, series_id: str) -> None:
        with self._database.read() as unit:
            series = visible_series(unit, caller, series_id)
        caller.can_change(series.project, series.owner, f"series {series_id}")

    # --- looking ---------------------------------------------------------------------------------------------------------

    def get(self, caller: Caller, series_id: str, now: datetime) -> SeriesView:
        """One series with its occurrences.

        Raises:
            NotFound: there is none, or the caller doesn't see its project.
        """
        with self._database.read() as unit:
            return view_of(unit, visible_series(unit, caller, series_id), now)

    def list(self, caller: Caller, now: datetime, *, mine: bool) -> list[SeriesView]:
        """One's own series, or all that one sees; the newest first."""
        with self._database.read() as unit:
            found = unit.series.list(owner=caller.person if mine else None, projects=caller.projects)
            return [view_of(unit, each, now) for each in found]
