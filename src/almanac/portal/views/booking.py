"""A booking's page: how to use it, where it is on its way, and what can be changed; and the list of all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query
from fastapi.responses import HTMLResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from almanac.api import fields
from almanac.api.dependencies import BookingId
from almanac.core.bookings import BookingStatus
from almanac.core.errors import AlmanacError
from almanac.core.windows import Window
from almanac.portal import refusals, streams
from almanac.portal.booking_form import BookForm
from almanac.portal.errors import hint_of
from almanac.portal.reader import Posting, Reader, Reading
from almanac.portal.stale import stale
from almanac.portal.streams import Part
from almanac.portal.timeline import LIVE
from almanac.portal.views.home import helpers
from almanac.services.receipts import Receipt
from almanac.services.requests import FURTHEST, BookingFilter
from almanac.services.views import BookingView, ConnectionView

router = APIRouter()

LOG_LINES = 200
_DECISIONS = frozenset({"approved", "declined"})
_OPEN = frozenset({BookingStatus.OFFERED, BookingStatus.BOOKED, BookingStatus.BUILDING, BookingStatus.READY})
_MOST_LISTED = 200
_MONTH = timedelta(days=30)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_SOON = timedelta(minutes=1)
_STEPS = tuple(timedelta(minutes=minutes) for minutes in (30, 60, 120, 240))


class EndForm(BaseModel):
    """Another end; ``seen`` is the end that the page showed."""

    until: fields.Instant
    seen: fields.Instant


class SeatsForm(BaseModel):
    """Another number of seats; ``seen`` is the number that the page showed."""

    seats: Annotated[int, Field(ge=1, le=10_000)]
    seen: Annotated[int, Field(ge=1, le=10_000)]


class AgainForm(BaseModel):
    """The same again; its key is this form's, so that sent twice it books once."""

    key: Annotated[str, Field(max_length=80, pattern=fields.KEY)]


class Look:
    """Looks at a booking for its page: its status, and with it, where that has changed what can be done, the forms.

    Args:
        booking: its id.
        seen: the ``id`` of the part that the page has; None for a page that has just been made.
    """

    def __init__(self, booking: str, seen: str | None) -> None:
        self._booking = booking
        self._seen = seen

    def __call__(self, reader: Reader) -> Part:
        """The part as it is now."""
        view = reader.app.bookings.get(reader.caller, self._booking, reader.now)
        state = f"{view.status}-{view.end:%Y%m%dT%H%M%S}-{view.seats}"
        changed = self._seen not in {None, state}
        told = _shown(reader, view) | (_choices(reader, view) if changed else {})
        text = reader.render("_live.html", with_actions=changed, **told)
        self._seen = state
        soon = view.start - reader.now < _SOON
        busy = view.status in {BookingStatus.BUILDING, BookingStatus.ENDING} or (
            view.status is BookingStatus.BOOKED and soon
        )
        return Part(text, busy, view.status not in LIVE, state)


@router.get("/bookings")
def bookings(reader: Reading, before: Annotated[datetime | None, Query()] = None) -> Response:
    """What is mine: now and to come, and month by month what was."""
    end = min(reader.now, before.astimezone(UTC)) if before and before.tzinfo else reader.now
    window = Window(end - _MONTH, end)
    ahead = _mine(reader, Window(reader.now, reader.now + FURTHEST)) if before is None else []
    over = [view for view in ahead if view.status not in LIVE]  # released or cancelled before their end
    past = over + [view for view in _mine(reader, window) if view.end <= end]
    return reader.page(
        "bookings.html",
        coming=[view for view in ahead if view.status in LIVE],
        past=sorted(past, key=lambda view: view.start, reverse=True),
        window=window,
        more=len(ahead) == _MOST_LISTED,
        before=window.start if _mine(reader, Window(_BEGINNING, window.start), limit=1) else None,
        **helpers(),
    )


def _mine(reader: Reader, within: Window, limit: int = _MOST_LISTED) -> list[BookingView]:
    return reader.app.bookings.list(reader.caller, BookingFilter(mine=True, within=within, limit=limit), reader.now)[0]


@router.get("/bookings/{booking}")
def booking(booking: BookingId, reader: Reading) -> HTMLResponse:
    """Everything about one booking."""
    return _show(reader, booking)


def _seen(booking: BookingId, reader: Reading) -> BookingView:
    """The first look happens before a stream begins, so that its errors are ordinary answers."""
    return reader.app.bookings.get(reader.caller, booking, reader.now)


@router.get("/bookings/{booking}/live", response_class=EventSourceResponse, dependencies=[Depends(_seen)])
async def live(booking: BookingId, reader: Reading) -> AsyncIterator[ServerSentEvent]:
    """Its status as it changes, and with it what can be done."""
    async for event in streams.live(reader, Look(booking, reader.request.headers.get("last-event-id"))):
        yield event


@router.get("/bookings/{booking}/log")
def log(booking: BookingId, reader: Reading) -> HTMLResponse:
    """The last lines of each of its services' logs."""
    view = reader.app.bookings.get(reader.caller, booking, reader.now)
    return reader.page("log.html", booking=view, logs=reader.app.access.logs(reader.caller, booking, None, LOG_LINES))


@router.post("/bookings/{booking}/end")
def move_end(booking: BookingId, form: Annotated[EndForm, Form()], reader: Posting) -> Response:
    """Extend or shorten; sent twice, it is done once."""

    def change() -> None:
        view = reader.app.bookings.get(reader.caller, booking, reader.now)
        if view.end == form.until:
            return
        if view.end != form.seen:
            raise stale(f"it now ends {reader.times.moment(view.end)}")
        move = reader.app.changes.extend if form.until > view.end else reader.app.changes.shorten
        move(reader.caller, booking, reader.now, until=form.until)

    return _changed(reader, booking, change)


@router.post("/bookings/{booking}/resize")
def resize(booking: BookingId, form: Annotated[SeatsForm, Form()], reader: Posting) -> Response:
    """Another number of seats; the workers follow."""

    def change() -> None:
        view = reader.app.bookings.get(reader.caller, booking, reader.now)
        if view.seats == form.seats:
            return
        if view.seats != form.seen:
            raise stale(f"it now has {view.seats} seats")
        reader.app.changes.resize(reader.caller, booking, reader.now, form.seats)

    return _changed(reader, booking, change)


@router.post("/bookings/{booking}/release")
def release(booking: BookingId, reader: Posting) -> Response:
    """Give it back early; files are saved first."""
    return _changed(reader, booking, lambda: reader.app.bookings.release(reader.caller, booking, reader.now))


@router.post("/bookings/{booking}/again")
def again(booking: BookingId, form: Annotated[AgainForm, Form()], reader: Posting) -> Response:
    """Book the same again, from now on."""
    try:
        made = reader.app.receipts.again(reader.caller, booking, reader.now, key=form.key or None)
    except AlmanacError as error:
        return _show(reader, booking, error)
    return reader.go(f"/bookings/{made.id}")


@router.post("/bookings/{booking}/accept")
def accept(booking: BookingId, reader: Posting) -> Response:
    """Take what is offered; sent twice, it is taken once."""
    try:
        reader.app.bookings.accept(reader.caller, booking, reader.now)
    except AlmanacError as error:
        view = reader.app.bookings.get(reader.caller, booking, reader.now)
        if view.status not in LIVE - {BookingStatus.OFFERED}:
            return _show(reader, booking, error, again=True)
    return reader.go(f"/bookings/{booking}")


@router.post("/bookings/{booking}/cancel")
def cancel(booking: BookingId, reader: Posting) -> Response:
    """Give it up before it begins."""
    return _changed(reader, booking, lambda: reader.app.bookings.cancel(reader.caller, booking, reader.now))


def _changed(reader: Reader, booking: str, change: Callable[[], object]) -> Response:
    try:
        change()
    except AlmanacError as error:
        return _show(reader, booking, error)
    return reader.go(f"/bookings/{booking}")


def _show(reader: Reader, booking: str, error: AlmanacError | None = None, *, again: bool = False) -> HTMLResponse:
    """The page; ``again``: what was refused is as good as booking the same."""
    view = reader.app.bookings.get(reader.caller, booking, reader.now)
    events, form = reader.app.access.events(reader.caller, booking), _same(view)
    told = {
        "error": error,
        "hint": hint_of(error) if error else "",
        "refusal": refusals.told(reader, form, error) if error and (again or "refusal" in error.details) else None,
        "form": form,
        "decision": next((each for each in reversed(events) if each.kind in _DECISIONS), None),
        "decides": bool(view.approval) and view.status is BookingStatus.OFFERED and reader.caller.leads(view.project),
    }
    shown = _shown(reader, view) | _choices(reader, view)
    return reader.page("booking.html", error.status if error else 200, events=events, **told, **shown)


def _shown(reader: Reader, view: BookingView) -> dict[str, object]:
    """What the templates of a booking know."""
    owns = reader.caller.owns(view.project, view.owner)
    is_open = owns and view.status in _OPEN
    return {
        "booking": view,
        "owns": owns,
        "is_open": is_open,
        "is_live": view.status in LIVE,
        "begun": view.start <= reader.now,
        "connection": _connection(reader, view) if owns else None,
        "receipt": _receipt(reader, view) if view.status not in LIVE else None,
        **helpers(),
    }


def _choices(reader: Reader, view: BookingView) -> dict[str, object]:
    """What the forms that change a booking offer."""
    is_open = reader.caller.owns(view.project, view.owner) and view.status in _OPEN
    return {"ends": _ends(reader, view) if is_open else [], "most_seats": _most_seats(reader, view)}


def _connection(reader: Reader, view: BookingView) -> ConnectionView | None:
    if view.status is not BookingStatus.READY:
        return None
    try:
        return reader.app.access.connection(reader.caller, view.id, reader.now)
    except AlmanacError:  # it ended between the two looks
        return None


def _same(view: BookingView) -> BookForm:
    """The form that would book the same."""
    lasts_s = int((view.end - view.start).total_seconds())
    return BookForm(
        profile=view.profile, lasts_s=lasts_s, seats=view.seats, project=view.project, site=view.site, title=view.title
    )


def _receipt(reader: Reader, view: BookingView) -> Receipt | None:
    try:
        return reader.app.receipts.of(reader.caller, view.id, reader.now)
    except AlmanacError:  # it was never more than an offer
        return None


def _ends(reader: Reader, view: BookingView) -> list[tuple[datetime, str]]:
    """Ends to choose from, with what each means: later ones as far as there is room, and earlier ones."""
    try:
        reach = reader.app.changes.extension(reader.caller, view.id, reader.now).until
    except AlmanacError:
        reach = None
    later = [view.end + step for step in _STEPS if reach is not None and view.end + step <= reach]
    if reach is not None and reach > view.end and (not later or later[-1] < reach) and len(later) < len(_STEPS):
        later.append(reach)
    soonest = max(view.start, reader.now) + timedelta(minutes=5)
    earlier = [view.end - step for step in _STEPS if view.end - step >= soonest]
    length = reader.times.length
    return [(end, f"{length(end - view.end)} later") for end in later] + [
        (end, f"{length(view.end - end)} earlier") for end in earlier
    ]


def _most_seats(reader: Reader, view: BookingView) -> int:
    return next((one.max_seats for one in reader.app.catalogue.profiles(reader.now) if one.name == view.profile), 1)
