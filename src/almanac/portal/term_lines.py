"""Terms and holidays as lines of a form: ``easter 2027-03-20 2027-04-04 0.3``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from almanac.api.fields import LABEL
from almanac.core.errors import BadRequest
from almanac.core.local_time import settle, whole_days
from almanac.core.windows import Window
from almanac.forecasting.terms import Term

_MOMENT = timedelta(microseconds=1)
_MOST = 200
_HINT = "Write a kind, its first and its last day, and the demand compared with usual weeks: easter 2027-03-20 2027-04-04 0.3."


def written(terms: Iterable[Term], zone: ZoneInfo) -> str:
    """One line for each: in days of a time zone where it is whole days, else in instants."""
    return "\n".join(f"{each.kind} {_span(each.window, zone)} {each.factor:.10g}" for each in terms)


def read(text: str, zone: ZoneInfo) -> tuple[Term, ...]:
    """The terms of some lines, by start; empty ones don't count.

    Raises:
        BadRequest: a line that can't be understood, by its number; or too many of them.
    """
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > _MOST:
        raise BadRequest(f"That are {len(lines)} terms.", hint=f"Keep the {_MOST} that are nearest.")
    return tuple(sorted((_term(number, words, zone) for number, words in lines), key=lambda term: term.window))


def _span(window: Window, zone: ZoneInfo) -> str:
    first, last = (at.astimezone(zone).date() for at in (window.start, window.end - _MOMENT))
    if whole_days(first, last, zone) == window:
        return f"{first} {last}"
    return " ".join(at.astimezone(UTC).isoformat() for at in (window.start, window.end))


def _term(number: int, words: list[str], zone: ZoneInfo) -> Term:
    try:
        kind, first, last, *factor = words
        if not re.match(LABEL, kind) or len(factor) > 1:
            raise ValueError
        window = _window(first, last, zone)
        return Term(window, kind, float(factor[0]) if factor else 1.0)
    except BadRequest as error:
        raise BadRequest(f"Line {number} of the terms: {error.message}", hint=error.hint) from None
    except (ValueError, OverflowError):
        raise BadRequest(f"Line {number} of the terms isn't understood: {' '.join(words)[:60]}", hint=_HINT) from None


def _window(first: str, last: str, zone: ZoneInfo) -> Window:
    if "T" in first and "T" in last:
        return Window(_instant(first, zone), _instant(last, zone))
    return whole_days(date.fromisoformat(first), date.fromisoformat(last), zone)


def _instant(text: str, zone: ZoneInfo) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else settle(moment, zone).at
