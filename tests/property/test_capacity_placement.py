"""``earliest`` with builds, teardowns, lead times and minimum leases, against trying every minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from almanac.core.capacity import Calendar
from almanac.core.placement import Candidate, Offer, Request, earliest, largest, offer_at, offers, starts
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window

EPOCH = datetime(2026, 5, 4, tzinfo=UTC)
HEAD, WORKER = Flavor("head", Resources(cores=1)), Flavor("worker", Resources(cores=2))


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def at(minute: int) -> datetime:
    return EPOCH + minutes(minute)


def groups(seats: int) -> tuple[NodeGroup, ...]:
    return (NodeGroup("head", HEAD, 1), NodeGroup("worker", WORKER, seats))


@st.composite
def candidates(draw, name):
    hosts = [Host(f"h{i}", Resources(cores=draw(st.integers(0, 6)))) for i in range(draw(st.integers(1, 2)))]
    claims = []
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(-5, 25))
        window = Window(at(start), at(start + draw(st.integers(1, 8))))
        taken = Resources(cores=draw(st.integers(1, 4)))
        claims.append(Claim(name, draw(st.sampled_from(hosts)).name, "w", "f", 1, taken, window, Holder.BOOKING, "b"))
    timing = {field: minutes(draw(st.integers(0, 4))) for field in ("before", "after", "lead_time", "minimum_lease")}
    return Candidate(name, Calendar(hosts, claims, minutes(draw(st.integers(0, 1)))), groups, **timing)


requests = st.builds(Request, seats=st.integers(1, 4), duration=st.integers(1, 6).map(minutes))
now = EPOCH


def tried(candidate: Candidate, request: Request, minute: int) -> Offer | None:
    """The offer at this very minute, by the definition of the claim window."""
    if at(minute) < now + candidate.lead_time:
        return None
    begin = max(at(minute) - candidate.before, now + candidate.lead_time)
    end = max(at(minute) + request.duration + candidate.after, begin + candidate.minimum_lease)
    placed = candidate.calendar.place(groups(request.seats), Window(begin, end))
    window = Window(at(minute), at(minute) + request.duration)
    return None if placed is None else Offer(candidate.site, request.seats, window, Window(begin, end), placed)


@given(candidates("s"), requests, st.integers(0, 20), st.none() | st.integers(0, 40))
def test_earliest_is_the_first_minute_that_works(candidate, request_, first, last):
    found = earliest(candidate, request_, at(first), now, None if last is None else at(last))
    expected = (tried(candidate, request_, minute) for minute in range(first, (50 if last is None else last) + 1))
    assert found == next((offer for offer in expected if offer is not None), None)


@given(candidates("s"), candidates("t"), requests, st.integers(0, 10), st.integers(1, 40))
def test_offers_are_in_order_inside_the_window_and_real(one, two, request_, first, length):
    within = Window(at(first), at(first + length))
    found = offers([one, two], request_, within, now, limit=6)
    assert [o.window.start for o in found] == sorted(o.window.start for o in found)
    for offer in found:
        there = one if offer.site == "s" else two
        assert within.start <= offer.window.start
        assert offer.window.end <= within.end
        assert offer == tried(there, request_, (offer.window.start - EPOCH) // minutes(1))
    if not found:
        every = range(first, first + length - request_.duration // minutes(1) + 1)
        assert all(tried(each, request_, minute) is None for each in (one, two) for minute in every)


@given(candidates("s"), candidates("t"), requests, st.integers(0, 20))
def test_an_answer_is_an_offer_or_a_refusal_whose_alternatives_hold(one, two, request_, first):
    answer = offer_at([one], request_, at(first), now, [two])
    if isinstance(answer, Offer):
        assert answer == tried(one, request_, max(first, one.lead_time // minutes(1)))
        return
    assert answer.short > 0
    for a in answer.alternatives:
        there = one if a.site == "s" else two
        offer = offer_at([there], Request(a.seats, request_.duration), a.window.start, now)
        assert isinstance(offer, Offer)
        assert offer.window == a.window
    kinds = {a.kind: a for a in answer.alternatives}
    most = largest(one, request_, at(first), now)
    assert most < request_.seats
    assert ("smaller" in kinds) == (most > 0)
    assert most == 0 or kinds["smaller"].seats == most
    assert ("later" in kinds) == (earliest(one, request_, at(first), now) is not None)


@given(candidates("s"), requests, st.integers(0, 20), st.integers(1, 40))
def test_starts_are_all_that_work_and_before_the_build_is_cut_short_no_other(candidate, request_, first, length):
    within = Window(at(first), at(first + length))
    found = starts(candidate, request_, within, now)
    assert [each.first for each in found] == sorted(each.first for each in found)
    whole = max(within.start, now + candidate.lead_time + candidate.before)
    for minute in range(first, first + length):
        inside = any(each.first <= at(minute) <= each.last for each in found)
        works = tried(candidate, request_, minute) is not None
        assert works or not inside
        if at(minute) >= whole:
            assert inside == works
