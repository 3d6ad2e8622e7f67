"""Draw docs/pictures/portal-*.png, as Chromium shows the portal.

A newcomer's way and the diagnosis are what browser tests on this machine see; capacity and series, which want a history and
many hosts, are those of a fresh Almanac on a simulated site.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402 - the path is set before
from playwright.sync_api import expect  # noqa: E402 - the path is set before
from tests.support.browser import chromium, sign_in_by_link, visiting  # noqa: E402
from tests.support.terminal import SIMULATED, Terminal  # noqa: E402

TARGET = ROOT / "docs" / "pictures"
SCREEN = {"width": 1100, "height": 900}
SEEN = {
    "test_portal_here": {
        "flow-home": "portal-home",
        "flow-drag": "portal-calendar",
        "flow-booking": "portal-booking",
        "flow-notebook": "portal-notebook",
        "flow-receipt": "portal-receipt",
    },
    "test_diagnosis_here": {"diagnosis": "portal-diagnosis"},
}
"""By browser test: which of the pictures that it takes are in the documentation, and as what."""


def draw_capacity(terminal: Terminal) -> None:
    """The page of capacity, of a plan that follows seven weeks of working days, while another floor is tried."""
    told = terminal.ask("up", "--port", "0")
    terminal.ask("admin", "demand", "import", working_days(terminal.home / "days.csv"), "--profile", "spark-small")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    for day in (0, 1):
        at = (tomorrow + timedelta(days=day)).isoformat()
        for _ in range(2):
            terminal.ask("book", "spark-small", "--at", at, "--for", "5h", "--title", "Course")
    while not terminal.ask("plan")["plans"]:
        time.sleep(1)
    with chromium() as browser, visiting(browser, told["entrance"], viewport=SCREEN, device_scale_factor=1.5) as page:
        sign_in_by_link(page, told["browser_link"])
        page.goto("/capacity?profile=spark-small&days=7")
        page.get_by_label("Floor of spark-small").fill("2")
        page.get_by_role("button", name="Try").click()
        expect(page.get_by_role("region", name="What these dials would hold")).to_be_visible()
        expect(page.locator("#plot canvas")).to_be_visible()
        page.evaluate("window.scrollTo(0, 0)")
        page.screenshot(path=TARGET / "portal-capacity.png")


def draw_series(terminal: Terminal) -> None:
    """Each date of a class that repeats, with its verdict, where somebody has the site on one of them."""
    told = terminal.ask("up", "--port", "0")
    tuesday = datetime.now(UTC) + timedelta(days=8 - datetime.now(UTC).weekday())
    taken = f"{tuesday + timedelta(days=14):%Y-%m-%d} 06:00"
    while terminal("book", "spark-class", "--at", taken, "--for", "8h").code == 0:
        pass
    with chromium() as browser, visiting(browser, told["entrance"], viewport=SCREEN, device_scale_factor=1.5) as page:
        sign_in_by_link(page, told["browser_link"])
        page.goto("/book?profile=spark-class")
        page.get_by_label("From", exact=True).fill(f"{tuesday:%Y-%m-%d}T10:00")
        page.get_by_label("Seats", exact=True).fill("8")
        page.get_by_label("Name").fill("Galaxies II")
        page.get_by_label("Repeat", exact=True).select_option("weekly")
        page.get_by_label("Or so many times").fill("6")
        page.get_by_role("button", name="Book", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("5 of 6 fit; alternatives for 1.")
        page.screenshot(path=TARGET / "portal-series.png")


def working_days(file: Path) -> Path:
    """A file of hourly demand: some people in working hours, more on Tuesdays, chance drawn with a seed."""
    chance = np.random.default_rng(7)
    present = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    lines = ["hour,demand"]
    for back in range(7 * 168, 0, -1):
        at = present - timedelta(hours=back)
        busy = at.weekday() < 5 and 8 <= at.hour < 18
        mean = (3.0 + 2.5 * (at.weekday() == 1)) * math.sin(math.pi * (at.hour - 7) / 11) if busy else 0.1
        lines.append(f"{at.isoformat()},{chance.poisson(mean)}")
    file.write_text("\n".join(lines))
    return file


def keep_what_tests_see(directory: Path) -> None:
    """A newcomer's whole way, and a diagnosis while its job runs: real ones, of browser tests on this machine."""
    command = [sys.executable, "-m", "pytest", "-q", *(f"tests/e2e/portal/{name}.py" for name in SEEN)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "ALMANAC_TEST_PICTURES": str(directory)}, check=True)
    for pictures in SEEN.values():
        for seen, picture in pictures.items():
            shutil.copy(directory / f"{seen}.png", TARGET / f"{picture}.png")


def main() -> None:
    """Draw them."""
    if not shutil.which("chromium"):
        sys.exit("There is no chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory(prefix="almanac-pictures-") as directory:
        small = SIMULATED | {"ALMANAC_SIMULATED__NAME": "observatory"}
        large = small | {"ALMANAC_SIMULATED__HOSTS": "8", "ALMANAC_PLANNING__ENABLED": "true"}
        for name, settings, drawn in (
            ("large", large, draw_capacity),
            ("term", small, draw_series),
        ):
            terminal = Terminal(Path(directory) / name, settings)
            terminal.home.mkdir()
            try:
                drawn(terminal)
            finally:
                terminal("down", "--release")
        keep_what_tests_see(Path(directory))


if __name__ == "__main__":
    main()
