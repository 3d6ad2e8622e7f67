"""Almanac: book a Spark science platform the way you book a telescope.

>>> import almanac
>>> with almanac.book("spark-small", hours=2) as platform:  # doctest: +SKIP
...     platform.spark.range(1000).count()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from almanac.version import VERSION

if TYPE_CHECKING:
    from almanac.client import book, bookings, connect

__version__ = VERSION
__all__ = ["__version__", "book", "bookings", "connect"]


def __getattr__(name: str) -> object:
    """Load the client on first use: importing almanac stays fast and light."""
    if name in {"book", "bookings", "connect"}:
        from almanac import client

        return getattr(client, name)
    raise AttributeError(f"module 'almanac' has no attribute {name!r}")
