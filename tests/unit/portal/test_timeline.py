"""Where a booking is on its way, in steps and in a sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from almanac.core.bookings import BookingStatus
from almanac.portal.local_times import LocalTimes
from almanac.portal.timeline import WORDS, Mark, sentence, steps
from almanac.services.views import BookingView, Progress

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
TIMES = LocalTimes(ZoneInfo("UTC"), NOW)
VIEW = BookingView(
    id="b-7k3m9q2x",
    project="gaia",
    owner="ada",
    profile="spark-small",
    site="local",
    seats=1,
    workers=2,
    title="",
    start=NOW,
    end=NOW + timedelta(hours=2),
    status=BookingStatus.BOOKED,
    created_at=NOW,
    expires_at=None,
    ended_at=None,
    reserved=True,
    node_hours=6.0,
)
DONE, CURRENT, LATER, FAILED = Mark.DONE, Mark.CURRENT, Mark.TO_COME, Mark.FAILED


@pytest.mark.parametrize(
    ("status", "marks"),
    [
        ("offered", [CURRENT, LATER, LATER, LATER]),
        ("expired", [FAILED, LATER, LATER, LATER]),
        ("booked", [CURRENT, LATER, LATER, LATER]),
        ("building", [DONE, CURRENT, LATER, LATER]),
        ("ready", [DONE, DONE, CURRENT, LATER]),
        ("ending", [DONE, DONE, DONE, CURRENT]),
        ("ended", [DONE, DONE, DONE, DONE]),
        ("cancelled", [FAILED, LATER, LATER, LATER]),
        ("failed", [DONE, FAILED, LATER, LATER]),
    ],
)
def test_the_steps_of_every_status(status, marks):
    shown = steps(replace(VIEW, status=BookingStatus(status)))
    assert [step.mark for step in shown] == marks
    assert WORDS[BookingStatus(status)] in [step.title for step in shown]


@pytest.mark.parametrize(
    ("status", "more", "says"),
    [
        ("booked", {"eta": NOW + timedelta(seconds=10)}, "It will be ready in about 10 s."),
        ("booked", {"start": NOW + timedelta(hours=3)}, "It will be ready at 13:00."),
        ("building", {"progress": Progress(1, 3, "Starting Spark"), "eta": NOW + timedelta(seconds=6)},
         "Starting Spark; ready in about 5 s."),
        ("building", {}, "Its build is about to begin; ready at once."),
        ("ready", {}, "Yours until today 12:00."),
        ("ending", {}, "Files and logs are being saved."),
        ("ended", {"ended_at": NOW}, "Ended today 10:00."),
        ("cancelled", {}, "Cancelled today 12:00."),
        ("failed", {"reason": "no room on disk"}, "It failed: no room on disk"),
        ("offered", {"expires_at": NOW, "approval": "more than 10 seats"},
         "Waits for an approval: more than 10 seats. It is held until today 10:00."),
        ("offered", {"expires_at": NOW}, "An offer. It is held until today 10:00."),
    ],
)  # fmt: skip
def test_a_sentence_for_every_status(status, more, says):
    assert sentence(replace(VIEW, status=BookingStatus(status), **more), TIMES) == says
