"""The waiting list: what comes free is offered to the first in line that it fits, and nobody is starved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support import truths
from tests.support.rig import ADA, MINUTE, PROFILES, SECOND, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.errors import BadWindow, Forbidden, NoCapacity, NotFound, QuotaExceeded, WrongState
from almanac.core.waiting import PASSES
from almanac.core.windows import Window
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.waiting import MOST_PER_PERSON, WaitRequest
from almanac.sites.simulated import Killed

HOUR = timedelta(hours=1)
LENA = Caller("lena", roles={"gaia": Role.LEAD})
MIA = Caller("mia", roles={"gaia": Role.MEMBER})
STRANGER = Caller("eve", roles={"euclid": Role.LEAD})
FULL, SMALL = 6, 1


def book(rig: Rig, start, seats: int = FULL, length: timedelta = 2 * HOUR):
    return rig.app.bookings.book(ADA, BookingRequest("spark", length, start, seats, site="cave"), rig.clock())


def wait(rig: Rig, start, seats: int = FULL, length: timedelta = 2 * HOUR, room: timedelta | None = None, **more):
    """Wait for the cave, from a start (exactly then, unless there is room for more), a moment after whoever was before."""
    rig.clock.advance(SECOND)
    within = Window.lasting(start, room or length)
    request = WaitRequest(
        **{"profile": "spark", "duration": length, "within": within, "seats": seats, "site": "cave", **more}
    )
    return rig.app.waiting.wait(ADA, request, rig.clock())


def state(rig: Rig, entry) -> str:
    return rig.app.waiting.get(ADA, entry.id, rig.clock()).state


def offer_of(rig: Rig, entry):
    return rig.app.bookings.get(ADA, rig.app.waiting.get(ADA, entry.id, rig.clock()).offer, rig.clock())


def told(rig: Rig, entry) -> list[str]:
    with rig.app.database.read() as unit:
        return [event.kind for event in unit.events.since(0) if event.data.get("waiting") == entry.id]


def sound(rig: Rig) -> None:
    truths.never_overbooked(rig)
    truths.claims_cover_bookings(rig)
    truths.ledger_balances(rig)
    truths.events_explain(rig)


@pytest.fixture
def start(rig):
    """Tomorrow at the same time."""
    return rig.clock() + 24 * HOUR


def test_what_is_cancelled_is_offered_to_who_waits(rig, start):
    first = book(rig, start)
    entry = wait(rig, start)
    assert (entry.state, entry.place) == ("waiting", 1)
    rig.tick()
    assert state(rig, entry) == "waiting"
    rig.app.bookings.cancel(ADA, first.id, rig.clock())
    rig.tick()
    assert state(rig, entry) == "offered"
    offer = offer_of(rig, entry)
    assert (offer.start, offer.seats, offer.status) == (start, FULL, BookingStatus.OFFERED)
    assert offer.expires_at == rig.clock() + 30 * MINUTE
    assert told(rig, entry) == ["waiting", "your_turn"]
    rig.app.bookings.accept(ADA, offer.id, rig.clock())
    rig.tick()
    assert state(rig, entry) == "served"
    assert rig.app.waiting.get(ADA, entry.id, rig.clock()).place is None
    assert told(rig, entry) == ["waiting", "your_turn", "waiting_served"]
    sound(rig)


def test_what_is_shortened_released_or_expired_is_offered_too(rig, start):
    running = book(rig, None, length=12 * HOUR)
    now = rig.clock()
    soon = wait(rig, now + 6 * HOUR)
    rig.app.changes.shorten(ADA, running.id, now, until=now + 5 * HOUR)
    rig.tick()
    assert state(rig, soon) == "offered"
    sooner = wait(rig, now + 2 * HOUR)
    rig.clock.advance(MINUTE)
    rig.tick()
    rig.app.bookings.release(ADA, running.id, rig.clock())
    for _ in range(60):
        rig.tick()
    assert state(rig, sooner) == "offered"
    offer = rig.app.bookings.offer(ADA, BookingRequest("spark", HOUR, start, FULL, site="cave"), rig.clock())
    then = wait(rig, start)
    rig.tick()
    assert state(rig, then) == "waiting"
    rig.clock.advance(offer.expires_at - rig.clock())
    rig.tick()
    assert state(rig, then) == "offered"
    sound(rig)


def test_it_may_be_any_time_in_a_window(rig, start):
    blocking = [book(rig, start + 3 * n * HOUR, length=2 * HOUR) for n in range(3)]
    entry = wait(rig, start, room=8 * HOUR)
    rig.tick()
    assert state(rig, entry) == "waiting"
    rig.app.bookings.cancel(ADA, blocking[1].id, rig.clock())
    rig.tick()
    offer = offer_of(rig, entry)
    assert start + 2 * HOUR < offer.start < start + 4 * HOUR
    assert offer.end - offer.start == 2 * HOUR


def test_who_waits_from_now_on_has_the_whole_length_after_accepting(rig):
    entry = wait(rig, rig.clock(), room=8 * HOUR)
    rig.tick()
    assert offer_of(rig, entry).start >= rig.clock() + 30 * MINUTE


def test_the_first_in_line_is_served_first_and_the_next_when_it_lets_its_offer_lapse(rig, start):
    first = book(rig, start)
    early, late = wait(rig, start), wait(rig, start)
    rig.app.bookings.cancel(ADA, first.id, rig.clock())
    rig.tick()
    assert (state(rig, early), state(rig, late)) == ("offered", "waiting")
    rig.clock.advance(31 * MINUTE)
    rig.tick()
    assert (state(rig, early), state(rig, late)) == ("waiting", "offered")
    assert rig.app.waiting.get(ADA, early.id, rig.clock()).place == 2
    rig.clock.advance(31 * MINUTE)
    rig.tick()
    assert (state(rig, early), state(rig, late)) == ("offered", "waiting")
    rig.clock.advance(31 * MINUTE)
    rig.tick()
    assert (state(rig, early), state(rig, late)) == ("missed", "offered")
    sound(rig)


def test_a_large_one_is_not_starved_by_small_ones(rig, start):
    """Small ones that wait take what is free before it, but only so often; then what comes free gathers for it."""
    blocking = [book(rig, start, SMALL) for _ in range(2)]  # 2 x (head and worker): 6 of 7 cores
    large = wait(rig, start)
    smalls = [wait(rig, start, SMALL) for _ in range(PASSES + 1)]
    for number in range(PASSES):
        rig.app.bookings.cancel(ADA, blocking.pop(0).id, rig.clock())
        rig.tick()
        assert state(rig, smalls[number]) == "offered"
        blocking.append(rig.app.bookings.accept(ADA, offer_of(rig, smalls[number]).id, rig.clock()))
    rig.app.bookings.cancel(ADA, blocking.pop(0).id, rig.clock())
    rig.tick()
    assert (state(rig, large), state(rig, smalls[-1])) == ("waiting", "waiting")
    rig.app.bookings.cancel(ADA, blocking.pop(0).id, rig.clock())
    rig.tick()
    assert (state(rig, large), state(rig, smalls[-1])) == ("offered", "waiting")
    sound(rig)


def test_what_is_not_in_its_way_is_offered_to_others(rig, start):
    book(rig, start)
    wait(rig, start)
    other = wait(rig, start + 10 * HOUR)
    rig.tick()
    assert state(rig, other) == "offered"


def test_its_time_may_run_out(rig):
    book(rig, rig.clock() + HOUR)
    entry = wait(rig, rig.clock() + HOUR)
    rig.clock.advance(HOUR + MINUTE)
    rig.tick()
    assert state(rig, entry) == "over"
    assert told(rig, entry) == ["waiting", "waiting_over"]


def test_nothing_is_missed_or_doubled_when_almanac_is_killed(rig, start):
    first = book(rig, start)
    entry = wait(rig, start)
    rig.app.bookings.cancel(ADA, first.id, rig.clock())
    for points in range(8):
        rig.fuse.light(points)
        try:
            rig.tick()
        except Killed:
            rig.restart()
        rig.fuse.put_out()
        sound(rig)
    rig.tick()
    assert state(rig, entry) == "offered"
    with rig.app.database.read() as unit:
        standing = [each for each in truths.everything(unit) if each.target == "offered"]
    assert len(standing) == 1
    assert told(rig, entry).count("your_turn") == 1


def test_a_grant_given_later_lets_it_through(rig, start):
    rig.grant("cave", 1)
    with pytest.raises(QuotaExceeded):
        rig.app.bookings.book(ADA, BookingRequest("spark", 2 * HOUR, start, FULL, site="cave"), rig.clock())
    entry = wait(rig, start)
    rig.tick()
    assert state(rig, entry) == "waiting"
    rig.grant("cave", 100)
    rig.clock.advance(MINUTE)
    rig.tick()
    assert state(rig, entry) == "offered"


def test_who_has_left_the_project_is_not_served(rig, start):
    first = book(rig, start)
    entry = wait(rig, start)
    with rig.app.database.write() as unit:
        unit.people.remove_member("gaia", "ada")
    rig.app.bookings.cancel(LENA, first.id, rig.clock())
    rig.tick()
    assert state(rig, entry) == "refused"


def test_an_offer_above_the_limits_waits_for_an_approval(rig, start):
    limited = replace(PROFILES[0], approve_above=replace(PROFILES[0].approve_above, seats=4))
    rules = Rules(waiting_held_for=HOUR)
    app = rig.another(rules, (limited, PROFILES[1]))
    request = WaitRequest("spark", 2 * HOUR, Window.lasting(start, 2 * HOUR), FULL, site="cave")
    approved = app.waiting.wait(ADA, request, rig.clock())
    rig.clock.advance(SECOND)
    declined = app.waiting.wait(ADA, request, rig.clock())
    app.reconciler.tick()
    offer = app.waiting.get(ADA, approved.id, rig.clock()).offer
    with pytest.raises(WrongState, match="waits for the approval"):
        app.bookings.accept(ADA, offer, rig.clock())
    app.approvals.approve(LENA, offer, rig.clock())
    app.reconciler.tick()
    assert app.waiting.get(ADA, approved.id, rig.clock()).state == "served"
    app.bookings.cancel(ADA, offer, rig.clock())
    app.reconciler.tick()
    app.approvals.decline(LENA, app.waiting.get(ADA, declined.id, rig.clock()).offer, "no", rig.clock())
    app.reconciler.tick()
    assert app.waiting.get(ADA, declined.id, rig.clock()).state == "refused"
    app.database.close()
    sound(rig)


def test_leaving_the_line(rig, start):
    book(rig, start)
    entry = wait(rig, start)
    with pytest.raises(Forbidden):
        rig.app.waiting.withdraw(MIA, entry.id, rig.clock())
    with pytest.raises(NotFound):
        rig.app.waiting.withdraw(STRANGER, entry.id, rig.clock())
    assert [each.id for each in rig.app.waiting.list(MIA, rig.clock(), mine=False)] == [entry.id]
    assert rig.app.waiting.list(MIA, rig.clock(), mine=True) == []
    assert rig.app.waiting.withdraw(ADA, entry.id, rig.clock()).state == "withdrawn"
    assert rig.app.waiting.withdraw(ADA, entry.id, rig.clock()).state == "withdrawn"
    over = wait(rig, rig.clock() + SECOND)
    rig.clock.advance(HOUR)
    rig.tick()
    with pytest.raises(WrongState, match="doesn't wait any more"):
        rig.app.waiting.withdraw(ADA, over.id, rig.clock())


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"room": HOUR}, BadWindow, "can't begin and end"),
        ({"project": "euclid"}, NotFound, "euclid"),
    ],
)
def test_bad_requests_do_not_wait(rig, start, more, error, words):
    with pytest.raises(error, match=words) as refused:
        wait(rig, start, **more)
    assert refused.value.hint


def test_a_window_that_is_past_is_refused(rig):
    with pytest.raises(BadWindow, match="past"):
        wait(rig, rig.clock() - 3 * HOUR)


def test_what_is_too_large_for_every_site_does_not_wait(rig, start):
    huge = replace(PROFILES[0], workers=9, max_workers=9)
    app = rig.another(profiles=(huge, PROFILES[1]))
    with pytest.raises(NoCapacity, match="Waiting would be for nothing"):
        app.waiting.wait(ADA, WaitRequest("spark", HOUR, Window.lasting(start, HOUR)), rig.clock())
    app.database.close()


def test_a_person_has_only_so_many_in_line(rig, start):
    book(rig, start)
    for _ in range(MOST_PER_PERSON):
        wait(rig, start)
    with pytest.raises(QuotaExceeded, match="wait already"):
        wait(rig, start)
