"""Times are the person's; the site's are beside them where they differ."""

from __future__ import annotations

import pytest

from almanac.core.choosing import Terms
from almanac.services.catalogue import Catalogue


@pytest.fixture
def in_chile(ada, monkeypatch):
    """Ada lives in Madrid, and the site lies in Chile: three hours behind UTC in March."""
    monkeypatch.setattr(Catalogue, "terms", lambda *_: Terms(zone="America/Santiago"))
    ada.world.http.cookies.set("almanac_zone", "Europe/Madrid")
    return ada


def test_both_clocks_are_told_where_they_differ(in_chile):
    made = in_chile.world.book(hours_ahead=5)
    for path in (f"/bookings/{made.id}", "/"):
        page = in_chile.see(path).text
        assert "today 16:00 to 18:00" in page
        assert "today 12:00 to 14:00 at local (America/Santiago)" in page
    calendar = in_chile.see("/calendar").text
    assert "Times are in Europe/Madrid. At local it is today 07:00 (America/Santiago)." in calendar


def test_one_clock_is_enough_where_they_agree(in_chile):
    made = in_chile.world.book(hours_ahead=5)
    in_chile.world.http.cookies.set("almanac_zone", "America/Sao_Paulo")
    for path in (f"/bookings/{made.id}", "/", "/calendar"):
        assert "Santiago" not in in_chile.see(path).text


def test_what_a_person_has_set_goes_before_what_their_browser_says(in_chile):
    form = in_chile.form("/account", "/account")
    assert in_chile.send(form, zone="Asia/Tokyo").status_code == 303
    made = in_chile.world.book(hours_ahead=5)
    page = in_chile.see(f"/bookings/{made.id}").text
    assert "tomorrow 00:00 to 02:00" in page
    assert "(Asia/Tokyo; 15:00 to 17:00 UTC)" in page
