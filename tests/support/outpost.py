"""A whole Almanac whose only site is a project in a real cloud; the machines there only say that they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from tests.support.rig import ADA, PLAIN
from tests.support.sky import Sky
from tests.support.tenant import Tenant

from almanac.core.bookings import BookingStatus
from almanac.core.catalogue import Profile
from almanac.core.errors import NotOffered
from almanac.factory import Almanac, compose, wall_clock
from almanac.services.requests import BookingRequest
from almanac.services.views import BookingView
from almanac.storage.rows import PersonRow, ProjectRow

T = TypeVar("T")
HOUR = timedelta(hours=1)
PATIENCE_S = 400.0
PAIR = Profile("pair", "A head and a worker", "m.small", "m.small", workers=1, max_workers=1)


class Outpost:
    """One Almanac at one project, which looks only when a test waits for something.

    Args:
        tenant: the project.
        directory: for state and database.
        profile: what can be booked.
        ahead: by how much Almanac's clock goes before the cloud's.
        settings: of the site, where they differ from the usual.
    """

    def __init__(
        self, tenant: Tenant, directory: Path, profile: Profile = PAIR, ahead: timedelta = timedelta(0), **settings
    ) -> None:
        directory.mkdir(exist_ok=True)
        quick = {"build": timedelta(seconds=1), "early": timedelta(0)}
        self.profile = profile
        self.clock: Callable[[], datetime] = lambda: wall_clock() + ahead
        self.sky = Sky(tenant, directory, self.clock, **quick | settings)
        self.app = self._composed()
        with self.app.database.write() as unit:
            unit.people.add_person(PersonRow(ADA.person, self.clock()))
            unit.people.add_project(ProjectRow("gaia", "Gaia", self.clock()))
            unit.people.set_member("gaia", ADA.person, "member")

    def _composed(self) -> Almanac:
        sky = self.sky
        return compose(sky.database, sky.vault, [sky.site], [self.profile], PLAIN, self.clock, nodes=sky.nodes)

    def book(self, start: datetime | None = None, duration: timedelta = HOUR) -> str:
        """Book, from now unless said otherwise; the booking's id."""
        request = BookingRequest(self.profile.name, duration, start)
        return self.until(lambda: self._booked(request), "its site never answers")

    def _booked(self, request: BookingRequest) -> str | None:
        """A booking's id; None while its site, looked at for the first time, hasn't answered yet."""
        try:
            return self.app.bookings.book(ADA, request, self.clock()).id
        except NotOffered:
            return None

    def view(self, booking: str) -> BookingView:
        """What its person sees of a booking now."""
        return self.app.bookings.get(ADA, booking, self.clock())

    def told(self, booking: str) -> str:
        """What its person was told of a booking, an event in each line."""
        events = self.app.access.events(ADA, booking)
        return "\n".join(f"{event.kind}: {event.message}" for event in events)

    def until(self, found: Callable[[], T | None], what: str) -> T:
        """Let the loop look until something is found."""
        deadline = time.monotonic() + PATIENCE_S
        while not (answer := found()):
            assert time.monotonic() < deadline, f"{what}: {self.sky.tenant.leases()} {self.sky.tenant.servers()}"
            self.app.reconciler.tick()
            time.sleep(1.0)
        return answer

    def becomes(self, booking: str, status: BookingStatus) -> BookingView:
        """A booking, once it has a status."""
        self.until(lambda: self.view(booking).status is status, f"{booking} never {status}: {self.view(booking)}")
        return self.view(booking)

    def leases(self, booking: str) -> list[dict]:
        """A booking's leases, as stock clients see them."""
        return [one for one in self.sky.tenant.leases() if f"/l-{booking[2:]}/" in one["name"]]

    def servers(self, booking: str) -> dict[str, dict]:
        """A booking's servers by node, as stock clients see them."""
        prefix = f"c-{booking[2:]}-"
        found = {one["name"]: one for one in self.sky.tenant.servers()}
        return {name.removeprefix(prefix): one for name, one in found.items() if name.startswith(prefix)}

    def end(self, booking: str) -> None:
        """Give a booking up, and wait until nothing is left of it."""
        now = self.clock()
        if self.view(booking).start > now:
            self.app.bookings.cancel(ADA, booking, now)
        else:
            self.app.bookings.release(ADA, booking, now)
        self.until(lambda: not self._unfinished(booking), f"{booking} isn't given back")

    def _unfinished(self, booking: str) -> list[str]:
        """What Almanac still has to do for a booking that was given up."""
        with self.app.database.read() as unit:
            rows = [*unit.leases.unfinished(), *unit.clusters.unfinished()]
        return [row.id for row in rows if row.id.endswith(booking[2:])]

    def close(self) -> None:
        """End what it left running on this machine; what it has in the cloud stays."""
        self.app.reconciler.close()
        self.sky.close()


def mixed(workers: int) -> Profile:
    """The pair with so many workers, on two flavors."""
    return replace(PAIR, head="m.medium", workers=workers, max_workers=workers)
