from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.api.attempts import Attempts, source
from almanac.api.slowdown import FailureLimit, LeakyBucket, SlowDown
from almanac.core.errors import NotSignedIn

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)


def fail(attempts: Attempts, address: str, *, person: str = "ada", device: str | None = None, now: datetime = NOW):
    """A try that fails; False if it wasn't made."""
    try:
        with attempts.counted(person, address, device, now):
            raise NotSignedIn("wrong")
    except NotSignedIn:
        return True
    except SlowDown:
        return False


def succeed(attempts: Attempts, address: str, *, device: str | None = None, now: datetime = NOW) -> None:
    with attempts.counted("ada", address, device, now):
        pass


def test_whom_a_whole_crowd_attacks_still_gets_in_from_anywhere():
    attempts = Attempts(FailureLimit())
    made = sum(fail(attempts, f"10.0.{crowd}.1") for crowd in range(200) for _ in range(5))
    assert made < 200 * 3
    succeed(attempts, "192.0.2.7")
    succeed(attempts, "192.0.2.7")
    assert [fail(attempts, "192.0.2.7") for _ in range(3)] == [True, True, False]
    succeed(attempts, "10.0.1.1", device="known")


def test_success_costs_nothing():
    attempts = Attempts(FailureLimit())
    for _ in range(100):
        succeed(attempts, "here")
        succeed(attempts, "here", device="known")


def test_a_known_browser_that_was_stolen_is_slowed_by_itself():
    attempts = Attempts(FailureLimit())
    assert sum(fail(attempts, "here", device="stolen") for _ in range(50)) == 10
    succeed(attempts, "here")


def test_a_try_that_is_refused_by_one_bucket_costs_nothing_in_another():
    addresses = FailureLimit()
    attempts = Attempts(addresses)
    for _ in range(20):
        fail(attempts, "here")
    assert fail(attempts, "here", person="grace")


def test_other_trouble_is_no_failed_sign_in():
    attempts = Attempts(FailureLimit())
    for _ in range(20):
        with pytest.raises(RuntimeError), attempts.counted("ada", "here", None, NOW):
            raise RuntimeError
    succeed(attempts, "here")


def test_of_many_at_once_no_more_pass_than_there_is_room_for():
    bucket = LeakyBucket("Too many.", 3, timedelta(seconds=10))
    for _ in range(3):
        bucket.take("here", NOW)
    assert bucket.full("here", NOW)
    with pytest.raises(SlowDown):
        bucket.take("here", NOW)
    bucket.forgive("here")
    bucket.forgive("unknown")
    bucket.take("here", NOW)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_an_address_is_what_one_customer_has(host, expected):
    assert source(host) == expected
