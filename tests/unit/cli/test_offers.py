from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta

import pytest
import typer.main

from almanac.cli import offers
from almanac.cli.main import app
from almanac.client.errors import ClientError
from almanac.client.models import Request, Slot

ROOT = typer.main.get_command(app)
NOON = datetime(2099, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
REQUEST = Request("spark-class", 2 * HOUR, start=NOON, seats=30, project="gaia")
REFUSAL = {
    "message": "local is short of memory.", "limiting": "memory_mib", "short": 2048.0,
    "interval": {"start": "2099-03-01T12:00:00Z", "end": "2099-03-01T13:00:00Z"},
    "alternatives": [
        {"kind": "later", "message": "All of it, later.", "start": "2099-03-01T15:30:00Z", "end": "2099-03-01T17:30:00Z",
         "site": "local", "seats": 30},
        {"kind": "smaller", "message": "Fewer seats, then.", "start": "2099-03-01T12:00:00Z", "end": "2099-03-01T14:00:00Z",
         "site": "local", "seats": 8},
    ],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize(
    ("start", "end", "drawn"),
    [
        (0, 10, "██████████"),
        (0, 5, "█████·····"),
        (5, 10, "·····█████"),
        (2, 3, "··█·······"),
        (9.99, 10, "·········█"),
        (3, 3.01, "···█······"),
    ],
)
def test_a_window_on_a_line(start, end, drawn):
    assert offers.bar(NOON + start * HOUR, NOON + end * HOUR, NOON, NOON + 10 * HOUR, 10) == drawn


def test_a_line_for_terminals_without_unicode(monkeypatch):
    monkeypatch.setattr("sys.stdout", type("Old", (), {"encoding": "ascii"})())
    assert offers.bar(NOON, NOON + HOUR, NOON, NOON + 2 * HOUR, 4) == "##.."


def test_the_heading_of_such_lines():
    assert offers.axis(NOON, NOON + 10 * HOUR, 20) == "12:00          22:00"
    assert offers.axis(NOON, NOON + 100 * HOUR, 20) == "Sun 01        Thu 05"


def test_the_line_spans_from_now_to_the_last_end():
    slots = [Slot("local", NOON + i * HOUR, NOON + (i + 2) * HOUR, 1, 2, True) for i in (3, 1)]
    assert offers.span(slots, NOON) == (NOON, NOON + 5 * HOUR)


def test_a_refusal_says_what_would_fit_as_commands():
    error = offers.with_commands(
        ClientError("no_capacity", "No room.", details={"refusal": REFUSAL}, status=409), REQUEST
    )
    later = "almanac book spark-class --at 2099-03-01T15:30+00:00 --for 2h --seats 30 --site local --project gaia"
    smaller = "almanac book spark-class --at 2099-03-01T12:00+00:00 --for 2h --seats 8 --site local --project gaia"
    assert error.hint == f"What would fit:\n  {later}   # All of it, later.\n  {smaller}   # Fewer seats, then."
    assert error.details["commands"] == [later, smaller]
    assert (error.code, error.status) == ("no_capacity", 409)


def test_those_commands_are_understood():
    for command, _ in offers.alternatives(REFUSAL, REQUEST):
        words = shlex.split(command)[1:]
        with ROOT.make_context("almanac", list(words)) as context:
            name, sub, rest = ROOT.resolve_command(context, list(words))
            assert name == "book"
            sub.make_context(name, rest)


def test_other_errors_stay_as_they_are():
    error = ClientError("quota_exceeded", "Too much.", "Ask for less.")
    assert offers.with_commands(error, REQUEST) is error


def test_a_walk_in_needs_no_time_and_a_title_is_quoted():
    request = Request("spark-small", HOUR, title="it's mine")
    start = datetime.now(UTC) - timedelta(seconds=1)
    command = offers.book_command(request, start=start, length=HOUR, seats=1, site=None)
    assert command == """almanac book spark-small --for 1h --title 'it'"'"'s mine'"""


@pytest.mark.parametrize(
    ("length", "text"), [(HOUR, "1h"), (1.5 * HOUR, "1h30m"), (timedelta(seconds=3661), "1h1m1s"), (timedelta(0), "0s")]
)
def test_lengths_as_they_are_typed(length, text):
    assert offers.compact(length) == text


def test_instants_as_they_are_typed_are_exact():
    assert offers.written(NOON) == "2099-03-01T12:00+00:00"
    assert offers.written(NOON + timedelta(microseconds=5)) == "2099-03-01T12:00:00.000005+00:00"
