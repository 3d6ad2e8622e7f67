"""The portal in a real Chromium, on a real server with a simulated site."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from tests.e2e.portal.conftest import Portal
from tests.support.browser import PASSWORD, barriers, seen, visiting

pytestmark = pytest.mark.browser


def test_the_link_is_spent_and_its_token_is_nowhere_in_the_address(browser: Browser, portal: Portal) -> None:
    with visiting(browser, portal.url) as page:
        page.goto(portal.link)
        expect(page.get_by_label("One-time token")).to_have_value(portal.link.partition("#")[2])
        assert page.url == f"{portal.url}/sign-in/link"
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The same again").fill(PASSWORD)
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("alert")).to_contain_text("redeemed before")


def test_one_click_books_and_the_page_follows_it_to_its_receipt(page: Page) -> None:
    page.goto("/")
    page.get_by_role("article", name="spark-small").get_by_role("button", name="Start").click()
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("status")).to_contain_text("Yours until")
    expect(page.get_by_role("link", name="Open the notebook")).to_be_visible()
    page.get_by_role("button", name="Copy").wait_for()
    page.get_by_label("End it").select_option(index=1)
    page.get_by_role("button", name="Change the end").click()
    expect(page.get_by_text("Extended to")).to_be_visible()
    page.get_by_text("Release it").click()
    page.get_by_role("button", name="Release spark-small").click()
    expect(page.get_by_role("status")).to_contain_text("Ended")
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
    expect(page.get_by_role("heading", name="Change it")).to_be_hidden()
    assert barriers(page) == []
    seen(page, "receipt")


def test_the_home_page_follows_what_is_mine(page: Page, portal: Portal) -> None:
    page.goto("/")
    booked = portal.terminal.ask("book", "notebook", "--for", "1h", "--title", "Cepheids")["id"]
    mine = page.get_by_role("article", name="Cepheids")
    expect(mine).to_contain_text("Yours until")
    portal.terminal("release", booked)
    expect(mine).to_be_hidden()


def test_the_home_page_follows_though_its_other_scripts_are_late(page: Page, portal: Portal) -> None:
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route(lambda url: "/static/" in url and ".js" in url and "/htmx.js" not in url, hold)
    page.goto("/", wait_until="commit")
    while not page.evaluate("'htmx' in window"):  # asked from outside: its policy lets no page wait for an expression
        page.wait_for_timeout(10)
    page.evaluate("new Promise(done => setTimeout(done))")  # what HTMX put off until its script had run has run
    assert late
    for route in late:
        route.continue_()
    booked = portal.terminal.ask("book", "notebook", "--for", "1h", "--title", "Miras")["id"]
    expect(page.get_by_role("article", name="Miras")).to_be_visible()
    portal.terminal("release", booked)


def test_a_refusal_is_told_in_place_and_its_offers_work(page: Page, portal: Portal) -> None:
    page.goto("/")
    taken = []
    while (said := portal.terminal("book", "spark-medium", "--for", "2h", "--json")).code == 0:
        taken.append(said.json["id"])
    card = page.get_by_role("article", name="spark-medium")
    card.get_by_role("button", name="Start").click()
    expect(card.get_by_role("alert")).to_contain_text("This would fit:")
    assert page.url == f"{portal.url}/"
    assert barriers(page) == []
    seen(page, "refusal")
    card.get_by_role("alert").get_by_role("button").first.click()
    page.wait_for_url("**/bookings/b-*")
    page.get_by_text("Cancel it").click()
    page.get_by_role("button", name="Cancel spark-medium").click()
    expect(page.get_by_text("Cancelled", exact=False).first).to_be_visible()
    for booking in taken:
        portal.terminal("release", booking)


def test_without_scripts_forms_still_book(browser: Browser, portal: Portal) -> None:
    with visiting(browser, portal.url, java_script_enabled=False) as page:
        page.goto("/tokens")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        assert page.url == f"{portal.url}/tokens"
        page.goto("/")
        page.get_by_role("article", name="notebook").get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="notebook", level=1)).to_be_visible()
        page.get_by_text("Release it").click()
        page.get_by_role("button", name="Release notebook").click()
        expect(page.get_by_role("heading", name="notebook", level=1)).to_be_visible()


def test_a_keyboard_is_enough(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    start = page.get_by_role("article", name="notebook").get_by_role("button", name="Start")
    for _ in range(30):
        page.keyboard.press("Tab")
        if start.evaluate("button => button === document.activeElement"):
            break
    expect(start).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("status")).to_contain_text("Yours until")
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Receipt")).to_be_visible()
