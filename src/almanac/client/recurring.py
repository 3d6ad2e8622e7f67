"""Series, the waiting list and approvals, one method per question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from uuid import uuid4

from almanac.client import models as m
from almanac.client import recurring_models as r
from almanac.client.transport import Transport, instant, part, read
from almanac.core.series import Policy


class SeriesCalls:
    """Bookings that recur."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def plan(self, request: r.SeriesRequest) -> r.SeriesPlan:
        """Would it fit? A verdict on each occurrence; nothing is booked."""
        return read(r.SeriesPlan, self._transport.call("POST", "/series-plans", json=_request(request)))

    def book(self, request: r.SeriesRequest, policy: Policy = Policy.WHAT_FITS, *, key: str | None = None) -> r.Series:
        """Book all that fit, or all or nothing; a repeated request with the same key books once."""
        body = _request(request) | {"policy": policy.value}
        headers = {"Idempotency-Key": key or uuid4().hex}
        return read(r.Series, self._transport.call("POST", "/series", json=body, headers=headers))

    def all(self, *, mine: bool = True) -> tuple[r.Series, ...]:
        """One's own series, or all that one sees; the newest first."""
        return read(tuple[r.Series, ...], self._transport.call("GET", "/series", params={"mine": mine}))

    def get(self, series: str) -> r.Series:
        """One series with its occurrences."""
        return read(r.Series, self._transport.call("GET", f"/series/{part(series)}"))

    def plan_edit(self, series: str, change: r.SeriesChange) -> r.SeriesPlan:
        """What an edit would do to each occurrence that it touches; nothing changes."""
        return read(r.SeriesPlan, self._transport.call("POST", f"/series/{part(series)}/plan", json=_change(change)))

    def edit(self, series: str, change: r.SeriesChange) -> r.Series:
        """Move, lengthen or resize occurrences; one that doesn't fit stays as it was."""
        body = _change(change) | {"policy": change.policy.value}
        return read(r.Series, self._transport.call("POST", f"/series/{part(series)}/edit", json=body))

    def cancel(self, series: str, scope: str, day: date | None = None) -> r.Series:
        """Call off one occurrence, this and the following, or all; what has begun stays."""
        body = {"scope": scope, "date": day.isoformat() if day else None}
        return read(r.Series, self._transport.call("POST", f"/series/{part(series)}/cancel", json=body))


class WaitingCalls:
    """The waiting list."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def wait(self, request: m.Request, within: tuple[datetime, datetime]) -> r.Waiting:
        """Join the line; the request's own start isn't looked at, only the window in which it may be."""
        body: dict[str, object] = {
            "profile": request.profile,
            "duration_s": request.duration,
            "within": {"start": instant(within[0]), "end": instant(within[1])},
            "seats": request.seats,
            "project": request.project,
            "site": request.site,
            "title": request.title,
            "data": request.data,
        }
        return read(r.Waiting, self._transport.call("POST", "/waiting", json=body))

    def all(self, *, mine: bool = True) -> tuple[r.Waiting, ...]:
        """One's own requests, or all that one sees, by turn."""
        return read(tuple[r.Waiting, ...], self._transport.call("GET", "/waiting", params={"mine": mine}))

    def get(self, waiting: str) -> r.Waiting:
        """One request."""
        return read(r.Waiting, self._transport.call("GET", f"/waiting/{part(waiting)}"))

    def withdraw(self, waiting: str) -> r.Waiting:
        """Leave the line."""
        return read(r.Waiting, self._transport.call("DELETE", f"/waiting/{part(waiting)}"))


class ApprovalCalls:
    """What is held until a lead or an operator has decided."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def pending(self) -> tuple[m.Booking, ...]:
        """What waits for one's decision, and what of one's own waits for one."""
        return read(tuple[m.Booking, ...], self._transport.call("GET", "/approvals"))

    def approve(self, booking: str) -> m.Booking:
        """Make it a booking."""
        return read(m.Booking, self._transport.call("POST", f"/bookings/{part(booking)}/approve"))

    def decline(self, booking: str, reason: str = "") -> m.Booking:
        """Give its capacity back, and tell its person why."""
        body = {"reason": reason}
        return read(m.Booking, self._transport.call("POST", f"/bookings/{part(booking)}/decline", json=body))


def _request(request: r.SeriesRequest) -> dict[str, object]:
    repeat: Mapping[str, object] = {
        "frequency": request.frequency,
        "every": request.every,
        "weekdays": list(request.weekdays),
        "until": request.until.isoformat() if request.until else None,
        "times": request.times,
    }
    return {
        "profile": request.profile,
        "first": _local(request.first),
        "duration_s": request.duration,
        "zone": request.zone,
        "repeat": repeat,
        "left_out": [day.isoformat() for day in request.left_out],
        "moved": [{"date": day.isoformat(), "start": _local(start)} for day, start in request.moved.items()],
        "seats": request.seats,
        "project": request.project,
        "site": request.site,
        "title": request.title,
        "data": request.data,
    }


def _change(change: r.SeriesChange) -> dict[str, object]:
    length: timedelta | None = change.duration
    return {
        "scope": change.scope,
        "date": change.date.isoformat() if change.date else None,
        "start": _local(change.start) if change.start else None,
        "duration_s": length,
        "seats": change.seats,
        "title": change.title,
    }


def _local(start: datetime) -> str:
    return start.replace(second=0, microsecond=0).isoformat(timespec="minutes")
