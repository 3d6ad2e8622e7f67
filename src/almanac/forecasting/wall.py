"""Hours on the wall clock: where people work by local time, their week must not move with daylight saving."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import numpy.typing as npt

from almanac.core.errors import BadRequest

Ints = npt.NDArray[np.int64]

_MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 (a wall clock's)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        BadRequest: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadRequest(f"There is no time zone {name!r}.", hint="Give one such as Europe/Berlin or UTC.") from None


def wall_hours(start: datetime, hours: int, local: ZoneInfo) -> Ints:
    """For each hour from ``start`` on, the local hour in which it begins, counted from a Monday at midnight; shape (hours,).

    In autumn two hours share a number; in spring a number is left out.
    """
    hour = timedelta(hours=1)
    walls = ((start + n * hour).astimezone(local).replace(tzinfo=None) for n in range(hours))
    return np.array([(wall - _MONDAY) // hour for wall in walls], np.int64)
