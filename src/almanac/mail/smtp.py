"""The mail server: one letter at a time, over a connection that is encrypted or goes to this machine."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from almanac.mail.letters import Letter, message_of

_FOR_GOOD = 500
"""SMTP's answers from here on are final, those below pass (RFC 5321, 4.2.1)."""


class Security(StrEnum):
    """How the connection is protected. NONE: not at all."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class Unsent(Exception):
    """A letter isn't with the mail server. ``str()`` says why, without names of machines."""


class Refused(Unsent):
    """The server won't take this letter, now or later: others it may."""


class Deferred(Unsent):
    """The server doesn't take this letter now: it may later, and others it may now."""


class Down(Unsent):
    """The server takes no letter at all now."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server that takes mail from Almanac.

    Attributes:
        sender: whom letters are from: an e-mail address.
        user: empty: it wants no password.
        timeout: how long it may take to answer each time.
        ca_file: certificates that are trusted instead of the machine's.
    """

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: timedelta = timedelta(seconds=20)
    ca_file: Path | None = None

    def send(self, letter: Letter) -> None:
        """Hand a letter over. When this returns, the server has it.

        Raises:
            Refused: the server won't take it, ever.
            Deferred: not now.
            Down: the server takes none now.
        """
        try:
            message = message_of(letter, self.sender)
        except (ValueError, UnicodeError):
            raise Refused("its address can't be written in a letter") from None
        with self._connected() as server:
            try:
                server.send_message(message)
            except smtplib.SMTPRecipientsRefused as refused:
                code = max(code for code, _ in refused.recipients.values())
                raise _of_letter("the address", code) from None
            except smtplib.SMTPSenderRefused as refused:
                raise Down(f"it takes none from our address (answer {refused.smtp_code})") from None
            except smtplib.SMTPDataError as refused:
                raise _of_letter("the letter", refused.smtp_code) from None
            except smtplib.SMTPNotSupportedError:
                raise Refused("the server can't write to such an address") from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        try:
            server = self._connect()
            try:
                self._prepare(server)
                yield server
            finally:
                # What the server says to a goodbye doesn't take back that it took the letter.
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
        except smtplib.SMTPAuthenticationError:
            raise Down("it doesn't accept the user and the password") from None
        except smtplib.SMTPNotSupportedError:
            raise Down("it doesn't offer what the settings ask for (STARTTLS, a password)") from None
        except smtplib.SMTPResponseException as answer:
            raise Down(f"it answers {answer.smtp_code}") from None
        except ssl.SSLError as trouble:
            raise Down(f"its certificate or encryption isn't right ({trouble.reason or 'TLS failed'})") from None
        except (OSError, smtplib.SMTPException) as trouble:
            raise Down(_silence(trouble)) from None

    def _connect(self) -> smtplib.SMTP:
        timeout_s = self.timeout.total_seconds()
        if self.security is Security.TLS:
            return smtplib.SMTP_SSL(self.host, self.port, timeout=timeout_s, context=self._context())
        return smtplib.SMTP(self.host, self.port, timeout=timeout_s)

    def _prepare(self, server: smtplib.SMTP) -> None:
        if self.security is Security.STARTTLS:
            server.starttls(context=self._context())
        if self.user:
            server.login(self.user, self.password)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)


def _of_letter(what: str, code: int) -> Unsent:
    words = f"{what} was refused (answer {code})"
    return Refused(words) if code >= _FOR_GOOD else Deferred(words)


def _silence(trouble: Exception) -> str:
    if isinstance(trouble, TimeoutError):
        return "it doesn't answer in time"
    if isinstance(trouble, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(trouble, smtplib.SMTPServerDisconnected):
        return "it hung up, or didn't answer in time"
    return "it can't be reached"
