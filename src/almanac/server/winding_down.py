"""``almanac down --release``: end every cluster, then stop.

Sites are drained meanwhile, so that nothing new is built; which ones is written down first, so that a crash half-way
leaves no site drained for ever: the next start takes bookings there again.
"""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

from almanac.core.bookings import BookingStatus, Phase
from almanac.core.errors import AlmanacError
from almanac.factory import Almanac
from almanac.server.files import StateFiles, write_private
from almanac.services.caller import Caller
from almanac.services.requests import BookingFilter

log = logging.getLogger(__name__)

OPERATOR = Caller("almanac", operator=True)
STARTED = frozenset({BookingStatus.BUILDING, BookingStatus.READY})
RUNNING = frozenset({Phase.STARTING, Phase.READY, Phase.STOPPING})
PATIENCE_S = 300.0
LOOK_EVERY_S = 0.2


def end_all(app: Almanac, files: StateFiles) -> None:
    """End every booking that has a cluster (those to come are refunded) and the warm pool; wait until none runs."""
    now = app.clock()
    open_sites = [site.name for site in app.catalogue.sites(now) if not site.drained]
    write_private(_marker(files), json.dumps(open_sites))
    for name in open_sites:
        app.catalogue.set_drained(name, now)
    end_by = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_by:
        _end_started(app)
        app.warm.take_down(app.clock())
        app.wake.set()
        if not _running(app):
            return
        time.sleep(LOOK_EVERY_S)
    log.warning("some clusters did not end within %d s; they are ended at the next start", PATIENCE_S)


def undo(app: Almanac, files: StateFiles) -> None:
    """Take bookings again at the sites that ``end_all`` drained."""
    marker = _marker(files)
    try:
        names = json.loads(marker.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    for name in set(names) & set(app.catalogue.names):
        app.catalogue.set_drained(name, None)
    marker.unlink(missing_ok=True)


def _marker(files: StateFiles) -> Path:
    return files.state / "winding-down.json"


def _end_started(app: Almanac) -> None:
    now = app.clock()
    found, _ = app.bookings.list(OPERATOR, BookingFilter(statuses=STARTED, limit=500), now)
    for booking in found:
        end = app.bookings.release if booking.start <= now else app.bookings.cancel
        try:
            end(OPERATOR, booking.id, now)
        except AlmanacError as error:  # it has ended by itself meanwhile
            log.info("%s: %s", booking.id, error.message)


def _running(app: Almanac) -> bool:
    with app.database.read() as unit:
        return any(row.phase in RUNNING for row in unit.clusters.unfinished())
