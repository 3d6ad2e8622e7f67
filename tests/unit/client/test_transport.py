from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.support.standin import booking_json

from almanac.client import Client, ClientError, NotReachable
from almanac.client.models import Request
from almanac.core.bookings import BookingStatus

TWO_HOURS = timedelta(hours=2)


def test_an_answer_is_typed(client, stand_in):
    stand_in.says(booking_json(progress={"done": 2, "total": 5, "doing": "connect"}, news="of a later version"))
    booking = client.booking("b-7k3m9q2x")
    assert booking.start == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert booking.status is BookingStatus.READY
    assert booking.progress.doing == "connect"
    assert stand_in.asked[0].headers["Authorization"] == "Bearer secret-token"


def test_a_request_is_written_as_the_api_wants_it(client, stand_in):
    stand_in.says(booking_json())
    start = datetime.fromisoformat("2026-12-01T10:00+01:00")
    client.book(Request("spark-small", TWO_HOURS, start=start, title="mine"), key="k1")
    asked = stand_in.asked[0]
    assert (asked.method, asked.path) == ("POST", "/api/v1/bookings")
    assert asked.body == {
        "profile": "spark-small", "duration_s": 7200, "start": "2026-12-01T09:00:00Z", "seats": 1, "title": "mine",
    }  # fmt: skip
    assert asked.headers["Idempotency-Key"] == "k1"


def test_each_booking_has_a_key_of_its_own(client, stand_in):
    stand_in.says(booking_json())
    for _ in range(2):
        client.book(Request("spark-small", TWO_HOURS))
    first, second = (asked.headers["Idempotency-Key"] for asked in stand_in.asked)
    assert first != second


def test_a_naive_time_is_refused_before_it_is_sent(client, stand_in):
    with pytest.raises(ClientError, match="no time zone") as caught:
        client.book(Request("spark-small", TWO_HOURS, start=datetime(2026, 12, 1, 10)))  # noqa: DTZ001 - the point
    assert caught.value.code == "bad_window"
    assert stand_in.asked == []


def test_pages_are_one_list(client, stand_in):
    stand_in.says({"bookings": [booking_json(id="b-1")], "next": "b-1"})
    stand_in.says({"bookings": [booking_json(id="b-2")], "next": None})
    assert [b.id for b in client.bookings(status=[BookingStatus.READY, BookingStatus.BOOKED])] == ["b-1", "b-2"]
    assert stand_in.asked[0].path == "/api/v1/bookings?mine=true&status=booked&status=ready"
    assert stand_in.asked[1].path.endswith("&after=b-1")


def test_an_error_carries_what_the_server_said(client, stand_in):
    stand_in.refuses("no_capacity", 409, details={"refusal": {"message": "full"}})
    with pytest.raises(ClientError) as caught:
        client.booking("b-1")
    error = caught.value
    assert (error.code, error.message, error.hint, error.status) == (
        "no_capacity",
        "It is no_capacity.",
        "Try it so.",
        409,
    )
    assert error.details == {"refusal": {"message": "full"}}
    assert str(error) == "It is no_capacity. Try it so."


@pytest.mark.parametrize("text", ["<html>Bad gateway</html>", '{"detail": "no"}', '["x"]', '{"error": "x"}', ""])
def test_an_error_of_something_else_is_said_too(client, stand_in, text):
    stand_in.says_text(text, 502)
    with pytest.raises(ClientError, match="502"):
        client.booking("b-1")


def test_something_else_at_the_address_is_said(client, stand_in):
    stand_in.says_text("<html>Welcome</html>")
    with pytest.raises(ClientError, match="not Almanac"):
        client.booking("b-1")


def test_an_answer_of_another_version_is_said(client, stand_in):
    stand_in.says({"id": "b-1"})
    with pytest.raises(ClientError, match="isn't a Booking") as caught:
        client.booking("b-1")
    assert "different versions" in caught.value.hint


def test_nobody_there(closed_port):
    with Client(f"http://127.0.0.1:{closed_port}", "t") as client, pytest.raises(NotReachable) as caught:
        client.health()
    assert "almanac up" in caught.value.hint
    assert "nothing listens there" in caught.value.message


@pytest.mark.parametrize("url", ["127.0.0.1:8484", "ftp://127.0.0.1", "http://[::1", "nonsense"])
def test_what_is_no_address(url):
    with pytest.raises(ClientError, match="not an address"), Client(url, "t") as client:
        client.health()


def test_whatever_is_typed_as_an_id_stays_one_part_of_the_path(client, stand_in):
    stand_in.refuses("not_found", 404)
    with pytest.raises(ClientError):
        client.booking("../me?x#y")
    assert stand_in.asked[0].path == "/api/v1/bookings/..%2Fme%3Fx%23y"


def test_a_stream_is_followed_to_its_end(client, stand_in):
    stand_in.streams(booking_json(status="building"), booking_json(status="ready"))
    assert [b.status for b in client.watch("b-1")] == ["building", "ready"]


def test_a_stream_that_is_refused(client, stand_in):
    stand_in.refuses("not_found", 404)
    with pytest.raises(ClientError, match="not_found"):
        list(client.watch("b-1"))


def test_a_server_that_stays_away_is_waited_for_so_long_and_no_longer(closed_port):
    with Client(f"http://127.0.0.1:{closed_port}", "t") as client, pytest.raises(NotReachable):
        list(client.watch("b-1", patience_s=0.3))


def test_a_stream_that_isnt_one(client, stand_in):
    stand_in.says({"no": "stream"})
    with pytest.raises(NotReachable):
        list(client.watch("b-1", patience_s=0.2))
