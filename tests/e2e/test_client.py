"""The Python client as people use it: on a real server, and (marked ``cluster``) on a real Spark cluster."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import httpx2
import pytest
from tests.support.certificates import self_signed
from tests.support.terminal import SIMULATED, Terminal, serving

from almanac.client import Client, ClientError, NotReachable, book, bookings, connect
from almanac.client.credentials import load
from almanac.client.jupyter import Jupyter
from almanac.client.models import Request
from almanac.client.trust import trusted
from almanac.core.bookings import BookingStatus


def client_of(terminal: Terminal) -> Client:
    """The client of a terminal's person."""
    return Client(load(terminal.credentials).default, token_of(terminal))


def token_of(terminal: Terminal) -> str:
    """The token of a terminal's person."""
    credentials = load(terminal.credentials)
    return credentials.servers[credentials.default].token


@pytest.fixture(scope="module")
def operator(tmp_path_factory) -> Iterator[Client]:
    """The operator's client on a server with one small simulated host."""
    with serving(tmp_path_factory.mktemp("almanac"), SIMULATED) as terminal, client_of(terminal) as client:
        yield client


def tomorrow(hour: int) -> datetime:
    return (datetime.now(UTC) + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)


def test_every_answer_is_typed(operator):
    assert operator.health().loop["alive"]
    assert operator.me().operator
    assert operator.sites()[0].total["cores"] == 16
    assert {p.name: p.max_duration for p in operator.profiles()}["spark-small"] == timedelta(hours=12)
    free = operator.availability("spark-small", timedelta(hours=1), within=(tomorrow(8), tomorrow(20)), limit=2)
    assert [slot.site for slot in free.offers] == ["simulated", "simulated"]


def test_a_booking_through_its_life(operator):
    with book("spark-small", hours=1, client=operator) as platform:
        assert platform.status == "ready"
        assert platform.connect_url.startswith("sc://")
        assert platform.extend(hours=0.5).booking.end - platform.booking.start == timedelta(hours=1.5)
        assert platform.shorten(
            until=platform.booking.start + timedelta(hours=1)
        ).booking.end < platform.booking.start + (timedelta(hours=1.1))
        assert "master" in platform.logs()
        assert connect(platform.id, client=operator).id in {b.id for b in bookings(client=operator)}
    assert platform.status == "ending"
    assert [event.kind for event in platform.events()][:3] == ["booked", "building", "ready"]
    with pytest.raises(ClientError):
        connect(platform.id, client=operator).connect_url  # noqa: B018


def test_an_exception_inside_gives_it_back(operator):
    with pytest.raises(ZeroDivisionError), book("spark-small", hours=1, client=operator) as platform:
        1 / 0  # noqa: B018
    assert connect(platform.id, client=operator).booking.status != BookingStatus.READY


def test_the_same_key_books_once(operator):
    request = Request("spark-small", timedelta(hours=1), start=tomorrow(10))
    first, second = (operator.book(request, key="the-same") for _ in range(2))
    assert first.id == second.id
    operator.cancel(first.id)


def test_offers_extensions_and_resizing(operator):
    offered = operator.offer(Request("spark-class", timedelta(hours=1), start=tomorrow(14), seats=2))
    assert offered.status is BookingStatus.OFFERED
    assert operator.accept(offered.id).status is BookingStatus.BOOKED
    assert operator.resize(offered.id, 4).seats == 4
    assert operator.extension(offered.id).until > offered.end
    assert operator.cancel(offered.id).over


def test_a_refusal_is_an_error_with_facts(operator):
    full = operator.book(Request("spark-class", timedelta(hours=1), start=tomorrow(16), seats=30))
    with pytest.raises(ClientError) as caught:
        book("spark-class", hours=1, at=tomorrow(16), seats=30, wait=False, client=operator)
    operator.cancel(full.id)
    assert caught.value.code == "no_capacity"
    assert caught.value.details["refusal"]["alternatives"]


def test_bookings_come_in_pages(operator):
    start = tomorrow(0) + timedelta(days=3)
    made = [
        operator.book(Request("notebook", timedelta(minutes=1), start=start + i * timedelta(minutes=5)))
        for i in range(105)
    ]
    listed = [b.id for b in operator.bookings(start=start)]
    assert listed == [b.id for b in made]
    for each in made:
        operator.cancel(each.id)


def test_a_dead_token_is_refused(operator):
    made = operator.create_token("short")
    with Client(operator.url, made.token) as other:
        assert other.me().person == "admin"
        operator.revoke_token(made.id)
        with pytest.raises(ClientError) as caught:
            other.me()
    assert caught.value.code == "not_signed_in"


def test_watching_survives_a_restart_of_the_server(tmp_path):
    with serving(tmp_path, SIMULATED) as terminal:
        port = terminal.ask("status")["server"]["url"].rpartition(":")[2]
        with client_of(terminal) as client:
            booked = client.book(Request("spark-small", timedelta(hours=1), start=tomorrow(10)))
            stream = client.watch(booked.id)
            assert next(stream).status is BookingStatus.BOOKED
            terminal("down")
            with pytest.raises(NotReachable):
                client.me()
            assert terminal("up", "--port", port).code == 0
            assert next(stream).status is BookingStatus.BOOKED
            client.cancel(booked.id)
            assert list(stream)[-1].status is BookingStatus.CANCELLED


# --- a real cluster -----------------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print("counted", spark.range(int(sys.argv[1])).count())
sys.exit(3)
"""
SESSION = """
from pyspark.sql import SparkSession
print(SparkSession.builder.remote({url!r}).create().range(7).count())
"""


def stock_client(url: str) -> subprocess.CompletedProcess[str]:
    """One query by plain pyspark in a process of its own."""
    command = [sys.executable, "-c", SESSION.format(url=url)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def stranger(operator: Client) -> tuple[Client, str]:
    """Somebody of another project, signed in, and their token."""
    operator.admin.add_person("eve")
    operator.admin.add_project("elsewhere")
    operator.admin.set_member("elsewhere", "eve", "lead")
    made = operator.sign_in(operator.admin.invite("eve").one_time_token)
    return Client(operator.url, made.token), made.token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def look_around(address: str, token: str) -> str:
    """Spark's page of jobs; all that it leads to and needs is at its own address, and is there."""
    own = urlsplit(address).path
    with httpx2.Client(base_url=address, headers=bearer(token), verify=trusted(), follow_redirects=True) as browser:
        page = browser.get("jobs/").text
        leads = sorted(set(re.findall(r'(?:href|src)="(/[^"#]*)"', page)))
        assert f"{own}stages/" in leads
        assert all(lead.startswith(own) for lead in leads)
        assert {browser.get(lead).status_code for lead in leads} == {200}
    return page


@pytest.mark.cluster
def test_a_real_platform_from_python_a_stock_client_a_script_and_a_notebook_through_a_door_with_tls(
    tmp_path, monkeypatch
):
    certificate, key = self_signed(tmp_path, "localhost")
    for trusting in ("SSL_CERT_FILE", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"):
        monkeypatch.setenv(trusting, str(certificate))
    door = {"ALMANAC_DOOR__CERTIFICATE": str(certificate), "ALMANAC_DOOR__KEY": str(key)}
    with (
        serving(tmp_path, {"ALMANAC_LOCAL__MEMORY_RESERVE_MIB": "512", **door}) as terminal,
        client_of(terminal) as near,
        Client(near.health().door["url"], token_of(terminal)) as client,
    ):
        assert client.url.startswith("https://localhost:")
        with book("spark-small", hours=0.5, client=client) as platform:
            assert platform.spark.range(1000).selectExpr("sum(id)").first()[0] == 499500

            url = platform.connect_url
            answered = stock_client(url)
            assert (answered.returncode, answered.stdout) == (0, "7\n"), answered.stderr
            eve, her_token = stranger(client)
            wrong = re.sub("token=[^;]*", "token={}", url)
            for token, why in (
                ("wrong", "(?i)unauthenticated|invalid.*token"),
                (her_token, "no booking b-|(?i:invalid)"),
            ):
                refused = stock_client(wrong.format(token))
                assert refused.returncode == 1
                assert re.search(why, refused.stderr)
            with eve, pytest.raises(ClientError) as hidden:
                eve.connection(platform.id)
            assert hidden.value.code == "not_found"

            (tmp_path / "count.py").write_text(SCRIPT)
            with terminal.start("run", platform.id, tmp_path / "count.py", "12345") as process:
                out, err = process.communicate(timeout=240)
            assert (process.returncode, out) == (3, "counted 12345\n"), err

            pages = client.connection(platform.id).spark_ui_url
            assert "Completed Jobs" in look_around(pages, token_of(terminal))
            assert httpx2.get(pages, headers=bearer(her_token), verify=trusted()).status_code == 404

            jupyter = Jupyter(platform.notebook_url)
            with jupyter.kernel() as kernel:
                assert kernel.execute("spark.range(5).count()").text == "5"
            jupyter.close()
        assert platform.refresh().status in {"ending", "ended"}
        with pytest.raises(ClientError) as over:
            client.connection(platform.id)
        assert over.value.code == "wrong_state"
        assert list(client.watch(platform.id))[-1].status is BookingStatus.ENDED
        refused = stock_client(url)
        assert refused.returncode == 1
        assert "token isn't good here" in refused.stderr
