"""16 writers at the real booking desk, on both databases: every place is given once, and none twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import TypeVar

import pytest
from tests.support import desk, truths
from tests.support.rig import ADA, MINUTE, Rig

from almanac.core.errors import AlmanacError
from almanac.factory import Almanac
from almanac.services.requests import BookingRequest
from almanac.storage.database import Database

T = TypeVar("T")
WRITERS = 16


def all_at_once(act: Callable[[int], T]) -> list[T]:
    """What each of 16 threads answers that begin together."""
    together = threading.Barrier(WRITERS)

    def begin(number: int) -> T:
        together.wait()
        return act(number)

    with ThreadPoolExecutor(WRITERS) as threads:
        return list(threads.map(begin, range(WRITERS)))


def check_filled(url: str, booked: list[list[str]]) -> None:
    """As many as there are places were told that they have one, and the database agrees with each of them."""
    told = [booking for each in booked for booking in each]
    assert len(told) == len(set(told)) == desk.PLACES
    database = Database(url)
    with database.read() as unit:
        assert {booking.id for booking in unit.bookings.list()} == set(told)
        claims = unit.claims.current("sky", desk.NOW)
        assert len(unit.clusters.unfinished()) == len(unit.leases.unfinished()) == len(claims) == desk.PLACES
    for host in desk.HOSTS:
        taken = truths.total(claim.resources for claim in claims if claim.host == host.name)
        assert taken == host.resources
    database.close()


def test_threads_of_one_almanac_fill_a_pool_exactly(database_url: str) -> None:
    desk.prepare(database_url)
    app = desk.open_desk(database_url)
    booked = all_at_once(lambda _: desk.book_until_full(app))
    app.database.close()
    check_filled(database_url, booked)


def test_threads_with_an_almanac_each_fill_a_pool_exactly(database_url: str) -> None:
    desk.prepare(database_url)

    def race(_: int) -> list[str]:
        app = desk.open_desk(database_url)
        booked = desk.book_until_full(app)
        app.database.close()
        return booked

    check_filled(database_url, all_at_once(race))


def test_processes_fill_a_pool_exactly(database_url: str) -> None:
    desk.prepare(database_url)
    command = [sys.executable, "-m", "tests.support.desk", database_url, str(WRITERS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    race = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    check_filled(database_url, json.loads(race.stdout))


@pytest.mark.parametrize("seed", range(2))
def test_writers_of_every_kind_leave_the_books_in_order(database_url: str, seed: int) -> None:
    rig = Rig(database_url)
    rig.grant("sky", 40)
    apps = [rig.app, rig.another()]
    all_at_once(lambda number: live(apps[number % 2], Random(f"{seed} {number}"), rig))  # noqa: S311
    for check in (truths.never_overbooked, truths.claims_cover_bookings, truths.ledger_balances, truths.events_explain):
        check(rig)
    apps[1].database.close()
    rig.close()


def live(app: Almanac, random: Random, rig: Rig) -> None:
    """Make a dozen random wishes, most of them about one's own bookings."""
    mine: list[str] = []
    now = rig.clock()
    for _ in range(12):
        try:
            if not mine or random.random() < 0.4:
                start = now + random.randint(0, 90) * MINUTE
                duration = random.randint(5, 60) * MINUTE
                request = BookingRequest("spark", duration, start, random.randint(1, 6))
                make = random.choice([app.bookings.book, app.bookings.offer])
                mine.append(make(ADA, request, now).id)
            else:
                change(app, random, random.choice(mine), rig)
        except AlmanacError as refusal:
            assert refusal.status < 500, refusal  # noqa: PT017 (most wishes may be refused)


def change(app: Almanac, random: Random, booking: str, rig: Rig) -> None:
    """Change a booking in some way."""
    now = rig.clock()
    by = timedelta(minutes=random.randint(1, 40))
    wishes: list[Callable[[], object]] = [
        lambda: app.bookings.accept(ADA, booking, now),
        lambda: app.changes.extend(ADA, booking, now, by=by),
        lambda: app.changes.shorten(ADA, booking, now, by=by),
        lambda: app.changes.resize(ADA, booking, now, random.randint(1, 6)),
        lambda: app.bookings.cancel(ADA, booking, now),
        lambda: app.bookings.release(ADA, booking, now),
    ]
    random.choice(wishes)()
