"""What others would have held for the same people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rivals:
    """Slot-hours over the hours from ``first`` on, of ``hours`` in all.

    Attributes:
        first: the first hour that counts; those before it are for getting going.
        static_peak: always as many as were ever in use at once.
        reactive: an autoscaler with the least headroom that served as many at once.
        headroom: how much that was.
        at_once: share of the sessions that it served at once.
    """

    first: int
    hours: int
    static_peak: float
    reactive: float
    headroom: int
    at_once: float
