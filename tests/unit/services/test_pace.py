"""When a site is looked at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.bookings import Phase
from almanac.core.resources import Holder
from almanac.core.windows import Window
from almanac.services.pace import Pace
from almanac.storage.rows import ClusterRow, ClusterTarget, LeaseRow, LeaseTarget

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LEASE = LeaseRow(
    "l-1",
    Holder.BOOKING,
    "b-1",
    "sky",
    "{}",
    Window(NOON + HOUR, NOON + 2 * HOUR),
    NOON - HOUR,
    NOON - HOUR,
    phase=Phase.READY,
)
CLUSTER = ClusterRow("c-1", "spark", "sky", "l-1", "{}", NOON - HOUR, NOON - HOUR, build_at=NOON + HOUR)


@pytest.fixture
def pace():
    """Sky was looked at a second ago."""
    made = Pace()
    made.looked("sky", NOON - SECOND)
    return made


def test_a_site_is_looked_at_first_and_then_as_often_as_it_asks(pace):
    assert pace.is_due("cave", HOUR, NOON)
    assert not pace.is_due("sky", 10 * SECOND, NOON)
    assert pace.is_due("sky", 10 * SECOND, NOON + 9 * SECOND)
    assert pace.is_due("sky", timedelta(0), NOON)


@pytest.mark.parametrize(
    "quiet",
    [
        LEASE,
        CLUSTER,
        replace(CLUSTER, phase=Phase.READY, build_at=NOON - HOUR),
        replace(LEASE, phase=Phase.FAILED),
        replace(LEASE, phase=Phase.ABSENT, not_before=NOON + SECOND),
        replace(LEASE, site="cave", phase=Phase.ABSENT),
    ],
    ids=["held", "later", "ready", "failed", "backs off", "of a site never seen, which is due anyhow"],
)
def test_what_rests_stirs_nothing(pace, quiet):
    assert pace.stirred([quiet], NOON) == set()


@pytest.mark.parametrize(
    "moving",
    [
        replace(LEASE, changed_at=NOON),
        replace(LEASE, phase=Phase.ABSENT),
        replace(LEASE, phase=Phase.ABSENT, not_before=NOON),
        replace(LEASE, phase=Phase.STARTING),
        replace(LEASE, target=LeaseTarget.RETURNED),
        replace(CLUSTER, changed_at=NOON - SECOND),
        replace(CLUSTER, build_at=NOON),
        replace(CLUSTER, phase=Phase.STARTING),
        replace(CLUSTER, phase=Phase.READY, target=ClusterTarget.GONE),
    ],
    ids=[
        "changed",
        "to hold",
        "backed off",
        "being held",
        "to return",
        "changed meanwhile",
        "due",
        "starting",
        "to end",
    ],
)
def test_what_moves_stirs_its_site(pace, moving):
    assert pace.stirred([moving], NOON) == {"sky"}
