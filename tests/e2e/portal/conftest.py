from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.support.browser import chromium, sign_in_by_link, visiting
from tests.support.terminal import SIMULATED, Terminal


@dataclass
class Portal:
    """A running Almanac, the operator's terminal on it, and the operator's session as a browser keeps it."""

    url: str
    terminal: Terminal
    link: str
    session: dict[str, Any]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Portal]:
    """A fresh Almanac on a simulated site, whose operator has signed in by the link that it printed."""
    terminal = Terminal(Path(tmp_path_factory.mktemp("portal")), SIMULATED)
    try:
        told = terminal.ask("up", "--port", "0")
        with visiting(browser, told["entrance"]) as page:
            sign_in_by_link(page, told["browser_link"])
            session = page.context.storage_state()
        yield Portal(told["entrance"], terminal, told["browser_link"], session)
    finally:
        terminal("down", "--release")


@pytest.fixture
def page(browser: Browser, portal: Portal) -> Iterator[Page]:
    """A page of the operator's, signed in."""
    with visiting(browser, portal.url, storage_state=portal.session) as page:
        yield page
