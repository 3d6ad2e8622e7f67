from __future__ import annotations

import io
import sys

import pytest
from tests.support.standin import booking_json

from almanac.client import ClientError, Platform, book, bookings, connect
from almanac.client import platforms as module

CONNECTION = {
    "connect_url": "sc://localhost:15002/;token=hush",
    "seats": [{"name": "seat-1", "notebook_url": "http://127.0.0.1:1/lab?token=a"}],
    "environment": {"SPARK_REMOTE": "sc://localhost:15002/;token=hush"},
}


class Session:
    """A Spark session that keeps what is done to it."""

    def __init__(self, url: str) -> None:
        self.url, self.told, self.release_session_on_close, self.stopped = url, [], True, False
        self.client, self.retries = self, ["for minutes"]

    def set_retry_policies(self, policies) -> None:
        self.retries = list(policies)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def sessions(monkeypatch) -> list[Session]:
    made: list[Session] = []
    monkeypatch.setattr(module, "_session", lambda url: made.append(Session(url)) or made[-1])
    return made


def paths(stand_in) -> list[str]:
    return [f"{asked.method} {asked.path.removeprefix('/api/v1')}" for asked in stand_in.asked]


def test_book_waits_and_shows_how_far_it_is(client, stand_in, capsys):
    stand_in.says(booking_json(status="building"))
    progress = {"done": 2, "total": 5, "doing": "Spark Connect is starting."}
    stand_in.streams(booking_json(status="building", progress=progress), booking_json())
    platform = book("spark-small", hours=2, client=client)
    assert platform.status == "ready"
    assert stand_in.asked[0].body["duration_s"] == 7200
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "b-7k3m9q2x being built: Spark Connect is starting. [2/5]"
    assert lines[1].startswith("b-7k3m9q2x ready until")


def test_book_without_waiting(client, stand_in):
    stand_in.says(booking_json(status="booked"))
    assert book("spark-small", hours=0.5, wait=False, client=client).status == "booked"
    assert paths(stand_in) == ["POST /bookings"]


@pytest.mark.parametrize("hours", [0, -1])
def test_no_length(client, hours):
    with pytest.raises(ClientError, match="no length") as caught:
        book("spark-small", hours=hours, client=client)
    assert "hours=2" in caught.value.hint


def test_a_build_that_fails_says_why(client, stand_in):
    stand_in.says(booking_json(status="building"))
    stand_in.streams(booking_json(status="failed", reason="There is no Java."))
    with pytest.raises(ClientError, match="There is no Java") as caught:
        book("spark-small", hours=2, client=client)
    assert caught.value.code == "failed"
    assert "almanac logs b-7k3m9q2x" in caught.value.hint


def test_a_stream_that_ends_early_is_taken_up_again(client, stand_in, monkeypatch):
    monkeypatch.setattr("almanac.client.progress.PAUSE_S", 0)
    stand_in.says(booking_json(status="building"))
    stand_in.streams(booking_json(status="building"))
    stand_in.streams(booking_json())
    assert book("spark-small", hours=2, client=client).status == "ready"


def test_an_interrupted_wait_says_that_the_booking_stays(client, stand_in, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "wait_ready", interrupt)
    stand_in.says(booking_json(status="building"))
    with pytest.raises(KeyboardInterrupt) as caught:
        book("spark-small", hours=2, client=client)
    assert "almanac.connect('b-7k3m9q2x')" in caught.value.__notes__[0]


def test_at_the_end_the_session_is_stopped_before_the_platform_is_released(client, stand_in, sessions):
    stand_in.says(booking_json())
    stand_in.says(CONNECTION)
    stand_in.says(booking_json())
    stand_in.says(booking_json(status="ending"))
    with connect("b-7k3m9q2x", client=client) as platform:
        assert platform.spark is platform.spark
        assert platform.spark.url == CONNECTION["connect_url"]
        assert platform.notebook_url.endswith("token=a")
    assert sessions[0].stopped
    assert sessions[0].release_session_on_close
    assert sessions[0].retries == []  # it may be gone already, and PySpark would try for minutes
    assert paths(stand_in)[-2:] == ["GET /bookings/b-7k3m9q2x", "POST /bookings/b-7k3m9q2x/release"]
    assert platform.status == "ending"


def test_an_exception_inside_releases_it_too(client, stand_in):
    stand_in.says(booking_json())
    with pytest.raises(ZeroDivisionError), connect("b-7k3m9q2x", client=client):
        1 / 0  # noqa: B018
    assert paths(stand_in)[-1].endswith("/release")


def test_what_has_ended_meanwhile_is_not_released_and_its_server_not_called(client, stand_in, sessions):
    stand_in.says(booking_json())
    stand_in.says(CONNECTION)
    stand_in.says(booking_json(status="ended"))
    with connect("b-7k3m9q2x", client=client) as platform:
        assert platform.spark
    assert sessions[0].stopped
    assert not sessions[0].release_session_on_close
    assert not any(path.endswith("/release") for path in paths(stand_in))


def test_extending_and_shortening(client, stand_in):
    stand_in.says(booking_json())
    platform = connect("b-7k3m9q2x", client=client)
    platform.extend(hours=1.5).shorten(hours=0.5)
    assert [asked.body for asked in stand_in.asked[1:]] == [{"by_s": 5400}, {"by_s": 1800}]


def test_a_notebook_has_no_spark(client, stand_in):
    stand_in.says(booking_json(profile="notebook", workers=0))
    stand_in.says({**CONNECTION, "connect_url": None})
    with pytest.raises(ClientError, match="without Spark") as caught:
        connect("b-7k3m9q2x", client=client).spark  # noqa: B018
    assert caught.value.code == "no_spark"


def test_without_pyspark_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ClientError, match="no PySpark") as caught:
        module._session("sc://localhost:1")
    assert "pip install" in caught.value.hint


def test_logs_events_and_bookings(client, stand_in):
    stand_in.says(booking_json())
    stand_in.says({"services": {"master": "up"}})
    stand_in.says([{"at": "2026-12-01T09:00:00Z", "kind": "booked", "actor": "ada", "message": "Booked."}])
    stand_in.says({"bookings": [booking_json()], "next": None})
    platform = connect("b-7k3m9q2x", client=client)
    assert isinstance(platform, Platform)
    assert platform.logs() == {"master": "up"}
    assert platform.events()[0].kind == "booked"
    assert [b.id for b in bookings(client=client)] == ["b-7k3m9q2x"]


def test_how_it_is_shown(client, stand_in):
    stand_in.says(booking_json(title="<b>", site="<local>"))
    platform = connect("b-7k3m9q2x", client=client)
    assert repr(platform).startswith("<Platform b-7k3m9q2x: spark-small at <local>, ready until")
    assert "&lt;local&gt;" in platform._repr_html_()
    assert "hush" not in repr(platform) + platform._repr_html_()


def test_a_terminal_gets_a_bar(client, stand_in, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")  # a dumb one gets no bar
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    stand_in.says(booking_json(status="building"))
    progress = {"done": 2, "total": 5, "doing": "[red]starting[/red]"}
    stand_in.streams(booking_json(status="building", progress=progress), booking_json())
    book("spark-small", hours=2, client=client)
    assert "b-7k3m9q2x" in terminal.getvalue()
