"""A real Chromium for tests of the portal, and what axe-core says about the page that it shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / ".almanac" / "browser" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PATIENCE_MS = 30_000
"""How long a page may take to show what it should; machines that run tests are busy."""
PASSWORD = "violet cepheids pulsate"
PICTURES = os.environ.get("ALMANAC_TEST_PICTURES", "")
"""A directory for a picture of every page that a test has looked at; empty for none."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, url: str, **how: Any) -> Iterator[Page]:
    """A page in a profile of its own; what its scripts complain about fails the test."""
    context: BrowserContext = browser.new_context(
        base_url=url, **{"viewport": WIDE, "timezone_id": "Europe/Madrid"} | how
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


def sign_in_by_link(page: Page, link: str, called: str = "Ada Lovelace") -> None:
    """As the first browser does, by the link that `almanac up` printed: choose a name and a password."""
    page.goto(link)
    page.get_by_label("What shall we call you?").fill(called)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/")


def seen(page: Page, name: str, *, whole: bool = True, secrets: Sequence[Locator] = ()) -> None:
    """Keep a picture of the page, where somebody asked for pictures.

    Args:
        page: what is seen.
        name: of the file.
        whole: all of it; else only what fits into the window, without touching what somebody does there just now.
        secrets: what doesn't belong into a picture, not even when it is worth nothing any more.
    """
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=whole, mask=secrets, mask_color="#9aa5b1")


def barriers(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page."""
    page.evaluate(AXE.read_text())  # as the debugger does, past the page's policy on scripts
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"][:3]
    ]


def shifts(page: Page) -> float:
    """How much of the page has jumped about since it was loaded (cumulative layout shift; 0.1 is what people notice)."""
    page.wait_for_load_state("load")
    return float(page.evaluate(_SHIFTS))


_SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) sum += entry.value; })
    .observe({type: "layout-shift", buffered: true});
  setTimeout(() => done(sum), 150);
})"""


def painted(page: Page) -> float:
    """Milliseconds until the largest thing on the page was painted, from the moment that its address was asked for."""
    page.wait_for_load_state("load")
    return float(page.evaluate(_LARGEST))


_LARGEST = """() => new Promise((done) => {
  new PerformanceObserver((list) => {
    const last = list.getEntries().at(-1).startTime;
    clearTimeout(window.painted);
    window.painted = setTimeout(() => done(last), 300);
  }).observe({type: "largest-contentful-paint", buffered: true});
})"""


def too_wide(page: Page) -> int:
    """Pixels by which the page is wider than its window; nobody likes to scroll sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
