"""Almanac on the local site, in a process that kills itself with SIGKILL at the n-th point that it passes.

A point is the moment just before and just after each commit, and after each checkpoint of the site.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.support.lab import NODE, Lab
from tests.support.rig import FusedDatabase

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Profile
from almanac.core.ports import ClusterSpec, Handle, LeaseOrder
from almanac.factory import Almanac, compose
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingFilter, BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.local.site import LocalSite
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

ADA = Caller("ada", roles={"gaia": Role.MEMBER})
PROFILE = Profile("spark-tiny", "Tiny", NODE.name, NODE.name, workers=1, max_workers=1)
PATIENCE = timedelta(seconds=60)


class Fuse:
    """Counts points, and kills this process at the last."""

    def __init__(self, points: int) -> None:
        self._left = points

    def burn(self) -> None:
        """A point has been passed."""
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1


class KillableSite(LocalSite):
    """Burns the fuse after each checkpoint, before the loop can save it."""

    fuse = Fuse(-1)

    def _burning(self, steps: Iterator[Handle]) -> Iterator[Handle]:
        for handle in steps:
            self.fuse.burn()
            yield handle

    def hold(self, order: LeaseOrder) -> Iterator[Handle]:
        return self._burning(super().hold(order))

    def start(self, cluster: ClusterSpec) -> Iterator[Handle]:
        return self._burning(super().start(cluster))

    def stop(self, handle: Handle) -> Iterator[Handle]:
        return self._burning(super().stop(handle))


def almanac(state: Path, points: int) -> Almanac:
    """An Almanac on the state, with small services in Spark's place."""
    fuse = Fuse(points)
    lab = Lab(state / "local")
    site = lab.site
    site.__class__ = KillableSite
    site.fuse = fuse
    database = FusedDatabase(f"sqlite:///{state / 'almanac.db'}", fuse)
    return compose(database, Vault.at(state / "secret.key"), [site], (PROFILE,), Rules())


def prepare(state: Path) -> None:
    """The state directory with its database and people."""
    state.mkdir(exist_ok=True)
    database = Database(f"sqlite:///{state / 'almanac.db'}")
    database.migrate()
    with database.write() as unit:
        unit.people.add_person(PersonRow("ada", datetime.now(UTC)))
        unit.people.add_project(ProjectRow("gaia", "Gaia", datetime.now(UTC)))
    database.close()


def book(app: Almanac) -> None:
    """Book for now."""
    app.bookings.book(ADA, BookingRequest("spark-tiny", timedelta(hours=1)), app.clock())


def release(app: Almanac) -> None:
    """Release the booking that is ready."""
    [found] = [b for b in bookings(app) if b.status is BookingStatus.READY]
    app.bookings.release(ADA, found.id, app.clock())


def bookings(app: Almanac):
    """All bookings."""
    return app.bookings.list(ADA, BookingFilter(), app.clock())[0]


def tick_until(app: Almanac, goal: BookingStatus) -> None:
    """Tick until the last booking is at its goal and nothing is under way."""
    deadline = app.clock() + PATIENCE
    while True:
        busy = app.reconciler.tick()
        statuses = [booking.status for booking in bookings(app)]
        if statuses[-1] is goal and not busy:
            return
        if app.clock() > deadline:
            raise SystemExit(f"not {goal} but {statuses}: {bookings(app)[-1]}")
        time.sleep(0.05)


def reach(state: Path, goal: str, points: int) -> None:
    """Book, release, or tick until the booking is at its goal; killed at that point on the way (-1: never)."""
    app = almanac(state, points)
    if goal == "book":
        book(app)
    elif goal == "release":
        release(app)
    else:
        tick_until(app, BookingStatus(goal))
    app.database.close()
