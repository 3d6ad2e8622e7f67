"""Offers and refusals, with the words that people read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.capacity import Calendar
from almanac.core.placement import Candidate, Offer, Request, earliest, largest, offer_at, offers
from almanac.core.refusals import Refusal, shortage
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window

DAY = datetime(2026, 5, 4, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HEAD = Flavor("head", Resources(cores=2, memory_mib=4096))
WORKER = Flavor("worker", Resources(cores=4, memory_mib=8192))


def at(hour: float) -> datetime:
    return DAY + hour * HOUR


def between(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def groups(seats: int) -> tuple[NodeGroup, ...]:
    """A head, and a worker for every two seats."""
    return (NodeGroup("head", HEAD, 1), NodeGroup("worker", WORKER, -(-seats // 2)))


def site(name="local", *, taken=(), cores=18, memory_gib=36, gap=timedelta(0), **timing):
    """A site of one host, room for 8 seats; ``taken`` are (cores, memory in GiB, start hour, end hour)."""
    host = Host("h", Resources(cores=cores, memory_mib=memory_gib * 1024))
    claims = [
        Claim(name, "h", "w", "f", 1, Resources(cores=c, memory_mib=m * 1024), between(start, end), Holder.BOOKING, "b")
        for c, m, start, end in taken
    ]
    return Candidate(name, Calendar([host], claims, gap), groups, **timing)


def refused(*candidates, seats=8, start=10.0, hours=2, now=8.0, elsewhere=()) -> Refusal:
    answer = offer_at(candidates, Request(seats, hours * HOUR), at(start), at(now), elsewhere)
    assert isinstance(answer, Refusal)
    return answer


def test_an_offer_names_site_windows_and_hosts():
    candidate = site(before=2 * MINUTE, after=MINUTE)
    offer = offer_at([candidate], Request(4, 2 * HOUR), at(10), at(8))
    assert isinstance(offer, Offer)
    assert (offer.site, offer.seats, offer.window) == ("local", 4, between(10, 12))
    assert offer.claim_window == Window(at(10) - 2 * MINUTE, at(12) + MINUTE)
    assert [(p.group.role, p.host, p.count) for p in offer.placements] == [("head", "h", 1), ("worker", "h", 2)]


def test_a_build_can_t_begin_in_the_past():
    offer = offer_at([site(before=HOUR)], Request(1, HOUR), at(10), at(10))
    assert (offer.window, offer.claim_window) == (between(10, 11), between(10, 11))
    half = offer_at([site(before=HOUR)], Request(1, HOUR), at(10.5), at(10))
    assert half.claim_window == between(10, 11.5)


def test_lead_time_puts_the_start_off_and_a_minimum_lease_the_end():
    offer = offer_at([site(lead_time=HOUR, minimum_lease=4 * HOUR)], Request(1, HOUR), at(10), at(10))
    assert (offer.window, offer.claim_window) == (between(11, 12), between(11, 15))


def test_the_first_site_with_room_is_taken():
    full = site("full", taken=[(18, 0, 0, 24)])
    offer = offer_at([full, site("second"), site("third")], Request(1, HOUR), at(10), at(8))
    assert offer.site == "second"


def test_a_refusal_says_what_is_short_when_and_by_how_much():
    refusal = refused(site(taken=[(0, 6, 10, 11.5)]))
    assert refusal.message == (
        "local has no room for 8 seats (5 nodes) from 2026-05-04 10:00 to 12:00 UTC: "
        "memory is short by 6 GiB from 2026-05-04 10:00 to 11:30 UTC."
    )
    assert (refusal.limiting, refusal.interval, refusal.short) == ("memory_mib", between(10, 11.5), 6 * 1024)


def test_a_refusal_names_what_would_fit_instead():
    refusal = refused(site(taken=[(0, 6, 10, 11.5)]), elsewhere=[site("cloud", taken=[(1, 0, 0, 11)])])
    assert [(a.kind, a.site, a.window, a.seats) for a in refusal.alternatives] == [
        ("later", "local", between(11.5, 13.5), 8),
        ("smaller", "local", between(10, 12), 6),
        ("other_site", "cloud", between(11, 13), 8),
    ]
    assert [a.message for a in refusal.alternatives] == [
        "8 seats fit at local from 2026-05-04 11:30 to 13:30 UTC.",
        "6 seats fit at local from 2026-05-04 10:00 to 12:00 UTC.",
        "8 seats fit at cloud from 2026-05-04 11:00 to 13:00 UTC.",
    ]


def test_every_alternative_is_really_to_be_had():
    candidates = [site(taken=[(9, 9, 9, 13)]), site("cloud", taken=[(7, 0, 10, 12)], before=HOUR, lead_time=HOUR)]
    refusal = refused(*candidates, now=9.5)
    assert {a.kind for a in refusal.alternatives} == {"later", "smaller", "other_site"}
    for a in refusal.alternatives:
        there = next(c for c in candidates if c.site == a.site)
        offer = offer_at([there], Request(a.seats, 2 * HOUR), a.window.start, at(9.5))
        assert isinstance(offer, Offer)
        assert offer.window == a.window


def test_when_only_build_or_teardown_collide_the_refusal_says_so():
    refusal = refused(site(taken=[(18, 0, 9, 10)], before=15 * MINUTE, after=5 * MINUTE))
    assert refusal.message.endswith(
        "18 more cores are needed from 2026-05-04 09:45 to 10:00 UTC. "
        "(With build and teardown it would take 2026-05-04 09:45 to 12:05 UTC.)"
    )


def test_too_small_a_site_says_so_and_offers_no_later_time():
    refusal = refused(site(), seats=9)
    assert (
        refusal.message
        == "local is too small for 9 seats (6 nodes): even with nothing booked, 4 more cores are needed."
    )
    assert [(a.kind, a.seats) for a in refusal.alternatives] == [("smaller", 8)]


def test_of_several_sites_the_refusal_speaks_of_the_first_and_looks_at_all():
    refusal = refused(site("one", taken=[(18, 0, 10, 14)]), site("two", taken=[(10, 0, 10, 13)]))
    assert refusal.message.startswith("No site has room for 8 seats (5 nodes) from")
    assert "at one 18 more cores are needed" in refusal.message
    assert [(a.kind, a.site, a.seats) for a in refusal.alternatives] == [
        ("later", "one", 8),
        ("smaller", "two", 2),
        ("other_site", "two", 8),
    ]


def test_one_seat_is_spoken_of_as_one():
    refusal = refused(site(cores=8, taken=[(4, 0, 10, 11)]), seats=1)
    assert "for 1 seat (2 nodes)" in refusal.message
    assert refusal.alternatives[0].message == "1 seat fits at local from 2026-05-04 11:00 to 13:00 UTC."


def test_a_refusal_as_json():
    shown = refused(site(taken=[(0, 6, 10, 11.5)])).to_json()
    assert shown["interval"] == {"start": "2026-05-04T10:00:00Z", "end": "2026-05-04T11:30:00Z"}
    assert (shown["limiting"], shown["short"], shown["site"]) == ("memory_mib", 6144, "local")
    assert shown["alternatives"][0] == {
        "kind": "later",
        "message": "8 seats fit at local from 2026-05-04 11:30 to 13:30 UTC.",
        "site": "local",
        "seats": 8,
        "start": "2026-05-04T11:30:00Z",
        "end": "2026-05-04T13:30:00Z",
    }


@pytest.mark.parametrize(
    ("resource", "amount", "said"),
    [
        ("memory_mib", 6144, "memory is short by 6 GiB"),
        ("memory_mib", 6656, "memory is short by 6.5 GiB"),
        ("memory_mib", 512, "memory is short by 512 MiB"),
        ("disk_gib", 40, "scratch disk is short by 40 GiB"),
        ("gpus", 1, "1 more GPU is needed"),
        ("gpus", 2, "2 more GPUs are needed"),
        ("cores", 1, "1 more core is needed"),
        ("cores", 12, "12 more cores are needed"),
    ],
)
def test_shortages_in_words(resource, amount, said):
    assert shortage(resource, amount) == said


def test_times_over_midnight_and_odd_seconds_in_words():
    refusal = refused(site(taken=[(18, 0, 20, 30)]), start=23, hours=4)
    assert "from 2026-05-04 23:00 to 2026-05-05 03:00 UTC" in refusal.message
    odd = refused(site(taken=[(18, 0, 10, 11 + 1 / 3600)]))
    assert "to 11:00:01" in odd.message
    assert odd.alternatives[0].message.endswith("from 2026-05-04 11:01 to 13:01 UTC."), "people can type whole minutes"


def test_offers_come_one_after_the_other_and_the_earliest_first_over_sites():
    here = site("here", taken=[(18, 0, 0, 9), (18, 0, 12, 15)])
    there = site("there", taken=[(18, 0, 0, 10)])
    found = offers([here, there], Request(8, HOUR), between(8, 18), at(8))
    assert [(o.site, o.window.start) for o in found] == [
        ("here", at(9)),
        ("here", at(10)),
        ("there", at(10)),
        ("here", at(11)),
        ("there", at(11)),
    ]


def test_offers_lie_inside_the_window():
    found = offers([site()], Request(8, HOUR), between(8, 10.5), at(8.25), limit=9)
    assert [o.window for o in found] == [between(8.25, 9.25), between(9.25, 10.25)]
    assert offers([site()], Request(8, 3 * HOUR), between(8, 10), at(8)) == ()


def test_largest_counts_seats():
    assert largest(site(taken=[(5, 0, 10, 11)]), Request(8, HOUR), at(10), at(8)) == 4
    assert largest(site(), Request(8, HOUR), at(10), at(8)) == 8
    assert largest(site(taken=[(17, 0, 10, 11)]), Request(8, HOUR), at(10), at(8)) == 0


def test_earliest_may_cut_the_build_short_near_now():
    """From now on there are two hours, which a full build would not leave enough of."""
    candidate = site(taken=[(18, 0, 0, 8), (18, 0, 10, 12)], before=HOUR)
    found = earliest(candidate, Request(8, 2 * HOUR), at(8), at(8))
    assert (found.window, found.claim_window) == (between(8, 10), between(8, 10))
    later = earliest(candidate, Request(8, 2 * HOUR), at(8.5), at(8))
    assert (later.window, later.claim_window) == (between(13, 15), between(12, 15))
    assert earliest(candidate, Request(8, 2 * HOUR), at(8.5), at(8), at(12.5)) is None
    assert earliest(candidate, Request(8, 2 * HOUR), at(8), at(8), at(7)) is None


def test_there_is_nothing_to_refuse_without_a_site():
    with pytest.raises(ValueError, match="no site"):
        offer_at([], Request(1, HOUR), at(10), at(8))
