"""Doors on this machine's loopback, with real relays."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from almanac.sites.openstack.doors import Doors


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        return


@pytest.fixture
def far():
    """A server that a cluster's head stands for."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield ("127.0.0.1", server.server_port)
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def doors(tmp_path):
    made = Doors(tmp_path)
    yield made
    made.close()


def ask(port):
    """What comes back through a door, once its relay is up."""
    deadline = time.monotonic() + 30
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except (ConnectionError, http.client.BadStatusLine):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        finally:
            connection.close()


def test_a_door_passes_on_and_stays_where_it_is(doors, far):
    [port] = doors.keep("c-1", {"connect": far}).values()
    assert ask(port) == b"hello"
    both = doors.keep("c-1", {"connect": far, "notebook:seat-1": far})
    assert both["connect"] == port
    assert ask(both["notebook:seat-1"]) == b"hello"


def test_a_new_almanac_opens_the_same_doors(doors, far, tmp_path):
    kept = doors.keep("c-1", {"connect": far})
    doors.close()
    again = Doors(tmp_path)
    assert again.keep("c-1", {"connect": far}) == kept
    assert ask(kept["connect"]) == b"hello"
    again.close()


def test_a_relay_that_was_killed_comes_back(doors, far):
    kept = doors.keep("c-1", {"connect": far})
    [relay] = doors._open["c-1"].processes
    os.kill(relay.pid, signal.SIGKILL)
    relay.wait()
    assert doors.keep("c-1", {"connect": far}) == kept
    assert ask(kept["connect"]) == b"hello"


def test_a_head_that_moved_is_followed(doors, far):
    kept = doors.keep("c-1", {"connect": ("127.0.0.1", 9)})
    assert doors.keep("c-1", {"connect": far}) == kept
    assert ask(kept["connect"]) == b"hello"


def test_shut_doors_are_shut_and_their_relays_gone(doors, far, tmp_path):
    [port] = doors.keep("c-1", {"connect": far}).values()
    [relay] = doors._open["c-1"].processes
    doors.shut("c-1")
    doors.shut("c-1")
    assert relay.poll() is not None
    assert list((tmp_path / "doors").iterdir()) == []
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection("127.0.0.1", port).request("GET", "/")


def test_a_port_that_somebody_else_has_taken_is_waited_for(doors, far, tmp_path):
    [port] = doors.keep("c-1", {"connect": far}).values()
    other = Doors(tmp_path)
    assert other.keep("c-1", {"connect": far}) == {}
    doors.close()
    assert other.keep("c-1", {"connect": far}) == {"connect": port}
    other.close()


def test_a_relay_ends_with_almanac(doors, far):
    doors.keep("c-1", {"connect": far})
    [relay] = doors._open["c-1"].processes
    relay.stdin.close()  # as the kernel does when Almanac is killed
    assert relay.wait(30) == 0
