"""Terms and holidays out of an iCalendar file, with what was left out in words."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from almanac.client.plan_models import Term
from almanac.core.errors import BadRequest
from almanac.core.local_time import settle, whole_days

_DAY = timedelta(days=1)
_LONGEST_KIND = 40


@dataclass(frozen=True, slots=True)
class Found:
    """What a file told.

    Attributes:
        report: what was left out, sentence by sentence.
    """

    terms: tuple[Term, ...]
    report: tuple[str, ...]


def read(file: Path, zone: ZoneInfo, kind: str | None, factor: float) -> Found:
    """The events of a calendar; those that recur by a rule, or are cancelled or without a time, are left out.

    Args:
        file: iCalendar (RFC 5545).
        zone: whose days all-day events are.
        kind: of all of them; None for each event's title, in lower case with dashes.
        factor: of all of them.

    Raises:
        BadRequest: it can't be read, is no calendar, or tells of nothing.
    """
    try:
        read = Calendar.from_ical(file.read_bytes()).walk("VEVENT")
        events = [each for each in read if isinstance(each, Event)]
    except OSError as error:
        raise BadRequest(f"{file} can't be read: {error.strerror}.", hint="Name an iCalendar file.") from None
    except (ValueError, IndexError):
        raise BadRequest(f"{file} is no calendar.", hint="Name an iCalendar file (.ics).") from None
    single = [event for event in events if "RRULE" not in event and str(event.get("STATUS", "")) != "CANCELLED"]
    found = [made for event in single if (made := _term(event, zone, kind, factor)) is not None]
    if not found:
        raise BadRequest(f"{file} tells of no days.", hint="Its events need a start, and no rule by which they recur.")
    left = len(events) - len(found)
    return Found(tuple(found), (f"{left} of {len(events)} events were left out.",) if left else ())


def _term(event: Event, zone: ZoneInfo, kind: str | None, factor: float) -> Term | None:
    """An event's; None where it takes no time."""
    try:
        start, end = event.start, event.end
    except ValueError:  # without a start, or with an end of another kind
        return None
    if not isinstance(start, datetime):
        window = whole_days(start, max(start, _date(end) - _DAY), zone)
        begin, until = window.start, window.end
    else:
        begin, until = _instant(start, zone), _instant(end, zone)
    if until <= begin:
        return None
    return Term(kind or label(str(event.get("SUMMARY", ""))), begin, until, factor)


def label(title: str) -> str:
    """A title as the name of a kind: ``Día de Reyes`` -> ``dia-de-reyes``."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_KIND].strip("-") or "unnamed"


def _date(end: date) -> date:
    return end.date() if isinstance(end, datetime) else end


def _instant(at: date, zone: ZoneInfo) -> datetime:
    """Aware UTC; a time without a zone is one of the calendar's own."""
    moment = at if isinstance(at, datetime) else datetime.combine(at, datetime.min.time())
    return moment.astimezone(UTC) if moment.tzinfo else settle(moment, zone).at
