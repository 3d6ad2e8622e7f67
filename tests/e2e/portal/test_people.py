"""A term, the waiting list and an approval in a real Chromium: each as its people do it, without a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect
from tests.support.browser import NARROW, WIDE, barriers, seen, sign_in_by_link, too_wide, visiting
from tests.support.terminal import SIMULATED, Terminal, serving

pytestmark = pytest.mark.browser

CATALOGUE = """
[profiles.whole]
title = "All of the host"
head = "head-small"
worker = "worker-large"
workers = 3
max_workers = 3
max_seats = 4
approve_above = {seats = 2}
"""


@dataclass
class People:
    """An Almanac whose one host carries one booking at a time, its operator's terminal, and two signed-in browsers."""

    url: str
    terminal: Terminal
    operator: dict[str, Any]
    mia: dict[str, Any]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[People]:
    """An operator, and mia, who leads nothing."""
    home = tmp_path_factory.mktemp("people")
    (home / "profiles.toml").write_text(CATALOGUE)
    with serving(home, {**SIMULATED, "ALMANAC_CATALOGUE": str(home / "profiles.toml")}) as terminal:
        url = terminal.ask("up")["entrance"]
        terminal("admin", "people", "add", "mia")
        terminal("admin", "members", "add", "default", "mia")
        yield People(url, terminal, session(browser, url, terminal, "admin"), session(browser, url, terminal, "mia"))


def session(browser: Browser, url: str, terminal: Terminal, person: str) -> dict[str, Any]:
    """A person's session, begun by the link of an invitation."""
    token = terminal.ask("admin", "invite", person)["one_time_token"]
    with visiting(browser, url) as page:
        sign_in_by_link(page, f"{url}/sign-in/link#{token}")
        return page.context.storage_state()


@pytest.fixture
def page(browser: Browser, people: People) -> Iterator[Page]:
    """A page of mia's."""
    with visiting(browser, people.url, storage_state=people.mia) as page:
        yield page


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


def whole_day(people: People, day: int) -> str:
    """Book the host for all of a day's office hours."""
    return people.terminal.ask("book", "whole", "--at", f"{in_days(day)} 05:00", "--for", "12h")["id"]


def filled(page: Page, day: int) -> None:
    """The form, for ten o'clock of a day."""
    page.goto("/book?profile=whole")
    page.get_by_label("From", exact=True).fill(f"{in_days(day)}T10:00")


def send(page: Page) -> None:
    page.get_by_role("button", name="Book", exact=True).click()


def right(page: Page, name: str) -> None:
    """Nobody is kept out of the page, wide or narrow."""
    seen(page, name)
    assert barriers(page) == []
    page.set_viewport_size(ViewportSize(**NARROW))
    assert too_wide(page) <= 0
    seen(page, f"{name}-narrow")
    page.set_viewport_size(ViewportSize(**WIDE))


def test_a_term_is_planned_booked_moved_and_called_off(page: Page, people: People) -> None:
    whole_day(people, 3)
    filled(page, 2)
    page.get_by_label("Repeat", exact=True).select_option("daily")
    page.get_by_label("Or so many times").fill("3")
    page.get_by_label("Name").fill("Galaxies II")
    page.get_by_label("Name").blur()
    expect(page.get_by_role("status")).to_contain_text("2 of 3 fit; alternatives for 1.")
    right(page, "book-series")
    send(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Galaxies II, daily 3 times at 10:00")
    expect(page.get_by_role("status")).to_contain_text("Nothing is booked yet.")
    right(page, "series-dates")
    page.get_by_label("Instead").select_option(index=1)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_role("status")).to_contain_text("3 of 3 fit.")
    page.get_by_role("button", name="Book these dates").click()
    page.wait_for_url("**/series/s-*")
    expect(page.get_by_text("Booked", exact=True)).to_have_count(3)
    right(page, "series")
    page.get_by_role("link", name=f"Change {in_days(4)}").click()
    page.get_by_label("From", exact=True).fill(f"{in_days(4)}T14:00")
    right(page, "series-date")
    page.get_by_role("button", name="Change", exact=True).click()
    page.wait_for_url("**/series/s-*")
    expect(page.get_by_role("row", name=in_days(4))).to_contain_text("14:00")
    page.get_by_role("link", name=f"Change {in_days(2)}").click()
    page.get_by_text("Call it off").click()
    page.get_by_role("group", name="Which dates").last.get_by_label("all dates to come").check()
    page.get_by_role("button", name="Call off").click()
    expect(page.get_by_text("Left out", exact=True)).to_have_count(3)


def test_what_is_full_is_waited_for_and_taken_when_it_comes_free(page: Page, people: People) -> None:
    blocking = whole_day(people, 10)
    filled(page, 10)
    page.get_by_label("Name").fill("Cepheids")
    send(page)
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("This would fit:")
    right(page, "refusal-wait")
    refusal.get_by_label("Or wait for room").select_option("0")
    refusal.get_by_role("button", name="Wait for it").click()
    page.wait_for_url("**/waiting")
    expect(page.get_by_role("row", name="Cepheids")).to_contain_text("number 1")
    right(page, "waiting")
    people.terminal("cancel", blocking)
    take = page.get_by_role("button", name="Take it")  # nobody loads the page again
    expect(take).to_be_visible()
    expect(page.get_by_text("Held for you until")).to_be_visible()
    right(page, "waiting-held")
    take.click()
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("status")).to_contain_text("It will be ready")


def test_what_is_above_the_limits_is_decided_and_its_asker_sees_the_answer(
    page: Page, people: People, browser: Browser
) -> None:
    filled(page, 20)
    page.get_by_label("Seats", exact=True).fill("3")
    page.get_by_label("Name").fill("A large class")
    page.get_by_label("Name").blur()
    expect(page.get_by_role("status")).to_contain_text("It needs an approval: 3 seats (more than 2).")
    send(page)
    page.wait_for_url("**/bookings/b-*")
    expect(page.get_by_role("status")).to_contain_text("Waits for an approval")
    with visiting(browser, people.url, storage_state=people.operator) as theirs:
        theirs.goto("/")
        theirs.get_by_role("link", name="Approvals 1 waiting for you").click()
        asked = theirs.get_by_role("article", name="A large class of mia")
        expect(asked).to_contain_text("Why it waits: 3 seats (more than 2).")
        right(theirs, "approvals")
        asked.get_by_text("Decline").first.click()
        asked.get_by_label("Why, for mia").fill("Not that day")
        asked.get_by_role("button", name="Decline A large class of mia").click()
        expect(theirs.get_by_text("Nothing waits for your decision.")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Cancelled")
    page.reload()
    expect(page.get_by_text("Needed for 3 seats (more than 2). Declined by admin: Not that day.")).to_be_visible()
