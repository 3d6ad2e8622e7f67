"""Every page of a well-used Almanac is calm and open to everybody: nothing jumps about, nothing keeps anybody out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize
from tests.e2e.portal.conftest import Portal
from tests.support.browser import NARROW, WIDE, barriers, seen, shifts, sign_in_by_link, too_wide, visiting
from tests.support.crowd import crowd, next_monday
from tests.support.portal_pages import BEFORE_SIGNING_IN, pages
from tests.support.terminal import SIMULATED, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]  # every page, on machines that may be busy

HOSTILE = "\"><img src=x onerror=alert(1)></script><script>alert('2')</script>{{ 7*7 }}"
NEWS = 0.02
"""A layout shift that a live part may cause by telling something new: a line or two. Browsers call less than 0.1 good."""
MORE = {"ALMANAC_SIMULATED__HOSTS": "8", "ALMANAC_SIMULATED__CORES": "64"}


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Portal]:
    """An Almanac with a running class, a week full of bookings, and people who call things as they like."""
    with serving(Path(tmp_path_factory.mktemp("calm")), SIMULATED | MORE) as terminal:
        told = terminal.ask("up")
        link = f"{told['entrance']}/sign-in/link#{terminal.ask('admin', 'invite', 'admin')['one_time_token']}"
        crowd(terminal, next_monday(datetime.now(UTC)), 60, people=2)
        with visiting(browser, told["entrance"]) as page:
            sign_in_by_link(page, link, called=HOSTILE[:80])
            session = page.context.storage_state()
        yield Portal(told["entrance"], terminal, link, session)


@pytest.fixture(scope="module")
def addresses(used: Portal) -> list[str]:
    """Of all pages, those of a class that is ready among them."""
    booked = used.terminal.ask("book", "spark-class", "--for", "1h", "--seats", "3", "--title", HOSTILE, "--wait")["id"]
    monday = next_monday(datetime.now(UTC))
    repeated = ("--at", f"{monday:%Y-%m-%d} 20:00", "--for", "1h", "--repeat", "daily", "--times", "3")
    series = used.terminal.ask("series", "add", "notebook", *repeated, "--title", HOSTILE)
    known = {"booking": booked, "site": "simulated"}
    known |= {"series": series["id"], "day": series["occurrences"][0]["date"]}
    return [*pages(known), f"/calendar?day={monday:%Y-%m-%d}", "/nowhere"]


def test_every_page_signed_in(browser: Browser, used: Portal, addresses: list[str]) -> None:
    with visiting(browser, used.url, storage_state=used.session) as page:
        assert troubles(page, addresses) == {}


def test_every_page_before_signing_in(browser: Browser, used: Portal) -> None:
    with visiting(browser, used.url) as page:
        assert troubles(page, BEFORE_SIGNING_IN) == {}


def troubles(page: Page, addresses: list[str] | tuple[str, ...]) -> dict[str, list[str]]:
    """What is wrong with each page that isn't right."""
    found: dict[str, list[str]] = {}
    for address in addresses:
        for look, size in (("wide", WIDE), ("narrow", NARROW)):
            page.set_viewport_size(ViewportSize(**size))
            page.goto(address)
            found[f"{address}, {look}"] = [*unsteady(page), *unsafe(page), *closed(page, f"{address}, {look}")]
    return {where: what for where, what in found.items() if what}


def unsteady(page: Page) -> list[str]:
    """Whether anything moved after it was first shown, other than for news that came meanwhile."""
    moved = shifts(page)
    return [f"jumps about: {moved}"] if moved > NEWS else []


def unsafe(page: Page) -> list[str]:
    """Whether what somebody typed became a part of the page."""
    return ["a hostile name is an element"] if page.locator("img[src=x]").count() else []


def closed(page: Page, name: str) -> list[str]:
    """What axe-core finds in both colours, and whether it has to be scrolled sideways."""
    found = []
    for colours in ("light", "dark"):
        page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
        seen(page, f"{name}-{colours}".strip("/").replace("/", "-"))
        found += barriers(page)
    over = too_wide(page)
    return [*found, *([f"{over} px too wide"] if over > 0 else [])]
