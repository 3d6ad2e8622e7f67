"""Watching a booking over a real connection: server-sent events as it changes, until it settles."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator

import httpx2
import pytest
import uvicorn
from tests.integration.api.world import API, World


@pytest.fixture
def url(world: World) -> Iterator[str]:
    """The world's application at a real port of this machine's loopback."""
    config = uvicorn.Config(world.http.app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}{API}"
    server.should_exit = True
    thread.join()


def watched(url: str, world: World, booking: str, **query: int) -> Iterator[dict]:
    """The bookings that the stream tells."""
    headers = {"Authorization": f"Bearer {world.tokens['owner']}"}
    with httpx2.stream("GET", f"{url}/bookings/{booking}/watch", headers=headers, params=query, timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["X-Accel-Buffering"] == "no"
        for line in answer.iter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


def test_each_change_is_told_until_it_is_ready(url, world):
    booking = world.book().id
    seen = []
    for told in watched(url, world, booking):
        seen.append(told)
        if len(seen) == 1:
            threading.Thread(target=world.until_ready, args=(booking,)).start()
    assert (seen[0]["id"], seen[0]["status"]) == (booking, "building")
    assert seen[-1]["status"] == "ready"
    assert all(one != another for one, another in itertools.pairwise(seen))
    assert any(told["progress"] for told in seen)


def test_a_settled_booking_is_told_once(url, world):
    booking = world.book(hours_ahead=1).id
    world.app.bookings.cancel(world.caller("owner"), booking, world.clock())
    assert [told["status"] for told in watched(url, world, booking)] == ["cancelled"]


def test_the_stream_ends_after_the_time_asked_for(url, world):
    booking = world.book(hours_ahead=48).id
    assert [told["status"] for told in watched(url, world, booking, wait_s=0)] == ["booked"]


def test_a_token_that_dies_ends_its_streams(url, world):
    booking = world.book().id
    owner = world.caller("owner")
    stream = watched(url, world, booking)
    assert next(stream)["id"] == booking
    (token,) = world.app.accounts.tokens(owner, world.clock())
    world.app.accounts.revoke_token(owner, token.id, world.clock())
    assert [told["id"] for told in stream] == []


def test_errors_before_the_stream_are_ordinary_answers(url, world):
    theirs = world.book("outsider").id
    headers = {"Authorization": f"Bearer {world.tokens['owner']}"}
    answer = httpx2.get(f"{url}/bookings/{theirs}/watch", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
