"""The door while things change: people are shown out, others aren't disturbed, and it comes back when it dies."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import psutil
import websocket
from tests.integration.frontdoor.conftest import House
from tests.integration.frontdoor.test_who_gets_in import heard_by_websocket, said_by_connect


@contextmanager
def opened(house: House, *headers: dict[str, str]) -> Iterator[list[websocket.WebSocket]]:
    """WebSockets of ada's notebook, one for each who shows something."""
    address = f"{house.notebook}/ws".replace("http", "ws", 1)
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                closing(websocket.create_connection(address, timeout=10, header=each, suppress_origin=True))
            )
            for each in headers
        ]


def until(there: Callable[[], object]) -> None:
    """Wait for something that comes soon."""
    end_by = time.monotonic() + 20
    while not there():
        assert time.monotonic() < end_by
        time.sleep(0.05)


def alive(connection: websocket.WebSocket) -> bool:
    """Whether it is still answered."""
    try:
        connection.send("are you there?")
        return connection.recv() == "are you there?"
    except (websocket.WebSocketException, OSError):
        return False


def test_who_signs_out_is_out_at_once_and_others_notice_nothing(own_house: House):
    house, now = own_house, own_house.world.clock()
    seat = {"Authorization": f"token {house.seat_token}"}
    with opened(house, house.cookie("owner"), house.cookie("lead"), seat) as sockets:
        house.look()
        assert [alive(each) for each in sockets] == [True, True, True]
        owner = house.world.caller("owner")
        for session in house.world.app.sessions.list(owner, now):
            house.world.app.sessions.end(owner, session.id, now)
        house.look()
        assert [alive(each) for each in sockets] == [False, True, True]


def test_a_revoked_token_is_refused_at_once_and_its_websocket_ends(own_house: House):
    house, app, now = own_house, own_house.world.app, own_house.world.clock()
    with opened(house, house.bearer("owner")) as (socket,):
        assert said_by_connect(house, house.world.tokens["owner"]) == 200
        owner = house.world.caller("owner")
        for token in app.accounts.tokens(owner, now):
            app.accounts.revoke_token(owner, token.id, now)
        assert httpx2.get(f"{house.notebook}/x", headers=house.bearer("owner")).status_code == 401
        assert said_by_connect(house, house.world.tokens["owner"]) == 16
        house.look()
        assert not alive(socket)


def test_a_released_booking_is_closed_to_everybody_at_once(own_house: House):
    house = own_house
    token, seat = house.connection.connect_url.partition("token=")[2].partition(";")[0], house.seat_token
    with opened(house, {"Authorization": f"token {seat}"}) as (socket,):
        house.world.app.bookings.release(house.world.caller("owner"), house.booking, house.world.clock())
        answer = httpx2.get(f"{house.notebook}/x", headers=house.bearer("owner"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_state")
        assert httpx2.get(f"{house.notebook}/x", headers={"Authorization": f"token {seat}"}).status_code == 409
        assert said_by_connect(house, token) == 9
        house.look()
        assert not alive(socket)


def test_a_member_who_leaves_the_project_is_out(own_house: House):
    house = own_house
    token = house.connection.connect_url.partition("token=")[2].partition(";")[0]
    assert said_by_connect(house, token) == 200
    house.world.app.projects.remove_member(house.world.caller("operator"), "gaia", "ada")
    assert said_by_connect(house, token) == 5
    assert heard_by_websocket(f"{house.notebook}/ws", house.bearer("owner")) == 404


def test_a_booking_to_come_and_one_being_built_say_so(own_house: House):
    house, owner = own_house, own_house.bearer("owner")
    ahead, building = house.world.book(hours_ahead=30).id, house.world.book().id
    house.world.app.reconciler.tick()
    for booking, code in ((ahead, "wrong_state"), (building, "not_ready")):
        answer = httpx2.get(f"{house.platforms}/n/{booking}/seat-1/", headers=owner)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


def test_a_proxy_that_dies_is_said_and_comes_back_at_the_same_address(own_house: House):
    house, proxy = own_house, own_house.doorkeeper._proxy
    before = proxy.pid
    os.kill(before, signal.SIGKILL)
    until(lambda: proxy.pid != before)
    until(lambda: house.look() or proxy.pid)
    assert house.entrance.door.trouble == ""
    assert heard_by_websocket(f"{house.notebook}/ws", house.bearer("owner")) == 200


def test_a_door_whose_port_is_taken_says_so_until_it_is_free(own_house: House):
    house, proxy = own_house, own_house.doorkeeper._proxy
    proxy.close()
    with socket.create_server(("127.0.0.1", house.entrance.ports.entrance)):
        house.look()
        assert f"127.0.0.1:{house.entrance.ports.entrance}: another program does" in house.entrance.door.trouble
        assert httpx2.get(f"{house.almanac}/api/v1/health").json()["door"]["trouble"] == house.entrance.door.trouble
    until(lambda: house.look() or proxy.pid)
    assert house.entrance.door.trouble == ""


def test_a_proxy_that_cant_run_says_why(own_house: House, tmp_path: Path):
    program = tmp_path / "caddy"
    program.write_text("#!/bin/sh\necho it has a headache >&2; exit 1\n")
    program.chmod(0o755)
    own_house.doorkeeper._proxy.stop()
    own_house.doorkeeper._proxy._program = str(program)
    own_house.look()
    assert own_house.entrance.door.trouble.endswith("It said last: it has a headache")


def test_what_is_behind_it_is_gone_says_words(own_house: House):
    house = own_house
    with house.world.app.database.write() as unit:
        row = unit.clusters.get(house.cluster)
        unit.clusters.record(row.id, row.changed_at, endpoints={"notebook:seat-1": "http://127.0.0.1:9"})
    answer = httpx2.get(f"{house.notebook}/lab", headers=house.bearer("owner"))
    assert answer.status_code == 502
    assert "doesn't answer" in answer.text


def test_no_secret_is_in_what_the_proxy_says_or_in_its_arguments(own_house: House):
    house = own_house
    seat = house.seat_token
    with house.world.app.database.write() as unit:
        row = unit.clusters.get(house.cluster)
        unit.clusters.record(row.id, row.changed_at, endpoints={"notebook:seat-1": "http://127.0.0.1:9"})
    httpx2.get(
        f"{house.notebook}/lab?token={seat}", headers={**house.bearer("owner"), "Cookie": "almanac_session=hush"}
    )
    said = (house.entrance.settings.state / "log" / "door.log").read_text()
    arguments = " ".join(psutil.Process(house.doorkeeper._proxy.pid).cmdline())
    assert said
    for secret in (seat, house.world.tokens["owner"], "hush", house.entrance.door.secret):
        assert secret not in said + arguments


def test_the_proxy_ends_with_almanac_however_that_ends(tmp_path: Path):
    started = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert started.returncode == -signal.SIGKILL, started.stderr
    pid = int(re.search(r"proxy (\d+)", started.stdout)[1])
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


_KILLED = """
import os, signal, sys
from pathlib import Path
from almanac.server.doorkeeper import Doorkeeper
from almanac.server.entrance import find_entrance
from almanac.settings import DoorSettings, Settings
entrance = find_entrance(Settings(state=Path(sys.argv[1]), door=DoorSettings(enabled=True)))
keeper = Doorkeeper(None, entrance.door, entrance.proxy("http://127.0.0.1:9"), look_s=3600)
keeper.start()
print("proxy", keeper._proxy.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
