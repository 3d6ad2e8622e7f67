"""The plan in an operator's terminal: demand imported, dials tried and turned, the plan drawn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.terminal import SIMULATED, Terminal, serving


@pytest.fixture(scope="module")
def almanac(tmp_path_factory) -> Iterator[Terminal]:
    """The operator's terminal on a server that plans."""
    settings = {**SIMULATED, "ALMANAC_PLANNING__ENABLED": "true"}
    with serving(tmp_path_factory.mktemp("planning"), settings) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def trace(tmp_path_factory) -> Path:
    """Four weeks, long ago, in which two people came at noon and stayed for two hours."""
    start = datetime(2019, 3, 4, 12, tzinfo=UTC)
    days = [(start + timedelta(days=day, minutes=minute)).isoformat() for day in range(28) for minute in (0, 7)]
    file = tmp_path_factory.mktemp("trace") / "Noon Sessions.csv"
    file.write_text("arrival,duration_s,group\n" + "".join(f"{at},7200,g{n}\n" for n, at in enumerate(days)))
    return file


def test_an_old_trace_is_learnt_from_and_the_plan_is_drawn(almanac, trace):
    made = almanac.ask("admin", "demand", "import", str(trace), "--profile", "notebook", "--recent")
    assert (made["source"], made["profile"]) == ("noon-sessions", "notebook")
    assert "noon-sessions" in almanac("admin", "demand", "list").out
    tried = almanac("admin", "dials", "--try")
    assert tried.code == 0
    assert "A missing place costs  30 held ones" in tried.out
    assert "notebook: " in tried.out
    assert "▒" in tried.out
    assert almanac.ask("plan")["dials"]["floor"] == {}


def test_what_is_imported_is_planned_for_within_seconds(almanac):
    for _ in range(600):  # the operator waits for no hour to be over
        plans = almanac.ask("plan")["plans"]
        if plans:
            break
        time.sleep(0.1)
    assert plans[0]["profile"] == "notebook"
    assert "weeks of history" in plans[0]["basis"]
    assert max(plans[0]["coming"]["held"]) >= 2


def test_a_floor_that_is_turned_up_is_held(almanac):
    assert "notebook 1" in almanac("admin", "dials", "--floor", "notebook=1").out
    for _ in range(400):  # the plan is made within seconds, and carried out by the next tick
        plans = almanac.ask("plan")["plans"]
        if plans and any(place["bought"] for place in plans[0]["places"]):
            break
        time.sleep(0.1)
    assert min(plans[0]["coming"]["demand"]) >= 1
    assert any(place["bought"] for place in plans[0]["places"])
    drawn = almanac("plan", "--ahead", "1d")
    assert "held beside" in drawn.out
    assert "Buy " in drawn.out
    assert "There is no plan for spork" in almanac("plan", "--profile", "spork").out


def test_what_is_imported_can_be_forgotten(almanac, trace):
    almanac.ask("admin", "demand", "import", str(trace), "--profile", "notebook", "--name", "noon")
    assert "counts no more" in almanac("admin", "demand", "forget", "noon").out
    assert "noon " not in almanac("admin", "demand", "list").out


def test_a_calendar_is_told_imported_and_forgotten(almanac, tmp_path):
    (easter,) = almanac.ask("admin", "terms", "add", "easter", "2027-03-20", "2027-04-04", "--factor", "0.3")
    assert (easter["start"], easter["end"]) == ("2027-03-20T00:00:00Z", "2027-04-05T00:00:00Z")
    file = tmp_path / "holidays.ics"
    event = "BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20270106\nSUMMARY:Reyes\nEND:VEVENT\n"
    file.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event}END:VCALENDAR\n")
    for _ in range(2):
        told = almanac.ask("admin", "terms", "import", file)
    assert [each["kind"] for each in told] == ["reyes", "easter"]
    assert "2027-04-05 00:00" in almanac("admin", "terms", "list").out
    assert "There is: easter, reyes." in almanac("admin", "terms", "remove", "spork").err
    assert almanac.ask("admin", "terms", "remove", "easter")[0]["kind"] == "reyes"
    assert "says nothing" in almanac("admin", "terms", "remove", "reyes").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("admin", "terms", "add", "easter", "soon", "later"), "no day"),
        (("admin", "terms", "add", "easter", "2027-04-04", "2027-03-20"), "is before"),
        (("admin", "terms", "import", "/nowhere.ics"), "nowhere.ics"),
        (("admin", "dials", "--floor", "notebook"), "no count"),
        (("admin", "dials", "--missing", "0.5"), "missing"),
        (("admin", "dials", "--missing", "nan"), "nan is not a number."),
        (("admin", "dials", "--at-once", "100"), "100 % can't be promised"),
        (("admin", "terms", "add", "easter", "2027-03-20", "2027-04-04", "--factor", "inf"), "inf is not a number."),
        (("admin", "dials", "--floor", "spork=1", "--try"), "spork"),
        (("admin", "demand", "import", "/nowhere.csv", "--profile", "notebook"), "nowhere.csv"),
        (("admin", "demand", "import", "___.csv", "--profile", "notebook"), "Give --name"),
        (("admin", "demand", "import", "a.csv", "--profile", "notebook", "--name", "A b/c"), "is no name"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(almanac, arguments, words):
    said = almanac(*arguments)
    assert said.code in {1, 2}
    assert words in said.err
    assert "Traceback" not in said.err
