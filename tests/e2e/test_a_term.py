"""A term from the terminal: a series with a verdict on each date, the waiting list, an approval."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.terminal import SIMULATED, Terminal, serving

CATALOGUE = """
[profiles.whole]
title = "All of the host"
head = "head-small"
worker = "worker-large"
workers = 3
max_workers = 3
max_seats = 4
approve_above = {seats = 2}
"""


@pytest.fixture(scope="module")
def almanac(tmp_path_factory) -> Iterator[Terminal]:
    """The operator's terminal on a server whose one host carries one booking at a time."""
    home = tmp_path_factory.mktemp("almanac")
    (home / "profiles.toml").write_text(CATALOGUE)
    with serving(home, {**SIMULATED, "ALMANAC_CATALOGUE": str(home / "profiles.toml")}) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def member(almanac: Terminal) -> Terminal:
    """Somebody who leads nothing."""
    almanac("admin", "people", "add", "mia")
    almanac("admin", "members", "add", "default", "mia")
    token = almanac.ask("admin", "invite", "mia")["one_time_token"]
    url = almanac.ask("status")["server"]["url"]
    there = almanac.elsewhere("mia")
    there = Terminal(there.home, {**there.more, "ALMANAC_URL": url})
    assert there("login", typed=f"{token}\n").code == 0
    return there


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def whole(almanac: Terminal, day: int, *more: str):
    return almanac("book", "whole", "--at", f"{in_days(day)} 10:30", "--for", "1h", *more)


def series(*more: str) -> tuple[str, ...]:
    at = f"{in_days(2)} 10:00"
    return ("series", "add", "whole", "--at", at, "--for", "2h", "--repeat", "daily", "--times", "4", *more)


def test_a_term_is_planned_booked_edited_and_cancelled(almanac):
    blocking = almanac.ask("book", "whole", "--at", f"{in_days(3)} 10:30", "--for", "1h")
    planned = almanac(*series("--zone", "America/New_York", "--plan"))
    assert planned.code == 0, planned
    assert "4 of 4 fit. Nothing is booked yet." in planned.out
    planned = almanac(*series("--plan"))
    assert "3 of 4 fit; alternatives for 1. Nothing is booked yet." in planned.out
    assert f"{in_days(3)}: what would fit instead:" in planned.out
    assert almanac.ask("series", "list") == []
    refused = almanac(*series("--all-or-nothing"))
    assert refused.code == 1
    assert "3 of 4 fit" in refused.err
    made = almanac.ask(*series("--title", "Galaxies", "--except", in_days(5)))
    assert [each["state"] for each in made["occurrences"]] == ["booked", "refused", "booked", "left_out"]
    assert "Galaxies" in almanac("series", "list").out
    assert almanac("series", "show", made["id"]).out.count("booked") == 2
    almanac("cancel", blocking["id"])
    edited = almanac.ask("series", "edit", made["id"], "--date", in_days(3), "--at", "14:00")
    assert [each["state"] for each in edited["occurrences"]] == ["booked", "booked", "booked", "left_out"]
    assert edited["occurrences"][1]["start"] == f"{in_days(3)}T14:00:00Z"
    asked = almanac("series", "edit", made["id"], "--all", "--at", "11:00", "--plan")
    assert "3 of 3 fit." in asked.out
    gone = almanac("series", "cancel", made["id"], "--all")
    assert "3 of 3 are cancelled." in gone.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (series("--until", "tomorrow"), "is not a date"),
        (series("--until", "2100-01-01"), "A series ends somewhere"),
        (series("--move", "x"), "doesn't say where to"),
        (series("--zone", "Nowhere"), "is not a time zone"),
        (series("--repeat", "often"), "is no way to repeat"),
        (("series", "edit", "s-nothing", "--seats", "2"), "Which of its dates?"),
        (("wait-for", "whole", "--for", "1h", "--at", "in 2h", "--within", "today"), "either --within or --at"),
        (("approve", "b-nothing"), "There is no booking b-nothing"),
        (("series", "show", "s-nothing"), "There is no series s-nothing"),
        (("leave", "w-nothing"), "There is no request w-nothing"),
    ],
)
def test_what_is_wrong_is_said(almanac, words, said):
    done = almanac(*words)
    assert done.code in {1, 2}
    assert said in done.err
    assert "Traceback" not in done.err


def test_what_comes_free_is_offered_to_who_waits(almanac):
    blocking = almanac.ask("book", "whole", "--at", f"{in_days(10)} 10:30", "--for", "1h")
    waits = whole(almanac, 10, "--or-wait")
    assert waits.code == 0
    assert "as number 1 in line" in waits.out
    other = almanac.ask("wait-for", "whole", "--for", "1h", "--within", f"{in_days(10)} 10:00 to {in_days(10)} 11:45")
    almanac("cancel", blocking["id"])
    deadline = time.monotonic() + 60
    while not (offered := [each for each in almanac.ask("waiting") if each["state"] == "offered"]):
        assert time.monotonic() < deadline, almanac.ask("waiting", "--all")
        time.sleep(0.2)
    offer = offered[0]["offer"]
    assert f"Take it: almanac accept {offer}" in almanac("waiting").out
    assert almanac.ask("accept", offer)["status"] == "booked"
    assert "waits no more" in almanac("leave", other["id"]).out
    almanac("cancel", offer)


def test_above_the_limits_a_lead_decides(almanac, member):
    booked = whole(member, 20, "--seats", "3")
    assert "held until a lead of default or an operator has approved it: 3 seats (more than 2)" in booked.out
    pending = almanac.ask("approvals")
    assert [each["owner"] for each in pending] == ["mia"]
    assert "3 seats (more than 2)" in almanac("approvals").out
    refused = member("approve", pending[0]["id"])
    assert refused.code == 1
    assert "is approved" in almanac("approve", pending[0]["id"]).out
    assert member.ask("show", pending[0]["id"])["booking"]["status"] == "booked"
    term = member.ask(*series("--seats", "3"))
    assert {each["state"] for each in term["occurrences"]} == {"offered"}
    declined = almanac("decline", term["id"], "--reason", "Not this term")
    assert declined.out.count("is declined") == 4
    events = member.ask("show", term["occurrences"][0]["booking"])["events"]
    assert events[-1]["message"] == "Declined by admin: Not this term."
