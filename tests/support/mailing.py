"""Almanac with a real mail server, for tests of what people are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography.fernet import Fernet
from tests.support.rig import ADA, LENA, T0, Rig

from almanac.factory import Almanac, with_mail
from almanac.mail.smtp import MailServer, Security
from almanac.services.caller import Caller
from almanac.services.requests import BookingRequest
from almanac.services.vault import Vault
from almanac.storage.rows import ParticularsRow, PersonRow

HOUR = timedelta(hours=1)
VAULT = Vault(Fernet.generate_key())


def with_addresses(rig: Rig) -> None:
    """ADA's address is confirmed; LENA leads gaia and has none."""
    with rig.app.database.write() as unit:
        unit.sign_in.set_particulars(ParticularsRow("ada", email="ada@example.org", email_confirmed=True))
        unit.people.add_person(PersonRow("lena", T0))
        unit.people.set_member("gaia", "lena", "lead")


def mailing(app: Almanac, port: int) -> Almanac:
    """The same, with the mail server at a port of this machine."""
    server = MailServer("127.0.0.1", port, "almanac@example.org", Security.NONE, timeout=timedelta(seconds=5))
    return with_mail(replace(app, public_url="https://almanac.example.org"), VAULT, server)


def book(app: Almanac, ahead: timedelta = timedelta(0), title: str = "", **more: object) -> str:
    """An hour of ADA's."""
    start = app.clock() + ahead if ahead else None
    request = BookingRequest("spark", HOUR, start, title=title, **more)
    return app.bookings.book(ADA, request, app.clock()).id


def told(app: Almanac, person: Caller = ADA) -> list[tuple[str, str]]:
    """What somebody was told, the newest first."""
    return [(each.kind, each.subject) for each in app.notices.list(person).notices]


def called_off(app: Almanac, title: str = "Cepheids") -> str:
    """A notice to ADA: a lead called her booking off."""
    booking = book(app, 5 * HOUR, title)
    app.bookings.cancel(LENA, booking, app.clock())
    return booking
