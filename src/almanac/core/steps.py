"""Step functions of many hosts in flat arrays: the free resources of each host over time.

Time is whole microseconds in int64, which is what ``datetime`` can tell apart, so nothing here is rounded. A host's
steps are neighbours in one pool of cells with some spare room behind them: a change to one host moves that host's
cells only, and a question about all hosts is a handful of numpy calls.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

BEGINNING = -(1 << 62)
"""Earlier than any ``datetime``: where every host's first step begins."""

_SPARE = 16


class Pieces(NamedTuple):
    """Stretches of constant free resources, by row and then by time; a row's pieces touch each other.

    Attributes:
        row: the host, shape (n,).
        start: first microsecond, shape (n,).
        end: the microsecond after the last, shape (n,).
        free: the resources that are free, shape (n, resources).
    """

    row: Ints
    start: Ints
    end: Ints
    free: Ints


class Steps:
    """What is free on each host over time.

    Row ``h`` owns the cells ``first[h] .. first[h] + length[h]`` of the pool; a cell says what is free from its time
    until the next cell's. Neighbouring cells of a row differ, so undoing a change leaves the same cells as before it.

    Args:
        capacity: what each host has, shape (hosts, resources).
        row: the host of each change, shape (changes,).
        start: its first microsecond, shape (changes,).
        end: the microsecond after its last, shape (changes,).
        taken: what it takes, shape (changes, resources).
    """

    def __init__(self, capacity: Ints, row: Ints, start: Ints, end: Ints, taken: Ints) -> None:
        self._capacity = capacity
        rows = np.arange(len(capacity))
        # A row's changes sum to zero, so one running sum serves all rows: each row begins by turning
        # the capacity of the row before it into its own.
        begin = np.diff(capacity, axis=0, prepend=np.zeros((1, capacity.shape[1]), np.int64))
        row = np.concatenate((rows, row, row))
        time = np.concatenate((np.full(len(rows), BEGINNING), start, end))
        delta = np.concatenate((begin, -taken, taken))
        order = np.lexsort((time, row))
        row, time = row[order], time[order]
        heads = np.flatnonzero(_differs(row) | _differs(time))
        delta = np.add.reduceat(delta[order], heads) if len(heads) else delta
        kept = delta.any(axis=1) | (time[heads] == BEGINNING)
        self._lay_out(
            time[heads][kept], np.cumsum(delta, axis=0)[kept], np.bincount(row[heads][kept], minlength=len(rows))
        )

    @property
    def capacity(self) -> Ints:
        """What each host has when nothing is taken, shape (hosts, resources)."""
        return self._capacity

    def horizon(self) -> int:
        """The last microsecond at which anything changes; ``BEGINNING`` when nothing ever does."""
        return int(self._time[self._first + self._length - 1].max(initial=BEGINNING))

    def change(self, row: int, start: int, end: int, amount: Ints) -> None:
        """Add ``amount`` (negative: take) to what is free on a host over ``[start, end)``.

        Raises:
            ValueError: more would be free than the host has; nothing was changed.
        """
        self._make_room(row, 2)
        steps = self._row(row)
        since, until = steps.start + self._at(row, start), steps.start + self._at(row, end - 1) + 1
        if (self._free[since:until] + amount > self._capacity[row]).any():
            raise ValueError("more would be free than the host has")
        low = self._cut(row, start)
        high = self._cut(row, end)
        self._free[low:high] += amount
        self._join(row, high)
        self._join(row, low)

    def least(self, start: int, end: int) -> Ints:
        """The least that is free on each host throughout ``[start, end)``, shape (hosts, resources)."""
        cells, heads, _ = self._cells(start, end)
        if not len(cells):
            return self._capacity
        least: Ints = np.minimum.reduceat(self._free.take(cells, axis=0), heads)
        return least

    def pieces(self, start: int, end: int) -> Pieces:
        """The pieces of every host within ``[start, end)``, cut off at its ends."""
        cells, heads, counts = self._cells(start, end)
        begins = np.maximum(self._time.take(cells), start)
        ends = np.append(begins[1:], end)
        ends[heads[1:] - 1] = end
        return Pieces(np.repeat(np.arange(len(heads)), counts), begins, ends, self._free.take(cells, axis=0))

    def first_below(self, row: int, need: Ints, start: int) -> int | None:
        """The first microsecond from ``start`` on when a host has less than ``need`` free; None if there is none."""
        steps = self._row(row)
        low = steps.start + self._at(row, start)
        short = np.flatnonzero(((self._free[low : steps.stop] < need) & (need > 0)).any(axis=1))
        return max(start, int(self._time[low + short[0]])) if len(short) else None

    # --- cells -------------------------------------------------------------------------------------------------------

    def _row(self, row: int) -> slice:
        first = int(self._first[row])
        return slice(first, first + int(self._length[row]))

    def _at(self, row: int, instant: int) -> int:
        """Which of the row's cells an instant falls into."""
        return int(self._time[self._row(row)].searchsorted(instant, side="right")) - 1

    def _all_at(self, instant: int) -> Ints:
        """The cell that an instant falls into, on every row: a binary search of all rows in step."""
        cell: Ints = self._first
        last = self._first + self._length - 1
        for power in reversed(range(int(self._length.max(initial=1)).bit_length())):
            probe = np.minimum(cell + (1 << power), last)
            cell = np.where(self._time.take(probe) <= instant, probe, cell)
        return cell

    def _cells(self, start: int, end: int) -> tuple[Ints, Ints, Ints]:
        """The cells within ``[start, end)`` row by row, where each row begins among them, and how many each has."""
        low = self._all_at(start)
        counts = self._all_at(end - 1) - low + 1
        return _runs(low, counts)

    def _cut(self, row: int, instant: int) -> int:
        """The cell that begins at an instant, made if there is none. There is room for it."""
        steps = self._row(row)
        cell: int = steps.start + self._at(row, instant)
        if self._time[cell] == instant:
            return cell
        self._time[cell + 1 : steps.stop + 1] = self._time[cell : steps.stop]
        self._free[cell + 1 : steps.stop + 1] = self._free[cell : steps.stop]
        self._time[cell + 1] = instant
        self._length[row] += 1
        return cell + 1

    def _join(self, row: int, cell: int) -> None:
        """Drop a cell that says the same as the one before it."""
        stop = self._row(row).stop
        if (self._free[cell] == self._free[cell - 1]).all():
            self._time[cell : stop - 1] = self._time[cell + 1 : stop]
            self._free[cell : stop - 1] = self._free[cell + 1 : stop]
            self._length[row] -= 1

    # --- the pool ----------------------------------------------------------------------------------------------------

    def _lay_out(self, time: Ints, free: Ints, length: Ints) -> None:
        """Lay rows out in a new pool, with spare room behind each row and behind them all."""
        self._length = length.astype(np.int64)
        self._room = self._length + (self._length >> 1) + _SPARE
        self._first = np.cumsum(self._room) - self._room
        self._end = int(self._room.sum())
        pool = self._end + (self._end >> 2) + 4 * _SPARE
        self._time = np.zeros(pool, np.int64)
        self._free = np.zeros((pool, free.shape[1]), np.int64)
        cells, _, _ = _runs(self._first, self._length)
        self._time[cells] = time
        self._free[cells] = free

    def _make_room(self, row: int, cells: int) -> None:
        """See that a row can grow: move it behind the others, or lay all out anew when the pool is used up.

        A row's room at least doubles with each move and the pool's grows by a share of itself, so the cost of a
        change stays that of moving its own row's cells, averaged over many.
        """
        steps = self._row(row)
        length = steps.stop - steps.start
        if length + cells <= self._room[row]:
            return
        room = 2 * length + _SPARE
        if self._end + room > len(self._time):
            everything, _, _ = _runs(self._first, self._length)
            self._lay_out(self._time[everything], self._free[everything], self._length)
            return
        self._time[self._end : self._end + length] = self._time[steps]
        self._free[self._end : self._end + length] = self._free[steps]
        self._first[row], self._room[row] = self._end, room
        self._end += room


def _runs(low: Ints, counts: Ints) -> tuple[Ints, Ints, Ints]:
    """Runs of neighbouring cells, one after the other.

    Args:
        low: where each run begins, shape (runs,).
        counts: how long each is, at least 1, shape (runs,).

    Returns:
        The cells; where each run begins among them; ``counts``.
    """
    heads = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) + np.repeat(low - heads, counts), heads, counts


def _differs(values: Ints) -> Flags:
    """Whether each value differs from the one before it; the first does."""
    different = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=different[1:])
    return different
