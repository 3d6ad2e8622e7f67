"""Terms out of iCalendar files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from almanac.cli.term_files import label, read
from almanac.client.plan_models import Term
from almanac.core.errors import BadRequest

MADRID = ZoneInfo("Europe/Madrid")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.fixture
def written(tmp_path: Path):
    def write(*events: str) -> Path:
        body = "".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT\n" for event in events)
        file = tmp_path / "calendar.ics"
        file.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:tests\n{body}END:VCALENDAR\n")
        return file

    return write


@pytest.mark.parametrize(
    ("event", "start", "end"),
    [
        ("DTSTART;VALUE=DATE:20270320\nDTEND;VALUE=DATE:20270405", at(2027, 3, 19, 23), at(2027, 4, 4, 22)),
        ("DTSTART;VALUE=DATE:20270106", at(2027, 1, 5, 23), at(2027, 1, 6, 23)),
        ("DTSTART;VALUE=DATE:20270106\nDURATION:P2D", at(2027, 1, 5, 23), at(2027, 1, 7, 23)),
        ("DTSTART:20270106T080000Z\nDTEND:20270106T120000Z", at(2027, 1, 6, 8), at(2027, 1, 6, 12)),
        ("DTSTART:20270106T080000\nDTEND:20270106T120000", at(2027, 1, 6, 7), at(2027, 1, 6, 11)),
    ],
)
def test_days_and_times_are_those_of_the_calendar(written, event, start, end):
    found = read(written(event + "\nSUMMARY:Exams"), MADRID, None, 0.5)
    assert found.terms == (Term("exams", start, end, 0.5),)
    assert found.report == ()


def test_what_takes_no_time_or_recurs_is_left_out_and_said(written):
    day = "DTSTART;VALUE=DATE:20270106"
    file = written(
        day,
        day + "\nRRULE:FREQ=YEARLY",
        day + "\nSTATUS:CANCELLED",
        "SUMMARY:never",
        "DTSTART:20270106T080000Z\nDTEND:20270106T080000Z",
    )
    found = read(file, MADRID, "holiday", 0.1)
    assert [each.kind for each in found.terms] == ["holiday"]
    assert found.report == ("4 of 5 events were left out.",)


@pytest.mark.parametrize(
    ("title", "kind"), [("Día de Reyes", "dia-de-reyes"), ("  ", "unnamed"), ("a" * 50, "a" * 40), ("x, (y)", "x-y")]
)
def test_titles_are_kinds(title, kind):
    assert label(title) == kind


def test_what_is_no_calendar_is_refused(tmp_path, written):
    nonsense = tmp_path / "nonsense.ics"
    nonsense.write_bytes(b"\xff\xfe nothing")
    for file, told in ((nonsense, "is no calendar"), (tmp_path, "can't be read"), (written(), "tells of no days")):
        with pytest.raises(BadRequest, match=told):
            read(file, MADRID, None, 0.5)
