"""The page to which the link in a mail leads."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet
from tests.integration.portal.visitor import Visitor

from almanac.factory import with_mail
from almanac.mail.smtp import MailServer, Security
from almanac.services.vault import Vault


@pytest.fixture
def told(ada: Visitor) -> Visitor:
    """Somebody who has told an address, at an Almanac that sends mail."""
    server = MailServer("127.0.0.1", 9, "almanac@example.org", Security.NONE)
    ada.world.app = ada.world.http.app.state.almanac = with_mail(ada.world.app, Vault(Fernet.generate_key()), server)
    ada.world.app.particulars.change(ada.world.caller("owner"), email="ada@example.org")
    return ada


def link(told: Visitor) -> str:
    token = told.world.app.addresses.token("ada", "ada@example.org", told.world.clock())
    return f"/confirm-email?token={quote(token)}"


def confirmed(told: Visitor) -> bool:
    return told.world.app.particulars.of(told.world.caller("owner")).email_confirmed


def test_opening_the_link_asks_and_a_click_confirms(told):
    page = told.see(link(told))
    assert "Is <strong>ada@example.org</strong> your address?" in page.text
    assert not confirmed(told)
    form = told.form(link(told), "/confirm-email")
    assert told.send(form).headers["location"] == "/confirm-email"
    assert confirmed(told)
    assert "is confirmed" in told.see("/confirm-email").text


def test_who_isnt_signed_in_comes_back_to_the_link(told):
    told.world.http.cookies.clear()
    answer = told.see(link(told))
    assert answer.status_code == 303
    assert "confirm-email%3Ftoken%3D" in answer.headers["location"]


def test_a_link_that_isnt_good_is_said_and_a_new_one_offered(told):
    form = told.form("/confirm-email?token=nonsense", "/confirm-email")
    answer = told.send(form)
    assert answer.status_code == 422
    assert "That link is not one of ours." in answer.text
    assert "Mail me a link" in answer.text


def test_a_link_can_be_asked_for(told):
    answer = told.send(told.form("/confirm-email", "/confirm-email"))
    assert "A link is on its way to <strong>ada@example.org</strong>" in answer.text
    with told.world.app.database.read() as unit:
        assert unit.notices.outbox().waiting == 1


def test_without_an_address_the_page_says_where_to_tell_it(ada):
    assert "You have told no e-mail address." in ada.see("/confirm-email").text
    assert 'href="/confirm-email"' in ada.see("/account").text


def test_without_a_mail_server_that_is_said(ada):
    ada.world.app.particulars.change(ada.world.caller("owner"), email="ada@example.org")
    answer = ada.send(ada.form("/confirm-email", "/confirm-email"))
    assert answer.status_code == 409
    assert "This Almanac sends no mail." in answer.text
