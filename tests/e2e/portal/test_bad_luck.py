"""What happens to people in browsers: impatient clicks, the back button, two tabs, a session that ends while they type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.support.browser import PASSWORD, sign_in_by_link, visiting
from tests.support.terminal import SIMULATED, Terminal

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """An Almanac of this module's own: sessions end here, and bookings are counted."""
    terminal = Terminal(Path(tmp_path_factory.mktemp("luck")), SIMULATED)
    try:
        yield terminal
    finally:
        terminal("down", "--release")


@pytest.fixture(scope="module")
def page(browser: Browser, terminal: Terminal) -> Iterator[Page]:
    """The operator's browser."""
    told = terminal.ask("up", "--port", "0")
    with visiting(browser, told["entrance"]) as page:
        sign_in_by_link(page, told["browser_link"])
        yield page


def named(terminal: Terminal, title: str) -> list[str]:
    """The bookings of that name."""
    return [one["id"] for one in terminal.ask("bookings") if one["title"] == title]


def fill_in(page: Page, title: str) -> None:
    """The form that books, for a day from now."""
    page.goto("/calendar")
    page.get_by_role("link", name="Later", exact=True).click()
    page.get_by_role("link", name="Book from 09:00").first.click()
    page.wait_for_url("**/book?*")
    page.get_by_label("Name").fill(title)


def test_an_impatient_double_click_books_once(page: Page, terminal: Terminal) -> None:
    fill_in(page, "Impatient")
    page.get_by_role("button", name="Book", exact=True).dblclick()
    page.wait_for_url("**/bookings/b-*")
    assert len(named(terminal, "Impatient")) == 1


def test_who_goes_back_and_sends_the_form_again_comes_to_the_same_booking(page: Page, terminal: Terminal) -> None:
    fill_in(page, "Back")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")
    made = page.url
    page.go_back()
    page.wait_for_url("**/book?*")
    expect(page.get_by_label("Name")).to_have_value("Back")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")
    assert page.url == made
    assert len(named(terminal, "Back")) == 1
    page.go_back()
    page.wait_for_url("**/book?*")
    page.get_by_label("Name").fill("Another")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")
    assert page.url != made
    assert len(named(terminal, "Another")) == 1


def test_what_another_tab_has_changed_is_told_before_anything_is_done(page: Page) -> None:
    fill_in(page, "Two tabs")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")
    page.get_by_label("End it").wait_for()
    other = page.context.new_page()
    other.route("**/live", lambda route: route.abort())  # this tab has lost its connection
    other.goto(page.url)
    page.get_by_label("End it").select_option(index=0)
    page.get_by_role("button", name="Change the end").click()
    expect(page.get_by_text("Extended to")).to_be_visible()
    other.get_by_label("End it").select_option(index=1)
    other.get_by_role("button", name="Change the end").click()
    expect(other.get_by_text("The page was out of date: it now ends")).to_be_visible()
    other.close()


def test_a_session_that_ends_while_somebody_types_loses_nothing(page: Page, terminal: Terminal) -> None:
    fill_in(page, "Typed for long <b>")
    page.context.clear_cookies(name="almanac_session")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("what you typed is still there")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="You are signed in again")).to_be_visible()
    page.get_by_role("button", name="Send it now").click()
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("heading", level=1)).to_have_text("Typed for long <b>")
    assert len(named(terminal, "Typed for long <b>")) == 1
