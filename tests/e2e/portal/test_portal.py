"""The portal in a real Chromium, on a real server with a simulated site."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.e2e.portal.conftest import PASSWORD, Portal
from tests.support.browser import NARROW, barriers, seen, too_wide, visiting

pytestmark = pytest.mark.browser

PAGES = {
    "home": "/",
    "book": "/book",
    "bookings": "/bookings",
    "projects": "/projects",
    "tokens": "/tokens",
    "account": "/account",
    "missing": "/nowhere",
}


def test_the_link_is_spent_and_its_token_is_nowhere_in_the_address(browser: Browser, portal: Portal) -> None:
    with visiting(browser, portal.url) as page:
        page.goto(portal.link)
        expect(page.get_by_label("One-time token")).to_have_value(portal.link.partition("#")[2])
        assert page.url == f"{portal.url}/sign-in/link"
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("redeemed before")


def test_one_click_books_and_the_page_tells_when_it_is_ready_and_released(page: Page) -> None:
    page.goto("/")
    page.get_by_role("article", name="spark-small").get_by_role("button", name="Start").click()
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("status")).to_contain_text("Yours until")
    expect(page.get_by_role("link", name="Open the notebook")).to_be_visible()
    seen(page, "booking-ready")
    page.get_by_text("Release it").click()
    page.get_by_role("button", name="Release spark-small").click()
    expect(page.get_by_role("status")).to_contain_text("Ended")


@pytest.mark.parametrize("how", ["light", "dark", "narrow"])
def test_every_page_is_open_to_everybody(browser: Browser, portal: Portal, how: str) -> None:
    booked = portal.terminal.ask("book", "spark-class", "--for", "1h", "--seats", "3", "--wait")["id"]
    look = {"color_scheme": "dark"} if how == "dark" else {"color_scheme": "light"}
    if how == "narrow":
        look["viewport"] = NARROW
    found: dict[str, object] = {}
    with visiting(browser, portal.url, storage_state=portal.session, **look) as page:
        for name, path in {**PAGES, "booking": f"/bookings/{booked}", "log": f"/bookings/{booked}/log"}.items():
            page.goto(path)
            seen(page, f"{name}-{how}")
            found[path] = barriers(page) + ([f"{too_wide(page)} px too wide"] if too_wide(page) > 0 else [])
    with visiting(browser, portal.url, **look) as page:
        for name, path in {"sign-in": "/sign-in", "link": "/sign-in/link"}.items():
            page.goto(path)
            seen(page, f"{name}-{how}")
            found[path] = barriers(page)
    portal.terminal("release", booked)
    assert {path: what for path, what in found.items() if what} == {}
