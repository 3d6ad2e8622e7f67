"""Letters as messages (RFC 5322). Whatever people write in titles and comments, a letter has the headers it should have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

MAX_LINE = 300
"""Characters of what people wrote that a line of a letter takes."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter to one person.

    Attributes:
        key: names it, letters and digits; a letter that is sent again has the same, so that mailboxes can tell.
        to: an e-mail address.
        at: what its date says.
        text: plain text; lines end with a newline.
    """

    key: str
    to: str
    subject: str
    text: str
    at: datetime


def one_line(text: str) -> str:
    """Text as it may stand in a header or a line: without line ends, controls and what turns writing around."""
    visible = "".join(character if character.isprintable() else " " for character in text)
    short = " ".join(visible.split())
    return short if len(short) <= MAX_LINE else f"{short[: MAX_LINE - 1]}…"


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """The message, from a sender's address.

    Raises:
        ValueError: an address can't stand in a header.
    """
    message = EmailMessage(policy=SMTP)
    domain = sender.rpartition("@")[2]
    message["From"] = Address("Almanac", addr_spec=sender)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{letter.key}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday notices don't answer it
    message.set_content(letter.text)
    return message
