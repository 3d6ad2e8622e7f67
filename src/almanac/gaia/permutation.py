"""A seeded permutation of ``0 .. n-1``, computed value by value: no table, so any n costs constant memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROUNDS = 6
MIX = np.uint64(0x9E3779B97F4A7C15)


def permute(values: NDArray[np.integer], size: int, seed: int) -> NDArray[np.int64]:
    """Where a random permutation of ``0 .. size-1`` sends each value.

    A Feistel network over the smallest power of two that holds ``size`` is a permutation of it whatever its round
    function; values that land outside are sent through again until they land inside (cycle walking; Black and Rogaway
    2002).
    """
    bits = max(2, (size - 1).bit_length())
    keys = np.random.default_rng([seed, size]).integers(1, 2**63, ROUNDS, dtype=np.uint64)
    result = _feistel(values.astype(np.uint64), bits, keys)
    outside = np.flatnonzero(result >= size)
    while outside.size:
        result[outside] = _feistel(result[outside], bits, keys)
        outside = outside[result[outside] >= size]
    return result.astype(np.int64)


def _feistel(values: NDArray[np.uint64], bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One pass over ``bits`` bits: two halves, which may differ by a bit in size, are mixed into each other in turn."""
    low_bits = np.uint64(bits // 2)
    low_mask, high_mask = (np.uint64((1 << size) - 1) for size in (bits // 2, bits - bits // 2))
    low, high = values & low_mask, values >> low_bits
    for even, key in enumerate(keys):
        if even % 2:
            high ^= _mix(low, key) & high_mask
        else:
            low ^= _mix(high, key) & low_mask
    return (high << low_bits) | low


def _mix(values: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    mixed = (values + key) * MIX
    mixed ^= mixed >> np.uint64(29)
    return (mixed * MIX) >> np.uint64(20)
