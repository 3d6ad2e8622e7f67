"""A developer sees alone, while the job runs, why it is slow: real Spark on this machine, in a real Chromium."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import ROOT, barriers, seen, sign_in_by_link, too_wide, visiting
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.browser, pytest.mark.cluster]

PATIENCE_MS = 120_000
"""Spark starts, and runs jobs, on a machine that does other things as well."""
SKEWED = """
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

spark = SparkSession.builder.getOrCreate()


@F.udf("long")
def cost(star):
    time.sleep(6 if star == 0 else 0.01)
    return star


while True:
    spark.range(0, 12, 1, 12).select(cost("id").alias("cost")).agg(F.sum("cost")).collect()
"""


@contextmanager
def job(terminal: Terminal, booking: str, script: Path) -> Iterator[subprocess.Popen[str]]:
    """A script that runs on a booking meanwhile, as somebody else's terminal would run it."""
    process = terminal.start("run", booking, script)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def test_the_skewed_stage_is_named_while_the_job_runs(browser: Browser, tmp_path: Path) -> None:
    cache = os.environ.get("ALMANAC_CACHE", str(ROOT / ".almanac" / "cache"))  # where set-up has made Spark's archive
    terminal = Terminal(tmp_path, {"ALMANAC_TICK_S": "0.2", "ALMANAC_CACHE": cache})
    script = tmp_path / "skewed.py"
    script.write_text(SKEWED)
    try:
        told = terminal.ask("up", "--port", "0")
        with visiting(browser, told["entrance"]) as page:
            sign_in_by_link(page, told["browser_link"])
            booking = terminal.ask("book", "spark-small", "--for", "1h", "--title", "Parallaxes", "--wait")["id"]
            with job(terminal, booking, script):
                _names_the_stage(page, booking)
                _panels_move(page, booking)
            _is_kept(page, booking, terminal)
    finally:
        terminal("down", "--release")


def _names_the_stage(page: Page, booking: str) -> None:
    """The page is opened once, and tells by itself what comes."""
    page.goto(f"/bookings/{booking}")
    page.get_by_role("link", name="Why is it slow?").click()
    expect(page.get_by_role("heading", name="Why it takes as long as it does")).to_be_visible()
    cause = page.get_by_role("heading", name=re.compile(r"Stage \d+ waits for its longest task"))
    expect(cause).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("So far, as of")).to_be_visible()
    expect(page.get_by_text("What to change.").first).to_be_visible()
    assert "\n".join(barriers(page)) == ""
    assert too_wide(page) == 0
    seen(page, "diagnosis")


def _panels_move(page: Page, booking: str) -> None:
    page.goto(f"/bookings/{booking}/metrics")
    slots = page.get_by_role("region", name="Slots busy")
    expect(slots).to_contain_text(re.compile(r"[1-9][\d.]* %"), timeout=PATIENCE_MS)
    expect(page.locator("#panels canvas").first).to_be_visible()
    seen(page, "metrics-of-spark")


def _is_kept(page: Page, booking: str, terminal: Terminal) -> None:
    page.goto(f"/bookings/{booking}")
    page.get_by_text("Release it").click()
    page.get_by_role("button", name="Release Parallaxes").click()
    receipt = page.get_by_role("region", name="Receipt")
    expect(receipt).to_be_visible(timeout=PATIENCE_MS)
    while not terminal.ask("receipt", booking)["jobs"]:  # its logs are saved, then read once
        time.sleep(0.5)
    page.goto(f"/bookings/{booking}")
    receipt.get_by_role("link", name="The diagnosis").click()
    expect(page.get_by_text("Final; it is kept with the booking.")).to_be_visible()
    expect(page.get_by_role("heading", name="The longest stages")).to_be_visible()
