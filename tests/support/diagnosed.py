"""Event logs of bookings, put where a site or its storage has them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path, PurePosixPath

import pytest
from tests.integration.api.world import World
from tests.support.event_logs import MIB, App, Job, Stage, same, with_one

from almanac.core.ports import Events
from almanac.monitoring.event_log_reader import EventLogReader
from almanac.services.conditions import Conditions
from almanac.services.diagnoses import Diagnoses, Watcher
from almanac.sites.simulated import SimulatedSite

SKEWED = App([Job([Stage(with_one(same(32), run=120_000, read=640 * MIB))])])
HEALTHY = App([Job([Stage(same(32))])])


def diagnosing(world: World, storage: Path, watcher: Watcher | None = None) -> World:
    """The same world, with files in a directory, and somebody who watched its machines."""
    watched = watcher or Conditions(world.app.monitoring)
    made = Diagnoses(world.app.database, world.app.catalogue, EventLogReader(), watched, storage)
    app = replace(world.app, diagnoses=made)
    world.http.app.state.almanac = app
    return replace(world, app=app)


def saved(storage: Path, booking: str, app: App, name: str = "app-1", owner: str = "ada") -> Path:
    """An application's rolling log, where a booking of ``ada``'s leaves it."""
    directory = storage / "gaia" / "people" / owner / "bookings" / booking / "logs" / "events" / f"eventlog_v2_{name}"
    directory.mkdir(parents=True)
    return app.write(directory / f"events_1_{name}")


def ended(world: World, booking: str) -> None:
    """Release a booking and let the loop tear it down."""
    world.app.bookings.release(world.caller("owner"), booking, world.clock())
    for _ in range(30):
        world.app.reconciler.tick()
        if world.app.bookings.get(world.caller("owner"), booking, world.clock()).status == "ended":
            return
        world.clock.advance(timedelta(seconds=1))
    raise AssertionError(f"{booking} never ended")


def running(world: World, monkeypatch: pytest.MonkeyPatch, node: Path) -> str:
    """A ready booking whose cluster is on this machine, as far as its files go."""
    booking = world.book().id
    world.until_ready(booking)
    (node / "events").mkdir(parents=True)
    place = Events(node, PurePosixPath("events"))
    monkeypatch.setattr(SimulatedSite, "events", lambda _site, _handle: place)
    return booking
