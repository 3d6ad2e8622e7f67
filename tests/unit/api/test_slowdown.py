from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.api.slowdown import FailureLimit, SlowDown

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def fail(limit: FailureLimit, times: int, address: str = "here", now: datetime = NOW) -> None:
    for _ in range(times):
        limit.check(address, now)
        limit.failed(address, now)


def test_a_burst_passes_then_one_failure_is_forgiven_at_a_time():
    limit = FailureLimit(burst=3, leak=10 * SECOND)
    fail(limit, 3)
    with pytest.raises(SlowDown) as refused:
        limit.check("here", NOW)
    assert refused.value.details == {"retry_after_s": 10}
    assert "10 s" in refused.value.hint
    with pytest.raises(SlowDown):
        limit.check("here", NOW + 9 * SECOND)
    fail(limit, 1, now=NOW + 10 * SECOND)
    with pytest.raises(SlowDown):
        limit.check("here", NOW + 10 * SECOND)
    fail(limit, 3, now=NOW + 60 * SECOND)


def test_addresses_are_apart():
    limit = FailureLimit(burst=1)
    fail(limit, 1, "there")
    limit.check("here", NOW)


def test_success_costs_nothing():
    limit = FailureLimit(burst=1)
    for _ in range(100):
        limit.check("here", NOW)


def test_memory_is_bounded_and_who_failed_longest_ago_is_forgotten():
    limit = FailureLimit(burst=1, addresses=100)
    for number in range(1000):
        fail(limit, 1, f"address {number}")
    with pytest.raises(SlowDown):
        limit.check("address 999", NOW)
    limit.check("address 899", NOW)
