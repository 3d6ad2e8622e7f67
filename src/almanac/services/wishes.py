"""Noting what nobody had room for, so that forecasts know of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from almanac.core.errors import AlmanacError, NoCapacity, NotOffered, SiteTrouble
from almanac.core.windows import Window
from almanac.services.caller import Caller
from almanac.services.catalogue import Catalogue
from almanac.services.choosing import Ask
from almanac.services.finding import Finder
from almanac.services.requests import BookingRequest
from almanac.storage.database import Database
from almanac.storage.rows import WishRow

log = logging.getLogger(__name__)


class Wishes:
    """Notes requests that were refused for lack of room: full, drained and silent sites alike."""

    def __init__(self, database: Database, catalogue: Catalogue, finder: Finder) -> None:
        self._database = database
        self._catalogue = catalogue
        self._finder = finder

    @contextmanager
    def noting(self, caller: Caller, request: BookingRequest, now: datetime) -> Iterator[None]:
        """Note the request if what is done with it meets no room; the error goes on."""
        try:
            yield
        except (NoCapacity, NotOffered, SiteTrouble):
            self._note(caller, request, now)
            raise

    def _note(self, caller: Caller, request: BookingRequest, now: datetime) -> None:
        try:
            profile = self._catalogue.profile(request.profile)
            window = Window.lasting(max(request.start or now, now), request.duration)
            workers = profile.workers_for(request.seats)
            if self._could_be(Ask(profile, request.seats, window, wish=request.site, data=request.data), now):
                with self._database.write() as unit:
                    unit.demand.wish(WishRow(now, caller.person, profile.name, workers, window))
        except AlmanacError as error:  # the refusal matters more than that it is counted
            log.warning("a refused wish isn't counted: %s", error.message)

    def _could_be(self, ask: Ask, now: datetime) -> bool:
        """Whether any site is large enough; while that isn't known, it counts."""
        try:
            return self._finder.could_ever(ask, now)
        except AlmanacError:
            return True
