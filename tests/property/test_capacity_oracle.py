"""The calendar against an oracle that knows minutes, lists and nothing else: every minute, every way to hand out the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almanac.core.capacity import Calendar
from almanac.core.packing import Placement
from almanac.core.resources import RESOURCE_NAMES, Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window

EPOCH = datetime(2026, 5, 4, tzinfo=UTC)
SPAN = 24
"""Minutes in which claims begin and end."""


def at(minute: int) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def between(start: int, end: int) -> Window:
    return Window(at(start), at(end))


# --- the oracle ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    hosts: tuple[Host, ...]
    claims: tuple[Claim, ...]
    gap: int

    def calendar(self) -> Calendar:
        return Calendar(self.hosts, self.claims, timedelta(minutes=self.gap))

    def free(self, host: Host, minute: int) -> tuple[int, ...]:
        free = list(host.resources.vector)
        for claim in self.claims:
            end = claim.window.end + timedelta(minutes=self.gap)
            if claim.host == host.name and claim.window.start <= at(minute) < end:
                free = [a - b for a, b in zip(free, claim.resources.vector, strict=True)]
        return tuple(free)

    def least(self, host: Host, start: int, duration: int) -> tuple[int, ...]:
        minutes = range(start, start + duration + self.gap)
        return tuple(min(column) for column in zip(*(self.free(host, minute) for minute in minutes), strict=True))

    def fits(self, groups: tuple[NodeGroup, ...], start: int, duration: int) -> bool:
        nodes = tuple(group.flavor.resources.vector for group in groups for _ in range(group.count))
        return can_hold(nodes, tuple(sorted(self.least(host, start, duration) for host in self.hosts)))

    def starts(self, groups: tuple[NodeGroup, ...], duration: int, first: int, last: int) -> Iterator[int]:
        return (minute for minute in range(first, last + 1) if self.fits(groups, minute, duration))


@cache
def can_hold(nodes: tuple[tuple[int, ...], ...], rooms: tuple[tuple[int, ...], ...]) -> bool:
    """Whether there is any way at all to put the nodes into the rooms."""
    if not nodes:
        return True
    need, *others = nodes
    for index, room in enumerate(rooms):
        if all(b == 0 or a >= b for a, b in zip(room, need, strict=True)):
            rest = tuple(a - b for a, b in zip(room, need, strict=True))
            if can_hold(tuple(others), tuple(sorted((*rooms[:index], rest, *rooms[index + 1 :])))):
                return True
    return False


# --- worlds --------------------------------------------------------------------------------------------------------------

vectors = st.builds(
    Resources, cores=st.integers(0, 3), memory_mib=st.integers(0, 4), gpus=st.sampled_from([0, 0, 0, 1])
)
flavors = st.builds(Flavor, name=st.just("f"), resources=vectors.filter(lambda r: any(r.vector)))
capacities = st.builds(Resources, cores=st.integers(0, 8), memory_mib=st.integers(0, 9), gpus=st.integers(0, 2))


@st.composite
def claims_on(draw, hosts):
    start = draw(st.integers(0, SPAN - 1))
    window = between(start, draw(st.integers(start + 1, SPAN)))
    name = draw(st.sampled_from([*(host.name for host in hosts), "gone"]))
    return Claim("s", name, "worker", "f", 1, draw(vectors), window, Holder.BOOKING, "b")


@st.composite
def worlds(draw, most_hosts=3):
    hosts = tuple(Host(f"h{i}", draw(capacities)) for i in range(draw(st.integers(1, most_hosts))))
    return World(hosts, tuple(draw(st.lists(claims_on(hosts), max_size=10))), draw(st.sampled_from([0, 0, 1, 2])))


def group(role, counts):
    return st.builds(NodeGroup, st.just(role), flavors, counts)


uniform = st.tuples(group("worker", st.integers(1, 5)))
cluster = st.tuples(group("head", st.just(1)), group("worker", st.integers(1, 4)))
mixture = st.tuples(
    group("head", st.integers(1, 2)), group("worker", st.integers(1, 2)), group("gpu", st.integers(1, 2))
)
durations = st.integers(1, 8)
EXACT = [(worlds(), uniform), (worlds(), cluster), (worlds(most_hosts=1), mixture)]
ANY = [*EXACT, (worlds(), mixture)]


def drawn(cases):
    return st.one_of(*(st.tuples(*case) for case in cases))


# --- what is promised ----------------------------------------------------------------------------------------------------


def assert_sound(world: World, groups: tuple[NodeGroup, ...], placed: tuple[Placement, ...], start: int, duration: int):
    for host in world.hosts:
        left = world.least(host, start, duration)
        for p in placed:
            if p.host == host.name:
                need = (p.group.flavor.resources * p.count).vector
                left = tuple(a - b for a, b in zip(left, need, strict=True))
                assert all(a >= 0 for a, b in zip(left, need, strict=True) if b), (host, placed)
    for each in range(len(groups)):
        counts = [p.count for p in placed if p.group is groups[each]]
        assert sum(counts) == groups[each].count
        assert all(count > 0 for count in counts)


@given(drawn(ANY), st.integers(0, SPAN), durations)
def test_place_is_sound(case, start, duration):
    world, groups = case
    placed = world.calendar().place(groups, between(start, start + duration))
    if placed is not None:
        assert_sound(world, groups, placed, start, duration)


@given(drawn(EXACT), st.integers(0, SPAN), durations)
def test_place_finds_room_whenever_there_is_some(case, start, duration):
    world, groups = case
    placed = world.calendar().place(groups, between(start, start + duration))
    assert (placed is not None) == world.fits(groups, start, duration)


@settings(max_examples=200)
@given(drawn(EXACT), st.integers(-4, SPAN), durations, st.none() | st.integers(-4, SPAN + 9))
def test_earliest_is_the_earliest(case, first, duration, last):
    world, groups = case
    found = world.calendar().earliest(
        groups, timedelta(minutes=duration), at(first), None if last is None else at(last)
    )
    expected = next(world.starts(groups, duration, first, SPAN + 9 if last is None else last), None)
    assert found == (None if expected is None else at(expected))


@given(drawn(ANY), st.integers(-4, SPAN), durations)
def test_earliest_agrees_with_place(case, first, duration):
    world, groups = case
    calendar = world.calendar()
    found = calendar.earliest(groups, timedelta(minutes=duration), at(first))
    placed = [m for m in range(first, SPAN + 9) if calendar.place(groups, between(m, m + duration)) is not None]
    assert found == (at(placed[0]) if placed else None)


@given(drawn(ANY), st.integers(-4, SPAN), durations, st.integers(0, SPAN + 9))
def test_starts_are_all_the_starts(case, first, duration, last):
    world, groups = case
    calendar = world.calendar()
    ranges = calendar.starts(groups, timedelta(minutes=duration), at(first), at(last))
    for minute in range(first, last + 1):
        inside = any(r.first <= at(minute) <= r.last for r in ranges)
        assert inside == (calendar.place(groups, between(minute, minute + duration)) is not None)
    for before, after in pairwise(ranges):
        assert before.last < after.first
    for r in ranges:
        assert at(first) <= r.first <= r.last <= at(last)


@given(drawn(ANY), st.integers(0, SPAN), durations)
def test_between_the_minutes_nothing_is_missed(case, start, duration):
    """A start a microsecond off fits exactly when ``starts`` says so."""
    world, groups = case
    calendar = world.calendar()
    length = timedelta(minutes=duration)
    for offset in (-1, 1):
        instant = at(start) + timedelta(microseconds=offset)
        fits = calendar.place(groups, Window.lasting(instant, length)) is not None
        assert bool(calendar.starts(groups, length, instant, instant)) == fits


@given(
    worlds(), group("worker", st.just(1)), st.none() | group("head", st.integers(1, 1)), st.integers(0, SPAN), durations
)
def test_largest_is_the_most_that_fits(world, worker, head, start, duration):
    beside = () if head is None else (head,)
    found = world.calendar().largest(worker, between(start, start + duration), beside)

    def fits(count: int) -> bool:
        return world.fits((*beside, NodeGroup("worker", worker.flavor, count)), start, duration)

    assert found == next((n - 1 for n in range(1, 40) if not fits(n)), None)


@given(worlds(), st.integers(0, SPAN), durations)
def test_free_is_the_least_at_any_minute(world, start, duration):
    free = world.calendar().free(between(start, start + duration))
    assert {name: room.vector for name, room in free.items()} == {
        host.name: tuple(max(0, least) for least in world.least(host, start, duration)) for host in world.hosts
    }


@given(drawn(EXACT), st.integers(0, SPAN), durations)
def test_what_falls_short_is_short_and_would_be_enough(case, start, duration):
    world, groups = case
    window = between(start, start + duration)
    shortfall = world.calendar().shortfall(groups, window)
    if shortfall is None:
        assert world.fits(groups, start, duration)
        return
    assert not world.fits(groups, start, duration)
    assert shortfall.short == dict(zip(RESOURCE_NAMES, shortfall.all_short.vector, strict=True))[shortfall.limiting] > 0
    inside = window.start <= shortfall.interval.start and shortfall.interval.end <= window.end
    assert inside or (world.gap and shortfall.interval.start >= window.end)
    empty = World(world.hosts, (), 0)
    assert shortfall.ever == empty.fits(groups, 0, 1)


@given(worlds(most_hosts=1), uniform, st.integers(0, SPAN), durations)
def test_on_one_host_the_shortfall_is_exactly_what_would_help(world, groups, start, duration):
    world = replace(world, gap=0)
    shortfall = world.calendar().shortfall(groups, between(start, start + duration))
    if shortfall is None or not shortfall.ever:
        return
    first = (shortfall.interval.start - EPOCH) // timedelta(minutes=1)
    minutes = range(first, (shortfall.interval.end - EPOCH) // timedelta(minutes=1))
    need = (groups[0].flavor.resources * groups[0].count).vector
    for resource, short in enumerate(shortfall.all_short.vector):
        least = min(world.free(world.hosts[0], minute)[resource] for minute in minutes)
        assert short == (max(0, need[resource] - least) if need[resource] else 0)
    assert not any(world.fits(groups, minute, 1) for minute in minutes)


@given(worlds(), uniform, st.integers(0, SPAN), durations, st.integers(0, 12))
def test_latest_end_keeps_the_hosts_as_long_as_they_are_free(world, groups, start, duration, further):
    calendar = world.calendar()
    placed = calendar.place(groups, between(start, start + duration))
    if placed is None:
        return
    claims = [
        Claim(
            "s",
            p.host,
            "worker",
            "f",
            p.count,
            p.group.flavor.resources * p.count,
            between(start, start + duration),
            Holder.BOOKING,
            "new",
        )
        for p in placed
    ]
    for claim in claims:
        calendar.add(claim)
    end = start + duration
    found = calendar.latest_end(claims, at(end + further))

    def keeps(until: int) -> bool:
        return all(
            all(
                b == 0 or a >= b
                for a, b in zip(world.least(host, start, until - start), claim.resources.vector, strict=True)
            )
            for claim in claims
            for host in world.hosts
            if host.name == claim.host
        )

    assert found == at(max(until for until in range(end, end + further + 1) if until == end or keeps(until)))


@given(worlds(), st.data(), st.integers(0, SPAN), durations)
def test_a_calendar_that_changed_is_as_good_as_new(world, data, start, duration):
    """Any order of additions and removals ends where building from the claims that are left ends."""
    calendar = Calendar(world.hosts, (), timedelta(minutes=world.gap))
    left = []
    for claim in world.claims:
        calendar.add(claim)
        left.append(claim)
        if data.draw(st.booleans()):
            calendar.remove(left.pop(data.draw(st.integers(0, len(left) - 1))))
    fresh = World(world.hosts, tuple(left), world.gap).calendar()
    for minute, length in product(range(start, start + 4), (1, duration)):
        assert calendar.free(between(minute, minute + length)) == fresh.free(between(minute, minute + length))


@pytest.mark.parametrize(
    "capacity", [Resources(cores=2), Resources(cores=64, memory_mib=1 << 20, disk_gib=4000, gpus=8)]
)
@given(st.integers(1, 300), st.integers(1, 50))
def test_many_changes_to_one_host_don_t_disturb_the_others(capacity, changes, step):
    hosts = (Host("a", capacity), Host("b", capacity), Host("c", capacity))
    calendar = Calendar(hosts)
    claims = [
        Claim(
            "s",
            "b",
            "w",
            "f",
            1,
            Resources(cores=1),
            between(i * step % 97, i * step % 97 + 1 + i % 5),
            Holder.BOOKING,
            f"b{i}",
        )
        for i in range(changes)
    ]
    for claim in claims:
        calendar.add(claim)
    world = World(hosts, tuple(claims), 0)
    for minute in range(0, 102, 7):
        assert calendar.free(between(minute, minute + 3)) == world.calendar().free(between(minute, minute + 3))
    for claim in claims:
        calendar.remove(claim)
    assert set(calendar.free(between(0, 200)).values()) == {capacity}
