"""A random life of a whole Almanac: people, time, bad luck at the sites, kill -9 and restarts.

The services and the database are the real ones; the sites and the clock are simulated. Whatever happens, capacity is never
overbooked, no booking is lost, the ledger balances, and once it is quiet the sites hold what the bookings want and nothing
else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.support import truths
from tests.support.rig import ADA, HOSTS, LIMITS, MINUTE, SECOND, Errand, Rig

from almanac.core.bookings import BookingTarget
from almanac.core.errors import AlmanacError
from almanac.core.ports import LeaseOrder, NoRoom, Permanent, Temporary
from almanac.core.windows import Window
from almanac.services.requests import AvailabilityQuery, BookingRequest
from almanac.services.views import BookingView
from almanac.sites.simulated import Killed, SimulatedSite

T = TypeVar("T")

minutes = st.integers(1, 150).map(lambda count: count * MINUTE)
sites = st.sampled_from(sorted(HOSTS))
requests = st.builds(
    BookingRequest,
    profile=st.sampled_from(["spark", "spark", "notebook"]),
    duration=minutes,
    start=st.none(),
    seats=st.integers(1, 6),
    site=st.none() | sites,
)
errors = st.sampled_from([Temporary("busy"), Temporary("busy", 90 * SECOND), Permanent("impossible"), NoRoom("full")])
FAILURES = ("impossible", "full")
STEPS = {"capacity": 0, "observe": 0, "hold": 1, "give_back": 1, "start": 3, "stop": 3}
"""Calls of a site, and their checkpoints."""
calls = st.sampled_from(sorted(STEPS))
points = calls.flatmap(
    lambda call: st.tuples(st.just(call), st.integers(0, STEPS[call]), st.booleans() if STEPS[call] else st.just(False))
)
deaths = st.lists(st.integers(0, 40), max_size=3)
"""Commits and steps at sites that Almanac passes before it is killed, and again, and again."""
Wish = tuple[Any, ...]
"""What to do with a booking, and by how much."""
wishes = st.one_of(
    *(st.tuples(st.just(name)) for name in ("accept", "cancel", "release")),
    *(st.tuples(st.just(name), minutes) for name in ("extend", "shorten")),
    st.tuples(st.just("resize"), st.integers(1, 6)),
)
QUIET_WITHIN = 150
"""Ticks, of one second and then of twenty: more than a stuck build and the longest back-off take together."""


class Life(RuleBasedStateMachine):
    """One Almanac's life. ``told`` is what its person was told and may rely on."""

    ids = Bundle("ids")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.rig = Rig(url)
        self.told: dict[str, Window] = {}
        self.asking: str | None = None
        self.keys = 0

    # --- people ----------------------------------------------------------------------------------------------------------

    @initialize(
        target=ids,
        hours=st.integers(20, 60),
        late=st.integers(0, 6),
        first=st.lists(requests, min_size=1, max_size=4),
    )
    def begin(self, hours: int, late: int, first: list[BookingRequest]):
        """One site is metered, the other free; some bookings are made."""
        self.rig.late = late
        self.rig.restart()
        self.rig.grant("sky", hours)
        return multiple(*(made for request in first if (made := self.booked(request))))

    @rule(target=ids, request=requests, ahead=st.none() | minutes, killed_after=st.none() | st.integers(0, 3))
    def book(self, request: BookingRequest, ahead: timedelta | None, killed_after: int | None):
        made = self.booked(self.placed(request, ahead), killed_after)
        return multiple() if made is None else made

    def booked(self, request: BookingRequest, killed_after: int | None = None) -> str | None:
        self.keys += 1
        key = f"key {self.keys}"

        def book() -> BookingView:
            return self.rig.app.bookings.book(ADA, request, self.rig.clock(), key)

        made = self.asked(book, killed_after)
        return None if made is None else made.id

    @rule(target=ids, request=requests, pick=st.integers(0, 4))
    def book_what_was_found(self, request: BookingRequest, pick: int):
        query = AvailabilityQuery(request.profile, request.duration, request.seats, site=request.site)
        found = self.asked(lambda: self.rig.app.finder.availability(ADA, query, self.rig.clock()))
        if found is None or not found.offers:
            return multiple()
        offer = found.offers[pick % len(found.offers)]
        made = self.booked(replace(request, start=offer.start, site=offer.site))
        with self.rig.app.database.read() as unit:
            metered = unit.ledger.metered("gaia", offer.site)
        assert made is not None or metered, f"what was found can't be booked: {offer}"
        return multiple() if made is None else made

    @rule(target=ids, request=requests, ahead=st.none() | minutes)
    def offer(self, request: BookingRequest, ahead: timedelta | None):
        request = self.placed(request, ahead)
        made = self.asked(lambda: self.rig.app.bookings.offer(ADA, request, self.rig.clock()))
        return multiple() if made is None else made.id

    @rule(which=ids, wish=wishes, killed_after=st.none() | st.integers(0, 1))
    def ask(self, which: str, wish: Wish, killed_after: int | None) -> None:
        self.asked(self.wished(which, wish), killed_after, which)

    @rule(which=ids, wish=wishes, after=st.integers(0, 8))
    def ask_while_almanac_waits_for_a_site(self, which: str, wish: Wish, after: int) -> None:
        def ask() -> None:
            self.asking = which
            self.answered(self.wished(which, wish))
            self.asking = None

        self.rig.errands.append(Errand(after, ask))

    def wished(self, which: str, wish: Wish) -> Callable[[], BookingView]:
        name, *arguments = wish
        changes, bookings, now = self.rig.app.changes, self.rig.app.bookings, self.rig.clock()
        if name == "extend":  # until a time, so that asking again changes nothing
            return partial(changes.extend, ADA, which, now, until=self.told[which].end + arguments[0])
        if name == "shorten":
            return partial(changes.shorten, ADA, which, now, until=self.told[which].end - arguments[0])
        if name == "resize":
            return partial(changes.resize, ADA, which, now, *arguments)
        return partial(getattr(bookings, name), ADA, which, now)

    @rule(which=ids)
    def extend_as_far_as_it_goes(self, which: str) -> None:
        found = self.asked(lambda: self.rig.app.changes.extension(ADA, which, self.rig.clock()))
        if found is not None and found.until is not None:
            longer = self.asked(lambda: self.rig.app.changes.extend(ADA, which, self.rig.clock(), until=found.until))
            with self.rig.app.database.read() as unit:
                metered = unit.ledger.metered("gaia", unit.bookings.get(which).site)
            assert longer is not None or metered, "what was said to be possible was refused"

    def placed(self, request: BookingRequest, ahead: timedelta | None) -> BookingRequest:
        return replace(request, start=None if ahead is None else self.rig.clock() + ahead)

    def asked(self, ask: Callable[[], T], killed_after: int | None = None, which: str | None = None) -> T | None:
        """Ask Almanac (about a booking), and note the answer; None when it refuses. If it is killed meanwhile, ask again."""
        answer = None
        with self.alive(killed_after) as survived:
            answer = self.answered(ask)
        if not survived():
            answer = self.answered(ask)
            if which is not None:  # killed before or after its commit: only Almanac knows
                self.note(self.rig.app.bookings.get(ADA, which, self.rig.clock()))
        return answer

    def answered(self, ask: Callable[[], T]) -> T | None:
        refused: AlmanacError | None = None
        try:
            answer = ask()
        except AlmanacError as error:
            refused = error
        if refused is not None:
            assert refused.status < 500 or refused.code == "site_trouble", repr(refused)
            assert refused.message
            return None
        if isinstance(answer, BookingView):
            self.note(answer)
        return answer

    def note(self, view: BookingView) -> None:
        self.told[view.id] = Window(view.start, view.end)

    # --- time ------------------------------------------------------------------------------------------------------------

    @rule(by=st.sampled_from([SECOND, 30 * SECOND, 5 * MINUTE, 40 * MINUTE]))
    def time_passes_unwatched(self, by: timedelta) -> None:
        self.rig.clock.advance(by)

    @rule(ticks=st.integers(1, 6), every=st.sampled_from([SECOND, 20 * SECOND, 3 * MINUTE]), deaths=deaths)
    def time_passes(self, ticks: int, every: timedelta, deaths: list[int]) -> None:
        for _ in range(ticks):
            self.rig.clock.advance(every)
            self.tick(deaths)
        self.rig.fuse.put_out()

    def tick(self, deaths: list[int]) -> None:
        """Let the loop look, and be killed after the first number of points; the others wait for later ticks."""
        if deaths and not self.rig.fuse.burning:
            self.rig.fuse.light(deaths[0])
        try:
            self.rig.tick()
        except Killed:
            self.rig.restart()
            del deaths[0]
            if self.asking is not None:  # killed before or after its commit: only Almanac knows
                self.note(self.rig.app.bookings.get(ADA, self.asking, self.rig.clock()))
                self.asking = None

    @contextmanager
    def alive(self, killed_after: int | None) -> Iterator[Callable[[], bool]]:
        """Be killed after that many commits and steps at sites, and start again."""
        died = False
        if killed_after is not None:
            self.rig.fuse.light(killed_after)
        try:
            yield lambda: not died
        except Killed:
            died = True
            self.rig.restart()
        finally:
            self.rig.fuse.put_out()

    # --- bad luck --------------------------------------------------------------------------------------------------------

    @rule(site=sites, point=points, error=errors, times=st.integers(1, 7))
    def a_call_will_fail(self, site: str, point: tuple[str, int, bool], error: Exception, times: int) -> None:
        call, step, done = point
        self.rig.faults[site].fail(call, error, step=step, done=done, times=times)
        self.rig.tick()

    @rule(site=sites, call=calls)
    def a_call_will_be_slow(self, site: str, call: str) -> None:
        self.rig.faults[site].slow(call, self.rig.clock, 2 * MINUTE)

    @rule(site=sites)
    def clusters_will_stick(self, site: str) -> None:
        self.rig.faults[site].stick()

    @rule(site=sites, luck=st.sampled_from(["use", "kill", "degrade", "lose lease"]), which=st.integers(0, 3))
    def something_happens_to_a_cluster(self, site: str, luck: str, which: int) -> None:
        world = self.rig.worlds[site]
        with world.open() as state:
            clusters = [cluster for cluster in state.clusters.values() if cluster.lease in state.leases]
        if not clusters:
            return
        cluster = clusters[which % len(clusters)]
        if luck == "use":
            world.use(cluster.id, self.rig.clock())
        elif luck == "kill":
            world.kill(cluster.id)
        elif luck == "lose lease":
            world.lose_lease(cluster.lease)
        elif cluster.services:
            world.degrade(cluster.id, next(reversed(cluster.services)), until=self.rig.clock() + 30 * SECOND)

    @rule(site=sites)
    def an_orphan_is_left(self, site: str) -> None:
        """As after a restore of an old backup of the database."""
        self.keys += 1
        stray = SimulatedSite(site, HOSTS[site], [], LIMITS[site], self.rig.clock, world=self.rig.worlds[site])
        window = Window.lasting(self.rig.clock(), 60 * MINUTE)
        try:
            list(stray.hold(LeaseOrder(f"l-stray-{self.keys}", window, self.rig.one_node(site))))
        except NoRoom:
            return

    # --- what must be true -----------------------------------------------------------------------------------------------

    @rule(deaths=deaths)
    def it_becomes_quiet(self, deaths: list[int]) -> None:
        """Bad luck but for kills ends; soon the sites hold what the bookings want, no less and no more."""
        for faults in self.rig.faults.values():
            faults.clear()
        self.rig.errands.clear()
        self.rig.fuse.put_out()
        for tick in range(QUIET_WITHIN):
            self.rig.clock.advance(timedelta(0) if tick < 10 else 19 * SECOND)
            self.tick(deaths)
            if not (unrest := truths.unrest(self.rig)):
                break
        else:
            raise AssertionError(unrest)
        self.rig.fuse.put_out()
        truths.builds_are_told(self.rig)

    @invariant()
    def never_overbooked(self) -> None:
        truths.never_overbooked(self.rig)

    @invariant()
    def claims_cover_bookings(self) -> None:
        truths.claims_cover_bookings(self.rig)

    @invariant()
    def nothing_lost(self) -> None:
        truths.nothing_lost(self.rig, self.told)

    @invariant()
    def ledger_balances(self) -> None:
        truths.ledger_balances(self.rig)

    @invariant()
    def events_explain(self) -> None:
        truths.events_explain(self.rig)
        truths.failures_have_cause(self.rig, FAILURES)

    def teardown(self) -> None:
        """At the end of all bookings nothing is left but the warm pool."""
        try:
            self.it_becomes_quiet([])
            self.rig.clock.advance(timedelta(days=1))
            self.it_becomes_quiet([])
            with self.rig.app.database.read() as unit:
                assert {b.target for b in truths.everything(unit)} <= {BookingTarget.CANCELLED, BookingTarget.RELEASED}
                assert all(row.booking_id is None for row in unit.clusters.unfinished())
        finally:
            self.rig.close()


@pytest.mark.timeout(7200)
def test_a_life_full_of_accidents(sqlite_template: Path, tmp_path: Path) -> None:
    lives = 0

    def live() -> Life:
        nonlocal lives
        lives += 1
        path = tmp_path / f"{lives}.db"
        path.write_bytes(sqlite_template.read_bytes())
        return Life(f"sqlite:///{path}")

    bounds = settings(max_examples=settings.default.max_examples // 3, stateful_step_count=50)
    run_state_machine_as_test(live, settings=bounds)
