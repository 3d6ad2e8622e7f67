"""Letters have the headers that they should have, whatever people write."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.mail.letters import MAX_LINE, Letter, message_of, one_line

AT = datetime(2027, 3, 1, 9, tzinfo=UTC)
HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "Content-Transfer-Encoding",
    "MIME-Version",
}  # fmt: skip


def parsed(subject: str, text: str = "Hello\n"):
    letter = Letter("k1", "ada@example.org", subject, text, AT)
    return message_from_bytes(bytes(message_of(letter, "almanac@example.org")), policy=default)


@given(st.text(max_size=400))
def test_no_subject_adds_a_header_or_a_recipient(subject):
    message = parsed(subject)
    assert set(message.keys()) == HEADERS
    assert str(message["To"]) == "ada@example.org"
    assert "".join(str(message["Subject"]).split()) == "".join(one_line(subject).split())


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\0", "\u202e"])
def test_what_would_end_a_line_is_a_space(end):
    assert one_line(f"Gaia{end}Bcc: mallory@example.org") == "Gaia Bcc: mallory@example.org"
    assert "Bcc" not in parsed(f"Gaia{end}Bcc: mallory@example.org")


def test_a_long_line_is_cut():
    assert len(one_line("x" * 5000)) == MAX_LINE


def test_a_letter_says_what_it_is_and_keeps_its_text():
    message = parsed("Über Gaia", "Zeit: 10:00 bis 12:00, schön\n.\nFrom here on\n")
    assert message.get_content().splitlines() == ["Zeit: 10:00 bis 12:00, schön", ".", "From here on"]
    assert str(message["Message-ID"]) == "<k1@example.org>"
    assert str(message["Auto-Submitted"]) == "auto-generated"
    assert message["Date"].datetime == AT
    assert str(message["From"]) == "Almanac <almanac@example.org>"


@pytest.mark.parametrize("address", ["ada@example.org\r\nBcc: x@example.org", "no address", "a@b, c@d"])
def test_an_address_that_isnt_one_makes_no_letter(address):
    with pytest.raises(ValueError, match=r"."):
        message_of(Letter("k1", address, "Hello", "Hello\n", AT), "almanac@example.org")
