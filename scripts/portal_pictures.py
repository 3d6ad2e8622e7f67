"""Draw docs/pictures/portal-*.png: the portal of a fresh Almanac on a simulated site, as Chromium shows it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from playwright.sync_api import expect  # noqa: E402 - the path is set before
from tests.support.browser import chromium, sign_in_by_link, visiting  # noqa: E402
from tests.support.terminal import SIMULATED, Terminal  # noqa: E402

TARGET = ROOT / "docs" / "pictures"
SCREEN = {"width": 1100, "height": 900}


def draw(terminal: Terminal) -> None:
    """The home page while something is being built, a week of the calendar, and a booking that is ready."""
    told = terminal.ask("up", "--port", "0")
    terminal.ask("book", "spark-small", "--for", "2h", "--title", "Cepheids in M31", "--wait")
    week = datetime.now(UTC) + timedelta(days=14 - datetime.now(UTC).weekday())
    for day, hour, profile in (
        (0, 10, "spark-class"),
        (2, 10, "spark-class"),
        (3, 9, "spark-medium"),
        (3, 14, "notebook"),
    ):
        at = (week + timedelta(days=day)).replace(hour=hour, minute=0, second=0, microsecond=0)
        terminal.ask("book", profile, "--at", at.isoformat(), "--for", "3h", "--title", "Variability")
    with chromium() as browser, visiting(browser, told["url"], viewport=SCREEN, device_scale_factor=1.5) as page:
        sign_in_by_link(page, told["browser_link"])
        page.get_by_role("article", name="notebook").get_by_role("button", name="Start").click()
        page.wait_for_url("**/bookings/b-*")
        expect(page.get_by_role("status")).to_contain_text("Yours until")
        page.goto("/")
        page.screenshot(path=TARGET / "portal-home.png")
        page.goto(f"/calendar?profile=spark-medium&lasts_s=7200&day={week:%Y-%m-%d}")
        expect(page.locator("#calendar .ec-day").first).to_be_visible()
        page.screenshot(path=TARGET / "portal-calendar.png")
        page.goto("/")
        page.get_by_role("link", name="Cepheids in M31").click()
        page.get_by_role("link", name="Open the notebook").wait_for()
        # Even a token that is worth nothing any more doesn't belong into a picture.
        page.get_by_label("Spark Connect").evaluate(
            "one => { one.value = one.value.replace(/token=[^;]*/, 'token=...') }"
        )
        page.screenshot(path=TARGET / "portal-booking.png")


def main() -> None:
    """Draw them."""
    if not shutil.which("chromium"):
        sys.exit("There is no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="almanac-pictures-") as directory:
        terminal = Terminal(Path(directory), SIMULATED | {"ALMANAC_SIMULATED__NAME": "observatory"})
        try:
            draw(terminal)
        finally:
            terminal("down", "--release")


if __name__ == "__main__":
    main()
