"""The front door of an Almanac as people start it: on its own, at the address that ``almanac up`` prints."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

import httpx2
import psutil
import pytest
import stamina
from tests.support.terminal import SIMULATED, Terminal, serving

from almanac.server.files import StateFiles

pytestmark = pytest.mark.door
PATIENCE_S = 60


def proxy_of(server: int) -> psutil.Process:
    """The one proxy that a server has; others of its children are none."""
    found = [each for each in psutil.Process(server).children() if each.name() == "caddy"]
    assert len(found) == 1
    return found[0]


def test_it_is_there_and_survives_what_kills_it_or_almanac(tmp_path: Path) -> None:
    with serving(tmp_path, SIMULATED) as terminal:
        told = terminal("up").out
        entrance = re.search(r"In a browser: (http://localhost:\d+) ", told)[1]
        assert httpx2.get(f"{entrance}/sign-in").status_code == 200

        server = StateFiles(terminal.state).running().pid
        proxy_of(server).send_signal(signal.SIGKILL)
        open_again(terminal, entrance)

        proxy = proxy_of(server)
        os.kill(server, signal.SIGKILL)
        psutil.wait_procs([proxy], timeout=PATIENCE_S)
        assert not proxy.is_running()
        again = terminal.ask("up", "--port", "0")
        assert again["started"]
        assert again["entrance"] == entrance
        open_again(terminal, entrance)


@stamina.retry(on=(httpx2.HTTPError, AssertionError), timeout=PATIENCE_S, attempts=None, wait_max=0.5)
def open_again(terminal: Terminal, entrance: str) -> None:
    """Wait until the door is open, and `almanac status` knows."""
    assert httpx2.get(f"{entrance}/api/v1/health").json()["door"] == {"url": entrance, "trouble": ""}
    assert terminal.ask("status")["server"]["door"] == {"url": entrance, "trouble": ""}


def test_a_taken_port_is_said_where_people_look_and_the_rest_works(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(tmp_path, {**SIMULATED, "ALMANAC_DOOR__PORT": port}) as terminal:
            said, told = terminal("up"), terminal.ask("status")["server"]
            assert f"can't listen at 127.0.0.1:{port}: another program does" in said.err
            assert "In a browser" not in said.out
            assert "another program does" in told["door"]["trouble"]
            assert httpx2.get(f"{told['url']}/sign-in").status_code == 200
