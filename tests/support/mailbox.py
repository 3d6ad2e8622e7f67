"""A real SMTP server on loopback, and what came to it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.support.ports import free_port

PASSWORD = "violet cepheids pulsate"


@dataclass
class Mailbox:
    """What came, and how the server is to behave.

    Attributes:
        answers: recipient -> what the server says to them instead of taking mail for them.
        after_data: what it says to a letter instead of taking it.
        came: raw letters, in the order of their coming.
    """

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    after_data: str = ""
    came: list[bytes] = field(default_factory=list)

    @property
    def letters(self) -> list[EmailMessage]:
        """What came, parsed."""
        return [message_from_bytes(raw, policy=default) for raw in self.came]

    def subjects(self) -> list[str]:
        return [str(letter["Subject"]) for letter in self.letters]

    # aiosmtpd's hooks:

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.after_data:
            return self.after_data
        self.came.append(envelope.content)
        return "250 taken"


@contextmanager
def mailbox(
    tls: ssl.SSLContext | None = None, user: str = "", kept: Mailbox | None = None, port: int = 0
) -> Iterator[Mailbox]:
    """A running server.

    Args:
        tls: it offers STARTTLS, and wants it.
        user: who has to sign in, with ``PASSWORD``.
        kept: a mailbox from before.
        port: where; 0: anywhere.
    """
    box = kept or Mailbox()
    box.port = port or free_port()

    def allowed(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, said: object) -> AuthResult:
        right = isinstance(said, LoginPassword) and said == LoginPassword(user.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=right)

    wants = {"auth_required": True, "authenticator": allowed} if user else {}
    more = {"tls_context": tls, "require_starttls": True} if tls else {}
    controller = Controller(box, "127.0.0.1", box.port, **wants, **more)
    controller.start()
    try:
        yield box
    finally:
        controller.stop(no_assert=True)
