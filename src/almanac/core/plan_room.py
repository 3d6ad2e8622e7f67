"""How many places a site has left beside what others take there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from almanac.core.plan import HOUR, touched
from almanac.core.resources import Resources
from almanac.core.windows import Window


@dataclass(frozen=True, slots=True)
class Taken:
    """What somebody takes, or is planned to take, of a site over a window; ``holder`` is its id."""

    site: str
    window: Window
    resources: Resources
    holder: str


def room(total: Resources, place: Resources, taken: Iterable[Taken], start: datetime, steps: int) -> tuple[int, ...]:
    """Places that fit beside what is taken, hour by hour: at most, as the seams between hosts aren't looked at.

    Args:
        total: what the site has.
        place: what a place takes; not nothing.
        taken: what others take there.
        start: the beginning of the first hour.
        steps: how many hours.
    """
    used = np.zeros((steps, len(total.vector)), np.int64)
    for each in taken:
        first, stop = touched(each.window, start, HOUR, steps)
        used[first:stop] += each.resources.vector
    need = np.array(place.vector)
    free = np.maximum(np.array(total.vector) - used, 0)
    return tuple((free[:, need > 0] // need[need > 0]).min(axis=1).tolist())
