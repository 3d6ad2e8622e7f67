"""From a fresh Almanac on this very machine to a sky map in a notebook and a receipt, in a real Chromium."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import ROOT, barriers, seen, sign_in_by_link, visiting
from tests.support.effort import Effort, count_effort, effort
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.browser, pytest.mark.cluster]

PATIENT_MS = 180_000
"""What Spark and JupyterLab may take on a machine that runs other tests as well."""
HOUR_PX = 48
SKY = "gaia-sky.ipynb"


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """Signed in at a fresh Almanac, where it is about eleven: there are hours before and after in the calendar's day."""
    cache = os.environ.get("ALMANAC_CACHE", str(ROOT / ".almanac" / "cache"))  # where set-up has made Spark's archive
    terminal = Terminal(tmp_path, {"ALMANAC_TICK_S": "0.2", "ALMANAC_CACHE": cache})
    east = 11 - datetime.now(UTC).hour
    try:
        told = terminal.ask("up", "--port", "0")
        zone = f"Etc/GMT{-east:+d}"
        with visiting(browser, told["entrance"], timezone_id=zone, device_scale_factor=1.5) as page:
            page.context.set_default_timeout(PATIENT_MS)
            sign_in_by_link(page, told["browser_link"])
            yield page
    finally:
        terminal("down", "--release")


def test_a_newcomer_drags_a_platform_draws_the_sky_and_gives_it_back(page: Page) -> None:
    count_effort(page)
    choose_by_dragging(page)
    assert effort(page) == Effort(clicks=2, drags=1)
    expect(page.get_by_role("status")).to_contain_text("Yours until", timeout=PATIENT_MS)
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"  # nobody loaded it again
    ready = page.url
    expect(page.get_by_role("link", name="Open the notebook")).to_be_visible()
    seen(page, "flow-booking", whole=False, secrets=[page.get_by_label("Spark Connect")])
    draw_the_sky(page)
    see_what_it_does(page)
    page.goto("/")
    expect(page.get_by_role("article", name="spark-small").first).to_contain_text("Yours until")
    seen(page, "flow-home", whole=False)
    page.goto(ready)
    extend(page)
    release(page)
    choose_by_keyboard(page)


def choose_by_dragging(page: Page) -> None:
    """From the home page: from this moment, for as long as is dragged over."""
    page.reload()
    page.get_by_role("article", name="spark-small").get_by_role("link", name="Choose a time").click()
    day = page.locator("#calendar .ec-day.ec-today")
    day.scroll_into_view_if_needed()
    area = day.bounding_box()
    assert area is not None
    now = datetime.now(ZoneInfo(page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")))
    x, y = area["x"] + area["width"] / 2, area["y"] + now.hour * HOUR_PX + (now.minute // 30 * HOUR_PX / 2) + 6
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + HOUR_PX, steps=4)
    page.mouse.move(x, y + 2 * HOUR_PX, steps=4)
    seen(page, "flow-drag", whole=False)
    page.mouse.up()
    page.wait_for_url("**/book?*")
    expect(page.get_by_role("status")).to_contain_text("This fits at local")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")


def draw_the_sky(page: Page) -> None:
    """Open the notebook that is there and run all its cells, on the platform's own Spark."""
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the notebook").click()
    lab = opened.value
    lab.get_by_role("listitem", name=re.compile(SKY)).dblclick()
    lab.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    lab.get_by_role("menuitem", name="Run", exact=True).click()
    lab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    outputs = lab.locator(".jp-Cell-outputArea")
    last = outputs.get_by_text(re.compile("Mean proper motions.*stars in .* pixels agree"))
    expect(last).to_be_visible(timeout=PATIENT_MS)
    expect(outputs.get_by_text(re.compile("Source counts.*stars in .* pixels agree"))).to_be_visible()
    expect(outputs.locator("img").last).to_be_visible()
    seen(lab, "flow-notebook")
    lab.close()


def see_what_it_does(page: Page) -> None:
    """Live metrics, with numbers in them."""
    page.get_by_role("link", name="Live metrics").click()
    expect(page.get_by_role("heading", name="Memory in use")).to_be_visible()
    expect(page.get_by_role("region", name="Memory in use")).to_contain_text("%", timeout=PATIENT_MS)
    expect(page.locator("#panels canvas").first).to_be_visible()
    assert "\n".join(barriers(page)) == ""
    seen(page, "flow-metrics")


def extend(page: Page) -> None:
    """Half an hour more."""
    page.get_by_label("End it").select_option(index=0)
    page.get_by_role("button", name="Change the end").click()
    expect(page.get_by_text("Extended to")).to_be_visible()
    seen(page, "flow-extended")


def release(page: Page) -> None:
    """Give it back, and see what became of it."""
    page.get_by_text("Release it").click()
    page.get_by_role("button", name="Release spark-small").click()
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt).to_contain_text("refunded", timeout=PATIENT_MS)
    expect(receipt).to_contain_text("after its start")
    assert "\n".join(barriers(page)) == ""
    seen(page, "flow-receipt")


def choose_by_keyboard(page: Page) -> None:
    """Another one for next week, without a pointer, and given up again."""
    count_effort(page)
    page.goto("/calendar")
    for link in ("Later", re.compile("^Book from 09:00")):
        page.get_by_role("link", name=link).first.focus()
        page.keyboard.press("Enter")
    page.wait_for_url("**/book?*")
    page.get_by_role("button", name="Book", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/bookings/b-*")
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cancel notebook").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Cancelled")
    assert effort(page) == Effort(clicks=0, drags=0)
