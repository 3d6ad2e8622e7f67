"""What one was told, as a page, and which of it is mailed."""

from __future__ import annotations

import pytest
from tests.integration.portal.visitor import Visitor

from almanac.services.notices import MUTABLE, NoticeKind


@pytest.fixture
def ready(ada):
    made = ada.world.book(title="<i>M31</i>")
    ada.world.until_ready(made.id)
    return made.id


def test_what_became_of_a_booking_is_told_and_read(ada, ready):
    page = ada.see("/notices").text
    assert f"/bookings/{ready}" in page
    assert "<i>M31" not in page
    form = ada.form("/notices", "/notices/read")
    assert ada.send(form).status_code == 303
    assert "I have read them" not in ada.see("/notices").text
    assert ada.world.app.notices.list(ada.world.caller("owner"), unread=True).notices == ()


def test_each_sees_their_own(world, ada, ready):
    assert ready not in Visitor(world).signed_in("member").see("/notices").text


def test_which_are_mailed_is_chosen(ada):
    def muted():
        return ada.world.app.particulars.of(ada.world.caller("owner")).muted

    form = ada.form("/notices", "/notices/mail")
    assert ada.send(form, kinds="ready").status_code == 303
    assert set(muted()) == {kind for kind in MUTABLE if kind is not NoticeKind.READY}
    form.fields.pop("kinds")
    assert ada.send(form).status_code == 303
    assert set(muted()) == set(MUTABLE)
    assert ada.send(form, kinds="gossip").status_code == 422
