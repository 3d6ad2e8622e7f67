"""What the calendar answers, on examples small enough to check by hand. tests/property holds it against an oracle."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from almanac.core.capacity import Calendar, StartRange
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window

DAY = datetime(2026, 5, 4, tzinfo=UTC)
SMALL = Flavor("small", Resources(cores=2, memory_mib=4096))
LARGE = Flavor("large", Resources(cores=4, memory_mib=8192))
HOUR = timedelta(hours=1)


def at(hour: float) -> datetime:
    return DAY + hour * HOUR


def between(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def host(name: str = "a", cores: int = 8, memory_mib: int = 16384) -> Host:
    return Host(name, Resources(cores=cores, memory_mib=memory_mib))


def claim(host: str, cores: int, start: float, end: float, memory_mib: int = 0) -> Claim:
    taken = Resources(cores=cores, memory_mib=memory_mib)
    return Claim("s", host, "worker", "f", 1, taken, between(start, end), Holder.BOOKING, "b-1")


def workers(count: int, flavor: Flavor = SMALL) -> tuple[NodeGroup, ...]:
    return (NodeGroup("worker", flavor, count),)


HEAD = NodeGroup("head", LARGE, 1)


def counts(placements):
    return [(p.group.role, p.host, p.count) for p in placements]


def test_an_empty_calendar_places_on_few_hosts_and_the_best_fit():
    calendar = Calendar([host("a", cores=4), host("b", cores=8), host("c", cores=6)])
    assert counts(calendar.place(workers(4), between(0, 1))) == [("worker", "b", 4)]
    assert counts(calendar.place(workers(3), between(0, 1))) == [("worker", "c", 3)]
    assert counts(calendar.place(workers(9), between(0, 1))) == [
        ("worker", "a", 2),
        ("worker", "b", 4),
        ("worker", "c", 3),
    ]
    assert calendar.place(workers(10), between(0, 1)) is None


def test_back_to_back_is_fine_without_a_gap_and_not_with_one():
    taken = [claim("a", 8, 1, 2), claim("a", 8, 3, 4)]
    between_them = between(2, 3)
    assert Calendar([host()], taken).place(workers(1), between_them) is not None
    gapped = Calendar([host()], taken, gap=timedelta(minutes=10))
    assert gapped.place(workers(1), between_them) is None
    fits = Window(at(2) + timedelta(minutes=10), at(3) - timedelta(minutes=10))
    assert gapped.place(workers(1), fits) is not None


def test_with_a_gap_claims_that_share_a_host_may_touch():
    gapped = Calendar([host()], [claim("a", 4, 1, 2)], gap=HOUR)
    assert gapped.place(workers(2), between(2, 3)) is not None


def test_the_head_goes_where_it_costs_the_workers_nothing():
    calendar = Calendar([host("a", cores=8), host("b", cores=5, memory_mib=8192)])
    placed = calendar.place((HEAD, *workers(4)), between(0, 1))
    assert counts(placed) == [("head", "b", 1), ("worker", "a", 4)]


def test_groups_of_one_shape_are_dealt_out_to_their_roles():
    calendar = Calendar([host("a", cores=4), host("b", cores=4)])
    placed = calendar.place((NodeGroup("head", SMALL, 1), *workers(3)), between(0, 1))
    assert counts(placed) == [("head", "a", 1), ("worker", "a", 1), ("worker", "b", 2)]


def test_a_claim_on_a_host_that_is_gone_takes_nothing():
    calendar = Calendar([host()], [claim("gone", 8, 0, 9)])
    stray = claim("gone", 8, 3, 4)
    calendar.add(stray)
    calendar.remove(stray)
    assert calendar.free(between(0, 9)) == {"a": host().resources}


def test_a_host_that_shrank_under_its_claims_has_nothing_free():
    calendar = Calendar([host(cores=8)], [claim("a", 12, 0, 1)])
    assert calendar.free(between(0, 1))["a"].cores == 0
    assert calendar.place(workers(1), between(0, 1)) is None
    assert calendar.earliest(workers(1), HOUR, at(0)) == at(1)


def test_removing_what_isn_t_there_is_refused_and_changes_nothing():
    calendar = Calendar([host()], [claim("a", 8, 1, 2)])
    with pytest.raises(ValueError, match="b-1 on a is not in the calendar"):
        calendar.remove(claim("a", 8, 1, 3))
    assert calendar.earliest(workers(1), HOUR, at(1)) == at(2)


def test_a_request_for_nothing_is_refused():
    with pytest.raises(ValueError, match="no node"):
        Calendar([host()]).place((), between(0, 1))


def test_earliest_needs_the_same_hosts_throughout():
    """At every instant one host is free, but none for two hours on end before 4."""
    calendar = Calendar(
        [host("a"), host("b")], [claim("a", 8, 0, 1), claim("b", 8, 1, 2), claim("a", 8, 2, 4), claim("b", 8, 3, 5)]
    )
    assert calendar.earliest(workers(1), HOUR, at(0)) == at(0)
    assert calendar.earliest(workers(1), 2 * HOUR, at(0)) == at(4)


def test_earliest_respects_both_bounds():
    calendar = Calendar([host()], [claim("a", 8, 1, 5)])
    assert calendar.earliest(workers(1), 2 * HOUR, at(0), at(4)) is None
    assert calendar.earliest(workers(1), 2 * HOUR, at(0), at(5)) == at(5)
    assert calendar.earliest(workers(1), HOUR, at(0), at(0)) == at(0)
    assert calendar.earliest(workers(1), HOUR, at(7)) == at(7)
    assert calendar.earliest(workers(1), HOUR, at(7), at(6)) is None


def test_earliest_of_what_never_fits_is_none():
    assert Calendar([host()]).earliest(workers(5), HOUR, at(0)) is None
    assert Calendar([]).earliest(workers(1), HOUR, at(0)) is None


def test_a_head_and_workers_that_fit_only_one_without_the_other_never_fit():
    calendar = Calendar([host("a"), host("b")], [claim("a", 1, 0, 5)])
    assert calendar.earliest((HEAD, *workers(6)), HOUR, at(0)) == at(5)
    assert calendar.earliest((HEAD, *workers(7)), HOUR, at(0)) is None
    assert calendar.earliest(workers(7), HOUR, at(0)) == at(0)


def test_earliest_looks_as_far_as_it_takes():
    years = 24 * 365 * 3
    calendar = Calendar([host()], [claim("a", 7, 0, years)])
    assert calendar.earliest(workers(1), HOUR, at(0)) == at(years)


def test_starts_are_exact_to_the_microsecond():
    tick = timedelta(microseconds=1)
    calendar = Calendar([host()], [claim("a", 8, 0, 1), claim("a", 8, 3, 4)])
    assert calendar.starts(workers(1), HOUR, at(0), at(9)) == (StartRange(at(1), at(2)), StartRange(at(4), at(9)))
    assert calendar.starts(workers(1), 2 * HOUR, at(0), at(3)) == (StartRange(at(1), at(1)),)
    assert calendar.starts(workers(1), 2 * HOUR + tick, at(0), at(3)) == ()


def test_starts_go_on_over_far_stretches_in_one_range():
    calendar = Calendar([host()], [claim("a", 1, 90, 91), claim("a", 1, 500, 501)])
    assert calendar.starts(workers(1), HOUR, at(0), at(900)) == (StartRange(at(0), at(900)),)


def test_largest_beside_a_head():
    calendar = Calendar([host("a"), host("b")], [claim("a", 2, 0, 1)])
    assert calendar.largest(workers(1)[0], between(0, 1)) == 7
    assert calendar.largest(workers(1)[0], between(0, 1), beside=(HEAD,)) == 5
    assert calendar.largest(workers(1)[0], between(0, 1), beside=(NodeGroup("head", LARGE, 4),)) == 0


def test_latest_end_stops_where_a_host_is_wanted():
    mine = [claim("a", 6, 0, 2), claim("b", 6, 0, 2)]
    calendar = Calendar([host("a"), host("b")], [*mine, claim("a", 2, 2, 9), claim("b", 3, 5, 6)])
    assert calendar.latest_end(mine, at(9)) == at(5)
    assert calendar.latest_end(mine, at(4)) == at(4)


def test_latest_end_leaves_the_gap():
    mine = claim("a", 8, 0, 2)
    calendar = Calendar([host()], [mine, claim("a", 8, 5, 6)], gap=HOUR)
    assert calendar.latest_end([mine], at(9)) == at(4)


def test_latest_end_is_the_present_end_when_something_follows_at_once_or_the_host_is_gone():
    mine = claim("a", 8, 0, 2)
    assert Calendar([host()], [mine, claim("a", 1, 2, 3)]).latest_end([mine], at(9)) == at(2)
    assert Calendar([host("b")]).latest_end([mine], at(9)) == at(2)


def test_latest_end_is_about_claims_of_one_window():
    with pytest.raises(ValueError, match="share one window"):
        Calendar([host()]).latest_end([claim("a", 1, 0, 2), claim("a", 1, 0, 3)], at(9))


def test_the_shortfall_names_resource_interval_and_amount():
    calendar = Calendar([host()], [claim("a", 2, 0, 9, memory_mib=2048), claim("a", 2, 1, 2, memory_mib=12288)])
    short = calendar.shortfall(workers(2), between(0, 4))
    assert (short.limiting, short.short, short.interval, short.ever) == ("memory_mib", 6144, between(1, 2), True)
    assert calendar.shortfall(workers(2), between(2, 4)) is None


def test_a_shortfall_over_many_hosts_is_the_least_that_would_help():
    calendar = Calendar([host("a", 8), host("b", 8)], [claim("a", 8, 0, 1), claim("b", 7, 0, 1)])
    assert calendar.shortfall(workers(1), between(0, 1)).all_short == Resources(cores=1)
    assert calendar.shortfall(workers(2), between(0, 1)).all_short == Resources(cores=3)


def test_when_only_the_same_hosts_throughout_are_missing_the_interval_is_the_window():
    calendar = Calendar([host("a"), host("b")], [claim("a", 8, 0, 1), claim("b", 8, 1, 2)])
    short = calendar.shortfall(workers(1), between(0, 2))
    assert (short.interval, short.ever) == (between(0, 2), True)


def test_what_an_empty_site_lacks():
    short = Calendar([host()], [claim("a", 8, 0, 1)]).shortfall(workers(5), between(0, 1))
    assert (short.limiting, short.short, short.ever) == ("cores", 2, False)
    none = Calendar([]).shortfall(workers(5), between(0, 1))
    assert (none.limiting, none.short, none.ever) == ("cores", 10, False)


def test_two_resources_short_on_different_hosts():
    calendar = Calendar([host("a"), host("b")], [claim("a", 8, 0, 1), claim("b", 0, 0, 1, memory_mib=16384)])
    assert calendar.shortfall(workers(1), between(0, 1)).short > 0
