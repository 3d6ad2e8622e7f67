"""Booking, offers, cancelling and releasing, and every refusal that a person can meet on the way."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.support.rig import ADA, MINUTE, SECOND, Rig

from almanac.core.bookings import BookingStatus
from almanac.core.errors import (
    BadRequest,
    BadWindow,
    Forbidden,
    NoCapacity,
    NotFound,
    NotOffered,
    QuotaExceeded,
    StaleOffer,
    UnknownProfile,
    WrongState,
)
from almanac.services.caller import Caller, Role
from almanac.services.requests import AvailabilityQuery, BookingFilter, BookingRequest

HOUR = timedelta(hours=1)
BOB = Caller("bob", roles={"gaia": Role.MEMBER})
LEAD = Caller("lea", roles={"gaia": Role.LEAD})
STRANGER = Caller("eve", roles={"other": Role.LEAD})
OPERATOR = Caller("op", operator=True)


def ask(profile="spark", duration=HOUR, **more) -> BookingRequest:
    return BookingRequest(profile, duration, **more)


def run(rig: Rig, ticks: int = 90) -> None:
    for _ in range(ticks):
        rig.tick()


def book(rig: Rig, caller=ADA, **more):
    return rig.app.bookings.book(caller, ask(**more), rig.clock())


def events(rig: Rig, booking: str) -> list[str]:
    return [event.kind for event in rig.app.access.events(ADA, booking)]


def test_a_booking_for_now_is_built_used_and_released(rig):
    booked = book(rig, site="sky")
    assert booked.status is BookingStatus.BUILDING
    assert booked.eta is not None
    run(rig)
    ready = rig.app.bookings.get(ADA, booked.id, rig.clock())
    assert (ready.status, ready.progress, ready.workers) == (BookingStatus.READY, None, 1)
    connection = rig.app.access.connection(ADA, booked.id, rig.clock())
    assert connection.connect_url.startswith("sc://localhost:")
    assert connection.environment["SPARK_REMOTE"] == connection.connect_url
    assert [seat.name for seat in connection.seats] == ["seat-1"]
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    run(rig, 10)
    ended = rig.app.bookings.get(ADA, booked.id, rig.clock())
    assert ended.status is BookingStatus.ENDED
    assert events(rig, booked.id) == ["booked", "building", "ready", "released", "gone"]
    assert not any(cluster.id == f"c-{booked.id[2:]}" for cluster in rig.sites["sky"].observe().clusters)


def test_a_future_booking_is_ready_by_the_bell(rig):
    start = rig.clock() + HOUR
    booked = book(rig, start=start)
    assert booked.status is BookingStatus.BOOKED
    while rig.clock() < start - 5 * MINUTE:
        rig.clock.advance(MINUTE)
        rig.tick()
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.BOOKED
    while rig.clock() < start:
        rig.tick()
    assert rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.READY


def test_what_is_built_before_its_bell_may_be_released_and_is_free(rig):
    booked = book(rig, start=rig.clock() + HOUR)
    with pytest.raises(WrongState, match=r"can't be released: it is booked") as caught:
        rig.app.bookings.release(ADA, booked.id, rig.clock())
    assert caught.value.hint == f"almanac cancel {booked.id}"
    while rig.app.bookings.get(ADA, booked.id, rig.clock()).status is BookingStatus.BOOKED:
        rig.clock.advance(10 * SECOND)
        rig.tick()
    assert rig.clock() < booked.start
    assert rig.app.bookings.release(ADA, booked.id, rig.clock()).status is BookingStatus.CANCELLED
    assert rig.app.bookings.release(ADA, booked.id, rig.clock()).status is BookingStatus.CANCELLED
    run(rig, 10)
    assert events(rig, booked.id) == ["booked", "building", "cancelled", "gone"]


def test_an_offer_holds_its_place_until_it_expires(rig):
    start = rig.clock() + HOUR
    offers = [rig.app.bookings.offer(ADA, ask(start=start, seats=6, site="cave"), rig.clock())]
    with pytest.raises(NoCapacity):
        rig.app.bookings.offer(ADA, ask(start=start, seats=6, site="cave"), rig.clock())
    assert offers[0].status is BookingStatus.OFFERED
    rig.clock.advance(10 * MINUTE)
    assert rig.app.bookings.get(ADA, offers[0].id, rig.clock()).status is BookingStatus.EXPIRED
    with pytest.raises(StaleOffer, match="expired") as refused:
        rig.app.bookings.accept(ADA, offers[0].id, rig.clock())
    assert "almanac book spark --for 1h" in refused.value.hint
    assert rig.app.bookings.offer(ADA, ask(start=start, seats=6, site="cave"), rig.clock())
    rig.tick()
    assert events(rig, offers[0].id) == ["offered", "expired"]


def test_an_accepted_offer_is_a_booking_once(rig):
    offer = rig.app.bookings.offer(ADA, ask(start=rig.clock() + HOUR, seats=3), rig.clock())
    booked = rig.app.bookings.accept(ADA, offer.id, rig.clock())
    assert (booked.id, booked.status, booked.workers) == (offer.id, BookingStatus.BOOKED, 2)
    with pytest.raises(StaleOffer, match="already"):
        rig.app.bookings.accept(ADA, offer.id, rig.clock())


def test_a_repeated_request_with_a_key_books_once(rig):
    first = rig.app.bookings.book(ADA, ask(), rig.clock(), key="k1")
    again = rig.app.bookings.book(ADA, ask(), rig.clock(), key="k1")
    other = rig.app.bookings.book(ADA, ask(), rig.clock(), key="k2")
    assert again.id == first.id
    assert other.id != first.id


def test_a_refusal_says_what_is_short_and_what_fits(rig):
    book(rig, seats=6, site="cave")
    with pytest.raises(NoCapacity) as refused:
        book(rig, seats=6, site="cave")
    refusal = refused.value.details["refusal"]
    assert refusal["limiting"] in {"cores", "memory_mib", "disk_gib"}
    assert refusal["short"] > 0
    assert [alternative["kind"] for alternative in refusal["alternatives"]] == ["later", "other_site"]
    assert "6 seats fit at sky from" in refused.value.hint


def test_the_next_site_is_tried(rig):
    sites = {book(rig, start=rig.clock() + HOUR, seats=6).site for _ in range(2)}
    assert sites == {"sky", "cave"}


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (ask("nonesuch"), UnknownProfile, "Profiles: spark, notebook"),
        (ask(duration=timedelta(0)), BadWindow, "end after the start"),
        (ask(duration=timedelta(seconds=5)), BadWindow, "a minute or more"),
        (ask(duration=timedelta(days=2)), BadWindow, "12 h or less"),
        (ask(start=datetime(2026, 3, 1, 10)), BadWindow, "Add an offset"),  # noqa: DTZ001 - naive on purpose
        (ask(seats=0), BadRequest, "at most 6"),
        (ask(seats=7), BadRequest, "at most 6"),
        (ask(site="moon"), NotFound, "Sites: sky, cave"),
        (ask("notebook", site="cave"), NotOffered, "Offered there: spark"),
        (ask(project="other"), NotFound, "almanac bookings"),
    ],
)
def test_bad_requests_say_what_would_work(rig, request_, error, words):
    with pytest.raises(error) as refused:
        rig.app.bookings.book(ADA, request_, rig.clock())
    assert words in refused.value.hint
    assert rig.app.bookings.list(ADA, BookingFilter(), rig.clock())[0] == []


@pytest.mark.parametrize("away", [-3 * MINUTE, timedelta(days=400)])
def test_the_past_and_the_far_future_are_refused(rig, away):
    with pytest.raises(BadWindow):
        book(rig, start=rig.clock() + away)


def test_a_start_a_moment_ago_means_now(rig):
    assert book(rig, start=rig.clock() - MINUTE, site="sky").start == rig.clock()


def test_a_project_is_needed(rig):
    with pytest.raises(Forbidden, match="in no project"):
        book(rig, caller=Caller("nobody"))
    two = Caller("ada", roles={"gaia": Role.MEMBER, "other": Role.MEMBER})
    with pytest.raises(BadRequest, match="several projects: gaia, other"):
        book(rig, caller=two)
    with pytest.raises(Forbidden, match="not a member of gaia"):
        book(rig, caller=OPERATOR, project="gaia")


def test_quotas(rig):
    with rig.app.database.write() as unit:
        project = unit.people.get_project("gaia")
        unit.people.replace_project(
            project.__class__(**{**_fields(project), "max_nodes": 5, "max_bookings_per_person": 2})
        )
    later = rig.clock() + HOUR
    book(rig, start=later)
    with pytest.raises(QuotaExceeded, match="may have 5 nodes at a time"):
        book(rig, start=later + 30 * MINUTE, seats=6)
    book(rig, start=later + HOUR, seats=6)
    with pytest.raises(QuotaExceeded, match="has 2 bookings"):
        book(rig, start=later + 3 * HOUR)


def _fields(row):
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def test_a_grant_is_held_charged_refunded_and_never_overrun(rig):
    rig.grant("sky", 4)
    booked = book(rig, site="sky")
    with pytest.raises(QuotaExceeded, match=r"2\.0 left") as refused:
        book(rig, site="sky", duration=2 * HOUR)
    assert "1.0 h of this profile" in refused.value.hint
    run(rig)
    rig.app.bookings.release(ADA, booked.id, rig.clock())
    with rig.app.database.read() as unit:
        balance = unit.ledger.balance("gaia", "sky", rig.clock())
    assert balance.held == 0
    assert 0 < balance.charged < 2 * 90
    with pytest.raises(QuotaExceeded):
        rig.app.changes.extend(ADA, book(rig, site="sky").id, rig.clock(), by=5 * HOUR)


def test_cancelling_refunds_everything_and_frees_the_place(rig):
    rig.grant("cave", 10)
    start = rig.clock() + HOUR
    booked = book(rig, start=start, seats=6, site="cave")
    assert rig.app.bookings.cancel(ADA, booked.id, rig.clock()).status is BookingStatus.CANCELLED
    assert rig.app.bookings.cancel(ADA, booked.id, rig.clock()).status is BookingStatus.CANCELLED
    with rig.app.database.read() as unit:
        assert unit.ledger.balance("gaia", "cave", start).available == 10 * 3600
    assert book(rig, start=start, seats=6, site="cave")
    run(rig, 5)
    assert len(rig.sites["cave"].observe().leases) == 1


def test_wrong_states_name_the_right_command(rig):
    future = book(rig, start=rig.clock() + HOUR)
    with pytest.raises(WrongState) as refused:
        rig.app.bookings.release(ADA, future.id, rig.clock())
    assert f"almanac cancel {future.id}" in refused.value.hint
    running = book(rig)
    with pytest.raises(WrongState) as refused:
        rig.app.bookings.cancel(ADA, running.id, rig.clock())
    assert f"almanac release {running.id}" in refused.value.hint
    with pytest.raises(WrongState, match="nothing to connect to"):
        rig.app.access.connection(ADA, future.id, rig.clock())
    with pytest.raises(WrongState, match="no cluster"):
        rig.app.access.logs(ADA, future.id, None, 10)


def test_somebody_elses_booking(rig):
    booked = book(rig)
    desk, now = rig.app.bookings, rig.clock()
    assert desk.get(BOB, booked.id, now).id == booked.id
    calls = [
        lambda who: desk.release(who, booked.id, now),
        lambda who: desk.cancel(who, booked.id, now),
        lambda who: desk.accept(who, booked.id, now),
        lambda who: rig.app.changes.extend(who, booked.id, now, by=HOUR),
        lambda who: rig.app.changes.shorten(who, booked.id, now, by=MINUTE),
        lambda who: rig.app.changes.resize(who, booked.id, now, 2),
        lambda who: rig.app.access.connection(who, booked.id, now),
        lambda who: rig.app.access.logs(who, booked.id, None, 10),
    ]
    for call in calls:
        with pytest.raises(Forbidden, match="is ada's"):
            call(BOB)
        with pytest.raises(NotFound, match=booked.id):
            call(STRANGER)
    assert desk.list(STRANGER, BookingFilter(), now) == ([], None)
    assert desk.release(LEAD, booked.id, now).status is BookingStatus.ENDING


def test_listing_pages_through_everything_once(rig):
    made = [book(rig, start=rig.clock() + n * 2 * HOUR).id for n in range(1, 8)]
    found, after = [], None
    while True:
        page, after = rig.app.bookings.list(ADA, BookingFilter(mine=True, limit=3, after=after), rig.clock())
        found += [view.id for view in page]
        if after is None:
            break
    assert found == made
    statuses = frozenset({BookingStatus.BOOKED})
    assert len(rig.app.bookings.list(ADA, BookingFilter(statuses=statuses), rig.clock())[0]) == 7


def test_availability_counts_up_to_the_largest_and_explains(rig):
    query = AvailabilityQuery("spark", HOUR, seats=6)
    free = rig.app.finder.availability(ADA, query, rig.clock())
    assert free.largest_now == 6
    assert free.refusal is None
    assert free.offers[0].start == rig.clock()
    for _ in range(3):
        try:
            book(rig, seats=6, duration=3 * HOUR)
        except NoCapacity:
            break
    full = rig.app.finder.availability(ADA, query, rig.clock())
    assert full.refusal is not None
    assert full.offers[0].start > rig.clock()
    assert book(rig, seats=6, start=full.offers[0].start, site=full.offers[0].site)


def test_a_drained_site_takes_no_new_bookings(rig):
    rig.app.catalogue.set_drained("sky", rig.clock())
    rig.app.catalogue.set_drained("cave", rig.clock())
    with pytest.raises(NotOffered, match="is being drained"):
        book(rig)
    rig.app.catalogue.set_drained("cave", None)
    assert book(rig).site == "cave"
