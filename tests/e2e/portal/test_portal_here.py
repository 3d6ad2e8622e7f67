"""From a fresh Almanac on this very machine to an open notebook, in a real Chromium."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.support.browser import ROOT, barriers, seen, sign_in_by_link, visiting
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.browser, pytest.mark.cluster]


def test_one_click_leads_to_a_notebook_of_this_machine(browser: Browser, tmp_path: Path) -> None:
    cache = os.environ.get("ALMANAC_CACHE", str(ROOT / ".almanac" / "cache"))  # where set-up has made Spark's archive
    terminal = Terminal(tmp_path, {"ALMANAC_TICK_S": "0.2", "ALMANAC_CACHE": cache})
    try:
        told = terminal.ask("up", "--port", "0")
        with visiting(browser, told["entrance"]) as page:
            page.context.set_default_timeout(60_000)
            sign_in_by_link(page, told["browser_link"])
            page.get_by_role("article", name="notebook").get_by_role("button", name="Start").click()
            page.get_by_role("link", name="Open the notebook").wait_for()
            with page.context.expect_page() as opened:
                page.get_by_role("link", name="Open the notebook").click()
            expect(opened.value).to_have_title("JupyterLab", timeout=60_000)
            page.get_by_role("link", name="Live metrics").click()
            expect(page.get_by_role("heading", name="Memory in use")).to_be_visible()
            memory = page.get_by_role("region", name="Memory in use")
            expect(memory).to_contain_text("%", timeout=60_000)
            expect(page.locator("#panels canvas").first).to_be_visible()
            assert "\n".join(barriers(page)) == ""
            seen(page, "metrics")
            page.go_back()
            page.get_by_text("Release it").click()
            page.get_by_role("button", name="Release notebook").click()
            expect(page.get_by_role("heading", name="Receipt")).to_be_visible(timeout=60_000)
    finally:
        terminal("down", "--release")
