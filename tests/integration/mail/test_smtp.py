"""Handing letters to a real mail server, in its good and bad hours."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.certificates import self_signed
from tests.support.mailbox import PASSWORD, Mailbox, mailbox
from tests.support.ports import free_port

from almanac.mail.letters import Letter
from almanac.mail.smtp import Deferred, Down, MailServer, Refused, Security

LETTER = Letter("k1", "ada@example.org", "Ready", "It is ready.\n.\n", datetime(2027, 3, 1, tzinfo=UTC))
PLAIN = MailServer("127.0.0.1", 0, "almanac@example.org", Security.NONE, timeout=timedelta(seconds=5))


def at(box: Mailbox) -> MailServer:
    return replace(PLAIN, port=box.port)


def test_a_letter_arrives_as_it_was_written():
    with mailbox() as box:
        at(box).send(LETTER)
    (letter,) = box.letters
    assert (letter["Subject"], letter["To"]) == ("Ready", "ada@example.org")
    assert letter.get_content().splitlines() == ["It is ready.", "."]


def test_over_starttls_with_a_password(tmp_path: Path):
    certificate, key = self_signed(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with mailbox(tls=context, user="almanac") as box:
        safe = replace(at(box), host="localhost", security=Security.STARTTLS, ca_file=certificate, user="almanac")
        replace(safe, password=PASSWORD).send(LETTER)
        with pytest.raises(Down, match="doesn't accept the user and the password"):
            replace(safe, password="wrong").send(LETTER)
        with pytest.raises(Down, match="certificate"):
            replace(safe, ca_file=None, password=PASSWORD).send(LETTER)
    assert len(box.came) == 1


def test_no_letter_goes_over_an_open_line_that_should_be_closed():
    with mailbox() as box, pytest.raises(Down, match="STARTTLS"):
        replace(at(box), security=Security.STARTTLS).send(LETTER)
    assert box.came == []


@pytest.mark.parametrize(
    ("answer", "error"), [("550 no such person", Refused), ("451 come back later", Deferred), ("421 busy", Deferred)]
)
def test_what_a_server_says_of_a_recipient_concerns_this_letter_only(answer, error):
    with mailbox(kept=Mailbox(answers={"ada@example.org": answer})) as box:
        with pytest.raises(error, match=f"the address was refused .answer {answer[:3]}"):
            at(box).send(LETTER)
        at(box).send(replace(LETTER, to="grace@example.org"))
    assert len(box.came) == 1


@pytest.mark.parametrize(("answer", "error"), [("554 spam", Refused), ("452 disk full", Deferred)])
def test_what_a_server_says_of_a_letter_concerns_this_letter_only(answer, error):
    with mailbox(kept=Mailbox(after_data=answer)) as box, pytest.raises(error, match="the letter was refused"):
        at(box).send(LETTER)


def test_a_server_that_isnt_there():
    with pytest.raises(Down, match="nothing listens there"):
        replace(PLAIN, port=free_port()).send(LETTER)


def test_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(Down, match="didn't answer in time"):
        replace(PLAIN, port=silent.getsockname()[1], timeout=timedelta(seconds=0.2)).send(LETTER)


def test_a_name_that_nobody_knows():
    with pytest.raises(Down, match="can't be reached"):
        replace(PLAIN, host="nowhere.invalid", port=25).send(LETTER)


def test_an_address_that_cant_be_written_is_refused_before_anybody_is_asked():
    with pytest.raises(Refused, match="can't be written"):
        PLAIN.send(replace(LETTER, to="ada@example.org\nBcc: x@example.org"))


def test_the_password_isnt_shown():
    assert "hush" not in repr(replace(PLAIN, password="hush"))
