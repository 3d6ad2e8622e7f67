"""How soon each page of the portal is painted, with a thousand bookings in view and with none.

A real Almanac with a simulated site, and Chromium without a window. Each page is visited five times in turn; its time is the
median of largest contentful paint, counted from the moment that the address is asked for, so the server's part is in it.
The thousand are all in the week that the calendar shows, a quarter of them the visitor's own. Compares with the same pages
of a fresh Almanac. Prints one JSON line; times are in ms. Aim: the slowest page < 1000 ms, and nothing that jumps about.

    python benchmarks/portal.py [--bookings 1000] [--visits 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # tests.support is there, and the benchmark called calendar must not hide the library

from playwright.sync_api import Browser, Page
from tests.support.browser import chromium, painted, shifts, sign_in_by_link, visiting
from tests.support.crowd import crowd, next_monday
from tests.support.portal_pages import BEFORE_SIGNING_IN, pages
from tests.support.terminal import SIMULATED, Terminal

LARGE = {"ALMANAC_SIMULATED__HOSTS": "100", "ALMANAC_SIMULATED__CORES": "64", "ALMANAC_TICK_S": "1"}
"""Room for all; and the loop looks as often as it does where nothing is set."""


@contextmanager
def portal(browser: Browser, bookings: int) -> Iterator[tuple[Page, list[str]]]:
    """A browser at a fresh Almanac with so many bookings next week, and the addresses of all pages."""
    with tempfile.TemporaryDirectory(prefix="almanac-portal-") as directory:
        terminal = Terminal(Path(directory), SIMULATED | LARGE)
        try:
            told = terminal.ask("up", "--port", "0")
            own = terminal.ask("book", "notebook", "--for", "2h", "--wait")["id"]
            monday = next_monday(datetime.now(UTC))
            crowd(terminal, monday, bookings)
            with visiting(browser, told["entrance"]) as page:
                sign_in_by_link(page, told["browser_link"])
                yield page, [*pages({"booking": own, "site": "simulated"}), f"/calendar?day={monday:%Y-%m-%d}"]
        finally:
            terminal("down", "--release")


@dataclass(frozen=True)
class Seen:
    """What visits to a page found.

    Attributes:
        painted: ms until the largest thing was there, the visits' median.
        moved: the most that it jumped about.
    """

    painted: float
    moved: float


def visited(page: Page, addresses: list[str], visits: int) -> dict[str, Seen]:
    """What visits to each page find, all pages in turn."""
    found: dict[str, list[Seen]] = {address: [] for address in addresses}
    for _ in range(visits):
        for address, seen in found.items():
            page.goto(address)
            seen.append(Seen(painted(page), shifts(page)))
    return {
        shape(address): Seen(statistics.median(one.painted for one in seen), max(one.moved for one in seen))
        for address, seen in found.items()
    }


def shape(address: str) -> str:
    """An address without what is different each time."""
    path, _, asked = address.partition("?")
    parts = ["{booking}" if part.startswith("b-") else part for part in path.split("/")]
    return "/".join(parts) + (" next week" if asked else "")


def measure(bookings: int, visits: int) -> dict[str, Seen]:
    """Visit all pages, signed in and not."""
    with chromium() as browser, portal(browser, bookings) as (page, addresses):
        inside = visited(page, addresses, visits)
        page.context.clear_cookies()
        return inside | visited(page, list(BEFORE_SIGNING_IN), visits)


def times(found: Mapping[str, Seen]) -> dict[str, int]:
    """How soon each page is painted, the slowest first."""
    return {page: round(seen.painted) for page, seen in sorted(found.items(), key=lambda each: -each[1].painted)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bookings", type=int, default=1000)
    parser.add_argument("--visits", type=int, default=5)
    given = parser.parse_args()
    full, empty = measure(given.bookings, given.visits), measure(0, given.visits)
    slowest = next(iter(times(full)))
    result = {
        "benchmark": "portal",
        "compared": "the same pages of a fresh Almanac without bookings",
        "bookings": given.bookings,
        "visits": given.visits,
        "slowest": slowest,
        "slowest_ms": times(full)[slowest],
        "slowest_empty_ms": max(times(empty).values()),
        "jumpy": {page: round(seen.moved, 4) for page, seen in (full | empty).items() if seen.moved},
        "pages_ms": times(full),
        "pages_empty_ms": times(empty),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
