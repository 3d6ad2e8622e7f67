"""Which hosts nodes go to, given what is free on each host throughout a window.

Exact (a packing is found whenever there is one) for one flavor, for one flavor beside a single node of another, and
on one host. Other mixtures are packed flavor by flavor, in several orders of the flavors, which is sound and nearly
always finds a packing, but may miss one: the general question is bin packing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, permutations

import numpy as np

from almanac.core.resources import NodeGroup
from almanac.core.steps import Ints
from almanac.core.sweep import fitting, fitting_beside

MANY = 1 << 20
"""More nodes of one flavor than any host is asked for."""

_ORDERS_TRIED = 24


@dataclass(frozen=True, slots=True)
class Placement:
    """``count`` nodes of a group on one host."""

    group: NodeGroup
    host: str
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """``count`` nodes that take ``need`` each, shape (resources,)."""

    need: Ints
    count: int


def demands(groups: Sequence[NodeGroup]) -> tuple[Demand, ...]:
    """What groups take; those of the same shape are one demand, and the fewest nodes come first.

    Raises:
        ValueError: no node at all.
    """
    counts: dict[tuple[int, ...], int] = {}
    for group in groups:
        vector = group.flavor.resources.vector
        counts[vector] = counts.get(vector, 0) + group.count
    if not counts:
        raise ValueError("there is no node to place")
    found = (Demand(np.array(vector, np.int64), count) for vector, count in counts.items())
    return tuple(sorted(found, key=lambda demand: demand.count))


def together(wanted: Sequence[Demand]) -> Demand:
    """All demands as one node: on one host it makes no difference."""
    return Demand(np.sum([demand.need * demand.count for demand in wanted], axis=0), 1)


def pack(free: Ints, wanted: Sequence[Demand]) -> list[Ints] | None:
    """Choose hosts for all demands.

    Args:
        free: what is free on each host throughout, shape (hosts, resources).
        wanted: as made by ``demands``.

    Returns:
        For each demand how many of its nodes go to each host, shape (hosts,); None when no packing was found.
    """
    if len(wanted) == 2 and wanted[0].count == 1:
        return _pack_beside(free, wanted[0].need, wanted[1])
    return _pack_in_turn(free, wanted)


def deal(groups: Sequence[NodeGroup], packed: Sequence[Ints], hosts: Sequence[str]) -> tuple[Placement, ...]:
    """Give the packed nodes to the groups: the inverse of ``demands``."""
    left = {
        tuple(map(int, demand.need)): [(int(row), int(chosen[row])) for row in np.flatnonzero(chosen)[::-1]]
        for demand, chosen in zip(demands(groups), packed, strict=True)
    }
    placements: list[Placement] = []
    for group in groups:
        rooms = left[group.flavor.resources.vector]
        wanted = group.count
        while wanted:
            row, room = rooms.pop()
            taken = min(room, wanted)
            placements.append(Placement(group, hosts[row], taken))
            wanted -= taken
            if room > taken:
                rooms.append((row, room - taken))
    return tuple(placements)


def most(fits: Callable[[int], bool], bound: int) -> int:
    """The largest number from 0 to ``bound`` that fits, if everything below one that fits does too; 0 isn't asked."""
    low, high = 0, bound
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def lacking(free: Ints, capacity: Ints, wanted: Sequence[Demand]) -> tuple[Ints, int]:
    """What more would have to be free for demands that can't be packed.

    What fits is placed; each node that doesn't goes where it lacks least, on hosts that are large enough for it when
    there are any.

    Args:
        free: what is free on each host, shape (hosts, resources).
        capacity: what each host has, shape (hosts, resources).
        wanted: the demands.

    Returns:
        How much of each resource is lacking over all, and which of them lacks most nodes' worth.
    """
    short = _Short(free, capacity)
    for demand in (wanted[index] for index in _largest_first(wanted)):
        room = fitting(short.free, demand.need, MANY)
        fit = min(demand.count, int(room.sum()))
        short.place(_fill(room, fit)[:, None] * demand.need)
        for _ in range(demand.count - fit):
            short.squeeze(demand.need)
    return short.lacking, int((short.lacking / _scale(wanted)).argmax())


class _Short:
    """Hosts that take more than they have, and the account of how much more."""

    def __init__(self, free: Ints, capacity: Ints) -> None:
        self.free = free.copy()
        self.lacking = np.zeros(free.shape[1], np.int64)
        self._empty = capacity.copy()
        self._counted = np.zeros_like(free)

    def place(self, taken: Ints) -> None:
        self.free -= taken
        self._empty -= taken

    def squeeze(self, need: Ints) -> None:
        """Put one more node where it lacks least."""
        if not len(self.free):
            self.lacking += need
            return
        more = np.where(need > 0, np.maximum(need - self.free, 0) - self._counted, 0)
        cost = (more / np.maximum(need, 1)).sum(axis=1)
        large_enough = ((self._empty >= need) | (need == 0)).all(axis=1)
        best = int(np.where(large_enough | ~large_enough.any(), cost, np.inf).argmin())
        self.lacking += more[best]
        self._counted[best] += more[best]
        self.free[best] -= need
        self._empty[best] -= need


def _pack_beside(free: Ints, one: Ints, others: Demand) -> list[Ints] | None:
    """A single node where it keeps the fewest others away (of such hosts on the least roomy), the others around it."""
    alone = fitting(free, others.need, MANY)
    beside = fitting_beside(free, one, others.need, MANY)
    hosts = np.flatnonzero(beside)
    if not len(hosts):
        return None
    loss = (alone - beside + 1)[hosts]
    best = hosts[np.lexsort((alone[hosts], loss))[0]]
    alone[best] = beside[best] - 1
    if alone.sum() < others.count:
        return None
    chosen = np.zeros(len(free), np.int64)
    chosen[best] = 1
    return [chosen, _fill(alone, others.count)]


def _pack_in_turn(free: Ints, wanted: Sequence[Demand]) -> list[Ints] | None:
    """Demand after demand, largest nodes first; then the other orders."""
    for turn in islice(permutations(_largest_first(wanted)), _ORDERS_TRIED):
        left = free
        packed: dict[int, Ints] = {}
        for index in turn:
            room = fitting(left, wanted[index].need, MANY)
            if room.sum() < wanted[index].count:
                break
            packed[index] = _fill(room, wanted[index].count)
            left = left - packed[index][:, None] * wanted[index].need
        else:
            return [packed[index] for index in range(len(wanted))]
    return None


def _largest_first(wanted: Sequence[Demand]) -> list[int]:
    """The demands' indices, by the size of a node; of equal ones the one with fewer nodes first."""
    sizes = np.sum([demand.need / _scale(wanted) for demand in wanted], axis=1)
    return [int(index) for index in np.argsort(-sizes, kind="stable")]


def _scale(wanted: Sequence[Demand]) -> Ints:
    """The most that a node takes of each resource, at least 1: what amounts of different resources are compared by."""
    scale: Ints = np.maximum(np.max([demand.need for demand in wanted], axis=0), 1)
    return scale


def _fill(room: Ints, count: int) -> Ints:
    """Spread ``count`` nodes over few hosts: the roomiest are filled, the rest goes where it fits best.

    ``count`` is at most ``room.sum()``.
    """
    chosen = np.zeros(len(room), np.int64)
    if count == 0:
        return chosen
    order = np.argsort(-room, kind="stable")
    sums = np.cumsum(room[order])
    filled = int(sums.searchsorted(count))
    chosen[order[:filled]] = room[order[:filled]]
    rest = count - int(chosen.sum())
    left = order[filled:]
    enough = left[room[left] >= rest]
    chosen[enough[room[enough].argmin()]] = rest
    return chosen
