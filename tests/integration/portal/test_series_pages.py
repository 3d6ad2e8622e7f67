"""Series in the portal: a verdict on each date before anything is booked, and dates changed alone or with others."""

from __future__ import annotations

from datetime import date, timedelta
from html import unescape

import pytest
from tests.integration.portal.visitor import SeenForm, Visitor, forms

from almanac.core.errors import NoCapacity

TUESDAYS = {"profile": "spark-small", "start": "2027-03-02T10:00", "lasts_s": "3600", "title": "Galaxies II"}
WEEKLY = {"repeat": "weekly", "times": "3"}
DATES = ["2027-03-02", "2027-03-09", "2027-03-16"]
LARGE = "spark-large"


@pytest.fixture
def full(ada) -> list[str]:
    """Bookings of ada's that leave no room for another large one on the 9th."""
    taken = []
    while True:
        try:
            taken.append(ada.world.book(profile=LARGE, hours_ahead=8 * 24).id)
        except NoCapacity:
            return taken


def planned(ada: Visitor, **typed: str) -> SeenForm:
    """The form with each date of a series."""
    page = asked(ada, **typed).text
    return next(one for one in forms(page) if one.action == "/book/series")


def asked(ada: Visitor, **typed: str):
    return ada.send(ada.form("/book", "/book"), **(TUESDAYS | WEEKLY | typed))


def made(ada: Visitor, **typed: str) -> str:
    """The page of a series."""
    return ada.send(planned(ada, **typed)).headers["location"]


def series_of(ada: Visitor, page: str):
    caller, now = ada.world.caller("owner"), ada.world.clock()
    return ada.world.app.series.get(caller, page.rpartition("/")[2], now)


def starts(ada: Visitor, page: str) -> list[str]:
    return [f"{each.start:%m-%dT%H:%M}" for each in series_of(ada, page).occurrences]


def states(ada: Visitor, page: str) -> list[str]:
    return [each.state for each in series_of(ada, page).occurrences]


def editing(ada: Visitor, page: str, day: str = DATES[1]) -> SeenForm:
    return ada.form(f"{page}/{day}", f"{page}/{day}/edit")


# --- making --------------------------------------------------------------------------------------------------------------


def test_each_date_has_its_verdict_before_anything_is_booked(ada):
    page = asked(ada).text
    assert "3 of 3 fit." in page
    assert "Nothing is booked yet." in page
    assert "weekly 3 times at 10:00 (UTC)" in page
    assert "They cost 9 node-hours of gaia." in page
    assert planned(ada).fields["dates"] == DATES
    assert "There is none yet." in ada.see("/series").text


def test_the_series_is_booked_once_and_has_its_pages(ada):
    form = planned(ada)
    page, again = (ada.send(form).headers["location"] for _ in range(2))
    assert page == again
    assert states(ada, page) == ["booked"] * 3
    assert "Galaxies II" in ada.see("/series").text
    assert "3 to come, the next tomorrow 10:00" in ada.see("/series").text
    booking = series_of(ada, page).occurrences[0].booking
    assert f'href="{page}"' in ada.see(f"/bookings/{booking}").text
    assert 'href="/series"' in ada.see("/bookings").text


def test_a_form_of_dates_that_does_not_repeat_is_refused(ada):
    answer = ada.send(planned(ada), repeat="")
    assert answer.status_code == 422
    assert "said how it repeats" in answer.text


def test_dates_without_a_tick_are_left_out_and_can_be_looked_at_again(ada):
    form = planned(ada)
    looked = ada.send(SeenForm("/book", form.fields), dates=[DATES[0], DATES[2]])
    assert "2 of 2 fit." in looked.text
    assert "left out" in looked.text
    form = next(one for one in forms(looked.text) if one.action == "/book/series")
    assert form.fields["dates"] == [DATES[0], DATES[2]]
    page = ada.send(form).headers["location"]
    assert states(ada, page) == ["booked", "left_out", "booked"]


def test_what_does_not_fit_is_told_with_what_would_and_the_rest_is_booked(ada, full):
    answer = asked(ada, profile=LARGE, lasts_s="7200")
    assert "2 of 3 fit; alternatives for 1." in answer.text
    assert "doesn't fit" in answer.text
    form = planned(ada, profile=LARGE, lasts_s="7200")
    assert form.fields["instead"] == ""
    page = ada.send(form).headers["location"]
    assert states(ada, page) == ["booked", "refused", "booked"]
    assert "Didn&#39;t fit" in ada.see(page).text or "Didn't fit" in ada.see(page).text


def test_an_alternative_is_chosen_looked_at_and_booked(ada, full):
    text = asked(ada, profile=LARGE, lasts_s="7200").text
    option = text.partition('<option value="2027-03-09 ')[2].partition('"')[0]
    form = next(one for one in forms(text) if one.action == "/book/series")
    looked = ada.send(SeenForm("/book", form.fields), instead=f"2027-03-09 {option}")
    assert "3 of 3 fit." in looked.text
    form = next(one for one in forms(looked.text) if one.action == "/book/series")
    assert form.fields["instead"] == f"2027-03-09 {option}"
    page = ada.send(form).headers["location"]
    assert states(ada, page) == ["booked"] * 3
    assert starts(ada, page)[1] == option.partition(" ")[0][5:16]


def test_when_nothing_fits_something_that_works_is_offered(ada, full):
    answer = asked(ada, profile=LARGE, lasts_s="7200", start="2027-03-09T10:00", repeat="daily", times="1")
    assert answer.status_code == 409
    assert "None of these dates would be booked." in answer.text
    form = next(one for one in forms(answer.text) if one.action == "/book/series")
    assert ada.send(form).status_code == 409
    instead = next(one for one in forms(answer.text) if one.action == "/book")
    assert ada.send(instead).status_code == 303


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"times": ""}, "A series ends somewhere."),
        ({"until": "2027-06-01"}, "A series ends somewhere."),
        ({"times": "", "until": "soon"}, "is not a date"),
        ({"times": "", "until": "2027-01-01"}, "This series has no date."),
        ({"times": "9999"}, "more than 200 dates"),
        ({"start": "soon"}, "is not a time"),
        ({"profile": "spark-nothing"}, "spark-nothing"),
        ({"chosen": "true"}, "No date is chosen."),
        ({"instead": "2027-02-29 2027-03-09T10:00 1"}, "What was chosen instead is no time."),
        ({"instead": "2027-03-03 2027-03-09T10:00 1"}, "is no date of this series"),
    ],
)
def test_what_is_wrong_with_all_of_it_is_said_and_stays_typed(ada, typed, says):
    answer = asked(ada, **typed)
    assert 400 <= answer.status_code < 500
    assert says in unescape(answer.text)
    kept = next(one for one in reversed(forms(answer.text)) if one.action == "/book")
    assert (kept.fields["title"], kept.fields["repeat"]) == ("Galaxies II", "weekly")
    assert ada.send(kept, **(TUESDAYS | WEEKLY | {"until": ""})).status_code == 200


def test_the_form_says_what_a_series_would_come_to_before_it_is_sent(ada, full):
    query = "&".join(f"{name}={value}" for name, value in (TUESDAYS | WEEKLY | {"days": "1"}).items())
    told = ada.see(f"/book/verdict?{query}").text
    assert "2 of 3 fit; alternatives for 1." in told
    assert "They cost 6 node-hours of gaia. That project has no limit at local." in told
    assert "A series ends somewhere." in ada.see(f"/book/verdict?{query}&until=2027-06-01").text


def test_ten_stays_ten_in_ones_own_zone_and_a_skipped_time_is_told(ada):
    ada.world.http.cookies.set("almanac_zone", "Europe/Madrid")
    page = made(ada, start="2027-03-21T10:00")
    assert starts(ada, page) == ["03-21T09:00", "03-28T08:00", "04-04T08:00"]
    assert "doesn't exist on Sun 28 Mar 2027" in unescape(asked(ada, start="2027-03-21T02:30").text)


# --- changing ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "moved"),
    [
        ("one", ["03-02T10:00", "03-10T14:00", "03-16T10:00"]),
        ("following", ["03-02T10:00", "03-10T14:00", "03-17T14:00"]),
        ("all", ["03-03T14:00", "03-10T14:00", "03-17T14:00"]),
    ],
)
def test_one_this_and_the_following_or_all_are_moved_once(ada, scope, moved):
    page = made(ada)
    form = editing(ada, page)
    assert [ada.send(form, start="2027-03-10T14:00", scope=scope).status_code for _ in range(2)] == [303, 303]
    assert starts(ada, page) == moved


def test_it_is_looked_at_before_it_is_changed(ada):
    page = made(ada)
    form = editing(ada, page)
    looked = ada.send(form, start="2027-03-09T14:00", scope="all", plan="true")
    assert looked.status_code == 200
    assert "3 of 3 fit." in looked.text
    assert "Nothing is changed yet." in looked.text
    assert starts(ada, page) == ["03-02T10:00", "03-09T10:00", "03-16T10:00"]
    kept = next(one for one in forms(looked.text) if one.action == form.action)
    assert (kept.fields["start"], kept.fields["scope"]) == ("2027-03-09T14:00", "all")


def test_only_what_was_changed_is_changed(ada):
    page = made(ada)
    ada.send(editing(ada, page), start="2027-03-10T14:00")
    ada.send(editing(ada, page, DATES[0]), lasts_s="7200", scope="all", title="Galaxies III")
    found = series_of(ada, page)
    assert starts(ada, page) == ["03-02T10:00", "03-10T14:00", "03-16T10:00"]
    assert {each.end - each.start for each in found.occurrences} == {timedelta(hours=2)}
    assert found.title == "Galaxies III"


def test_a_form_that_is_out_of_date_is_refused_and_shows_how_it_is(ada):
    page = made(ada)
    form = editing(ada, page)
    ada.send(form, start="2027-03-10T14:00")
    answer = ada.send(form, lasts_s="7200")
    assert answer.status_code == 409
    assert "The page was out of date: that date is now" in answer.text
    fresh = next(one for one in forms(answer.text) if one.action == form.action)
    assert fresh.fields["start"] == "2027-03-10T14:00"
    assert ada.send(fresh, lasts_s="7200").status_code == 303


def test_a_date_that_does_not_fit_as_wanted_stays_and_offers_what_would(ada, full):
    page = made(ada, profile=LARGE, lasts_s="7200", start="2027-03-01T12:00")
    form = editing(ada, page, "2027-03-08")
    answer = ada.send(form, start="2027-03-09T10:00")
    assert answer.status_code == 409
    assert starts(ada, page)[1] == "03-08T12:00"
    other = [one for one in forms(answer.text) if one.action == form.action and one.fields.get("scope") == "one"]
    assert ada.send(other[0]).status_code == 303
    assert starts(ada, page)[1] != "03-08T12:00"


def test_what_of_several_does_not_fit_is_told_with_what_would(ada, full):
    page = made(ada, profile=LARGE, lasts_s="7200", start="2027-03-01T12:00")
    answer = ada.send(editing(ada, page, "2027-03-08"), start="2027-03-09T10:00", scope="following")
    assert answer.status_code == 200
    assert "1 of 2 fits; alternatives for 1." in answer.text
    assert "are as they were" in answer.text
    assert starts(ada, page) == ["03-01T12:00", "03-08T12:00", "03-16T10:00"]
    other = next(one for one in forms(answer.text) if one.action.endswith("2027-03-08/edit"))
    assert ada.send(other).status_code == 303


def test_a_refused_date_is_tried_again(ada, full):
    page = made(ada, profile=LARGE, lasts_s="7200")
    again = ada.form(page, f"{page}/{DATES[1]}/edit")
    assert ada.send(again).status_code == 409
    ada.world.app.bookings.cancel(ada.world.caller("owner"), full[0], ada.world.clock())
    assert ada.send(again).status_code == 303
    assert states(ada, page) == ["booked"] * 3


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ("one", ["booked", "left_out", "booked"]),
        ("following", ["booked", "left_out", "left_out"]),
        ("all", ["left_out"] * 3),
    ],
)
def test_one_this_and_the_following_or_all_are_called_off(ada, scope, left):
    page = made(ada)
    form = ada.form(f"{page}/{DATES[1]}", f"{page}/{DATES[1]}/cancel")
    assert ada.send(form, scope=scope).status_code == 303
    assert states(ada, page) == left
    assert ada.send(form, scope="one").status_code == 303


def test_what_is_over_is_not_changed(ada):
    page = made(ada)
    form = editing(ada, page, DATES[0])
    off = ada.form(f"{page}/{DATES[0]}", f"{page}/{DATES[0]}/cancel")
    ada.world.clock.advance(timedelta(days=2))
    ada.signed_in("owner")
    token = ada.form("/", "/sign-out").fields["csrf"]
    for one in (form, off):
        answer = ada.send(one, csrf=token, lasts_s="7200")
        assert answer.status_code == 409
        assert "still to come" in answer.text
    assert "has begun or is over" in ada.see(f"{page}/{DATES[0]}").text
    assert "2 to come" in ada.see("/series").text


def test_others_see_it_or_not_and_change_nothing(ada):
    page = made(ada)
    for role, seen, changed in (("member", 200, 403), ("outsider", 404, 404), ("lead", 200, 303)):
        other = Visitor(ada.world).signed_in(role)
        assert other.see(page).status_code == seen, role
        assert ("Change" in other.see(page).text) == (role == "lead")
        csrf = other.form("/", "/sign-out").fields["csrf"]
        sent = {"csrf": csrf, "scope": "one"}
        answer = ada.world.http.post(f"{page}/{DATES[2]}/cancel", data=sent, follow_redirects=False)
        assert answer.status_code == changed, role


def test_there_is_no_such_date(ada):
    page = made(ada)
    answer = ada.see(f"{page}/{date(2027, 3, 3)}")
    assert answer.status_code == 404
    assert "is no date of this series" in answer.text
    assert ada.see(f"{page}/someday").status_code == 422
    assert ada.see("/series/s-0000000000").status_code == 404
