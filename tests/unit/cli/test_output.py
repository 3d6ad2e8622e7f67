from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest

from almanac.cli import output
from almanac.core.errors import NoCapacity

NOON = datetime.now(UTC).replace(month=3, day=1, hour=12, minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Thing:
    """Something with a time and a length."""

    at: datetime
    lasts: timedelta
    parts: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def _own_streams(capsys, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    output.forget_consoles()
    yield
    output.forget_consoles()


def test_json_has_utc_times_and_seconds(capsys):
    output.as_json((Thing(datetime(2026, 12, 1, 10, tzinfo=UTC), timedelta(hours=1), ("a", "ü")),))
    assert json.loads(capsys.readouterr().out) == [{"at": "2026-12-01T10:00:00Z", "lasts": 3600, "parts": ["a", "ü"]}]


def test_json_lines_are_lines(capsys):
    output.as_json_line({"a": 1})
    assert capsys.readouterr().out == '{"a": 1}\n'


def test_tables_leave_empty_columns_out_and_are_brief_about_times(capsys):
    rows = [("b-1", NOON, "", None, True), ("b-2", NOON, "", None, False)]
    output.table(("Booking", "From", "Title", "Owner", "Kept"), rows, empty="none")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["Booking", "From", "(UTC)", "Kept"]
    assert lines[1][0] == "b-1"
    assert lines[1][2:] == ["1", "Mar", "12:00", "yes"]


def test_a_table_without_rows_is_a_sentence(capsys):
    output.table(("Booking",), [], empty="No bookings.")
    assert capsys.readouterr().out == "No bookings.\n"


def test_nothing_in_a_text_is_taken_for_markup_or_folded(capsys):
    text = "[red]Gaia[/red] :smile: " + "x" * 300
    output.table(("Title",), [(text,)], empty="")
    output.facts([("Title", text), ("Empty", ""), ("None", None)])
    output.say(text)
    out = capsys.readouterr().out
    assert out.count(text) == 3
    assert "Empty" not in out


def test_an_error_is_a_sentence_and_a_hint_beside_the_results(capsys):
    output.error("No room.", "Try later.")
    output.error("No room.")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "No room.\nTry later.\nNo room.\n")


def test_an_error_for_programs_is_shaped_as_the_apis(capsys):
    output.error_json(NoCapacity("No room.", hint="Try later.", details={"short": 1}))
    error = {"code": "no_capacity", "message": "No room.", "hint": "Try later.", "details": {"short": 1}}
    assert json.loads(capsys.readouterr().out) == {"error": error}


def test_where_nobody_watches_each_kind_of_step_is_told_once(capsys):
    with output.progress(4) as told:
        for name in ("reading a.csv", "playing static 4", "playing static 2", "done"):
            told(name)
    assert capsys.readouterr().err.splitlines() == ["reading a.csv", "playing static 4", "done"]


def test_where_somebody_watches_a_bar_moves_and_is_gone_in_the_end(monkeypatch):
    class Screen(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress(2) as told:
        told("playing almanac")
        told("playing static 3")
    shown = screen.getvalue()
    assert "playing static 3" in shown
    assert "\x1b[2K" in shown
