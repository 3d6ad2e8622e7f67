"""The calendar in a real Chromium: chosen by dragging, and by keyboard alone; quick with a thousand bookings."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from tests.support.browser import seen

pytestmark = pytest.mark.browser

NEXT_WEEK = "Later"


def test_a_window_is_dragged_and_booked(page: Page) -> None:
    page.goto("/calendar")
    page.get_by_role("link", name=NEXT_WEEK, exact=True).click()
    page.wait_for_url("**day=*")
    seen(page, "calendar-next-week")
    area = page.locator("#calendar .ec-day").nth(2).bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] / 2, page.locator("#calendar").bounding_box()["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 40, steps=4)
    page.mouse.move(x, y + 96, steps=4)
    page.mouse.up()
    page.wait_for_url("**/book?*")
    expect(page.get_by_role("status")).to_contain_text("This fits at")
    seen(page, "book-dragged")
    page.get_by_role("button", name="Book", exact=True).click()
    page.wait_for_url("**/bookings/b-*")
    booked = page.url.rpartition("/")[2]
    page.goto(f"/calendar?day={next_week(page)}")
    expect(page.locator("#calendar .ec-event.mine").first).to_be_visible()
    page.goto(f"/bookings/{booked}")
    expect(page.get_by_role("heading", name="notebook", level=1)).to_be_visible()


def test_the_keyboard_books_without_the_drawing(page: Page) -> None:
    page.goto("/calendar")
    page.get_by_role("link", name=NEXT_WEEK, exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**day=*")
    page.get_by_role("link", name=re.compile("^Book from 09:00")).first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/book?*")
    page.get_by_role("button", name="Book", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("heading", name="notebook", level=1)).to_be_visible()


def next_week(page: Page) -> str:
    """The day by which the next week is asked for."""
    page.goto("/calendar")
    address = page.get_by_role("link", name=NEXT_WEEK, exact=True).get_attribute("href") or ""
    return address.rpartition("day=")[2]
