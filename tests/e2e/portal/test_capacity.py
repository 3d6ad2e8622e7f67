"""The page of capacity in a real Chromium: dials are tried, and what they would hold is drawn and told."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from tests.e2e.portal.conftest import Portal
from tests.support.browser import NARROW, barriers, seen, too_wide, visiting

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("how", ["light", "dark", "narrow"])
def test_dials_are_tried_before_they_are_turned(browser: Browser, portal: Portal, how: str) -> None:
    look = {"color_scheme": "dark" if how == "dark" else "light"} | ({"viewport": NARROW} if how == "narrow" else {})
    with visiting(browser, portal.url, storage_state=portal.session, **look) as page:
        page.goto("/")
        page.get_by_role("link", name="Capacity").click()
        page.get_by_label("What", exact=True).select_option("spark-small")
        page.get_by_role("button", name="Show").click()
        page.wait_for_url("**profile=spark-small**")
        assert "\n".join(barriers(page)) == ""
        page.get_by_label("Floor of spark-small").fill("1")
        page.get_by_role("button", name="Try").click()
        effects = page.get_by_role("region", name="What these dials would hold")
        expect(effects.get_by_role("rowheader", name="spark-small")).to_be_visible()
        expect(page.locator("#plot canvas")).to_be_visible()
        expect(page.get_by_label("Floor of spark-small")).to_have_value("1")
        page.get_by_text("Hour by hour").click()
        seen(page, f"capacity-{how}")
        assert "\n".join(barriers(page)) == ""
        assert too_wide(page) <= 0
