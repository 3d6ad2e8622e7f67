"""Notices and mail as people use them: a real server process, a real mail server, the simulated site."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from tests.support.mailbox import Mailbox, mailbox
from tests.support.terminal import SIMULATED, Terminal, serving


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def almanac(tmp_path, box: Mailbox) -> Iterator[Terminal]:
    """The operator's terminal on a server that sends mail."""
    mail = {"HOST": "127.0.0.1", "PORT": str(box.port), "SENDER": "almanac@example.org", "SECURITY": "none"}
    with serving(tmp_path, SIMULATED | {f"ALMANAC_MAIL__{name}": value for name, value in mail.items()}) as terminal:
        yield terminal


def until(true: Callable[[], object]) -> None:
    """Wait until something is so; the test's own time limit ends what never is."""
    while not true():
        time.sleep(0.1)


def test_an_address_is_confirmed_and_then_ready_is_mailed_and_a_silent_server_is_said(almanac, box):
    assert "nowhere" in almanac("notices", "mail").out
    assert almanac("notices", "address").code == 1
    assert "on its way to ada@example.org" in almanac("notices", "address", "ada@example.org").out
    until(lambda: box.came)
    mailed = box.letters[0].get_content()
    assert almanac("notices", "confirm", typed="nonsense").code == 2
    assert "is confirmed" in almanac("notices", "confirm", typed=mailed.splitlines()[-1]).out
    assert "ada@example.org (confirmed)" in almanac("notices", "address").out

    booked = almanac.ask("book", "spark-small", "--for", "1h", "--wait")
    until(lambda: len(box.came) == 2)
    assert box.subjects()[1] == f"spark-small ({booked['id']}) is ready"
    assert "Mail" not in almanac("status").out
    assert f"({booked['id']}) is ready" in almanac("notices", "list", "--unread").out
    assert almanac("notices", "read").code == 0
    assert almanac.ask("notices", "list")["unread"] == 0

    assert "ready" in almanac("notices", "mail", "--without", "ready").out
    assert almanac("notices", "mail", "--without", "everything").code == 2
    assert almanac.ask("notices", "mail", "--all")["muted"] == []


def test_a_mail_server_that_is_down_is_said_and_nothing_is_lost(almanac, box):
    almanac("notices", "address", "ada@example.org")
    until(lambda: box.came)
    almanac("notices", "confirm", typed=box.letters[0].get_content().splitlines()[-1])
    box.after_data = "421 out of order"
    almanac.ask("book", "spark-small", "--for", "1h", "--wait")
    until(lambda: almanac.ask("status")["server"]["mail"]["trouble"])
    assert "the letter was refused (answer 421)" in almanac("status").out
    assert "Waiting: 1; nothing is lost" in almanac("status").out
