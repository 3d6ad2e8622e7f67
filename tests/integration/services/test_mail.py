"""What people are told, when, and how it is mailed, at a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.support.mailbox import Mailbox, mailbox
from tests.support.mailing import HOUR, VAULT, book, called_off, mailing, told, with_addresses
from tests.support.ports import free_port
from tests.support.rig import ADA, LENA, MINUTE, PROFILES, T0, Rig

from almanac.core.catalogue import Above
from almanac.core.errors import BadRequest, Forbidden, NotOffered, WrongState
from almanac.core.series import Frequency, Policy, Recurrence, Schedule
from almanac.core.windows import Window
from almanac.factory import Almanac
from almanac.services.caller import Caller
from almanac.services.notices import NoticeKind
from almanac.services.requests import BookingRequest
from almanac.services.series import SeriesRequest
from almanac.services.waiting import WaitRequest
from almanac.storage.rows import ParticularsRow, PersonRow

DAY = timedelta(days=1)


@pytest.fixture
def rig(sqlite_url: str) -> Iterator[Rig]:
    """On one database: what differs between the two is in ``test_mail_once``."""
    made = Rig(sqlite_url)
    yield made
    made.close()


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


@pytest.fixture
def app(rig: Rig, box: Mailbox) -> Almanac:
    with_addresses(rig)
    return mailing(rig.app, box.port)


# --- what is told, and to whom ----------------------------------------------------------------------------------------


def test_what_a_person_did_themselves_isnt_told_to_them(app):
    booking = book(app, 5 * HOUR)
    app.bookings.cancel(ADA, booking, app.clock())
    assert told(app) == []


def test_a_person_reads_in_pages_and_says_so(app):
    for _ in range(5):
        called_off(app)
        app.clock.advance(MINUTE)
    page = app.notices.list(ADA, limit=2)
    assert (len(page.notices), page.unread) == (2, 5)
    rest = app.notices.list(ADA, before=page.next, limit=3)
    assert ([each.id for each in rest.notices], rest.next) == ([page.next - 1, page.next - 2, page.next - 3], None)
    app.notices.read(ADA, rest.notices[0].id, app.clock())
    assert app.notices.list(ADA, unread=True).unread == 2
    app.notices.read(ADA, None, app.clock())
    assert app.notices.list(ADA, unread=True).notices == ()


def test_what_is_half_a_year_old_is_forgotten(rig, app):
    called_off(app)
    app.post.look()
    app.notices.tidy(rig.clock())
    rig.clock.advance(180 * DAY)
    app.notices.tidy(rig.clock())
    assert len(told(app)) == 1
    rig.clock.advance(DAY)
    app.notices.tidy(rig.clock())
    assert told(app) == []


def test_a_limited_token_reads_no_notices(app):
    with pytest.raises(Forbidden, match="limited"):
        app.notices.list(replace(ADA, scope="gaia"))


# --- reminders ----------------------------------------------------------------------------------------------------------


def test_a_day_and_an_hour_before_and_each_once(rig, app):
    booking = book(app, 3 * DAY)
    for _ in range(80):
        app.reminders.look(app.clock())
        app.reminders.look(app.clock())
        rig.clock.advance(HOUR)
    assert [kind for kind, _ in reversed(told(app))] == [NoticeKind.REMINDER_DAY, NoticeKind.REMINDER_HOUR]
    assert told(app)[0][1] == f"spark ({booking}) begins within an hour"


def test_what_was_booked_later_than_a_reminder_would_come_has_none(rig, app):
    book(app, timedelta(minutes=50))
    book(app, 20 * HOUR)
    app.reminders.look(app.clock())
    assert told(app) == []
    rig.clock.advance(timedelta(hours=19, minutes=30))
    app.reminders.look(app.clock())
    assert [kind for kind, _ in told(app)] == [NoticeKind.REMINDER_HOUR]


def test_an_almanac_that_slept_reminds_of_the_nearest_only(rig, app):
    book(app, 3 * DAY)
    rig.clock.advance(3 * DAY - timedelta(minutes=10))
    app.reminders.look(app.clock())
    assert [kind for kind, _ in told(app)] == [NoticeKind.REMINDER_HOUR]


def test_no_reminder_of_what_was_called_off_is_mailed(rig, app, box):
    booking = book(app, 3 * DAY)
    rig.clock.advance(3 * DAY - HOUR)
    app.reminders.look(app.clock())
    app.bookings.cancel(ADA, booking, app.clock())
    app.post.look()
    assert box.came == []
    assert app.notices.list(ADA).notices[0].trouble == "Not mailed: the booking has begun, or was called off."


# --- bad hours ------------------------------------------------------------------------------------------------------------


def test_while_the_server_is_down_nothing_is_lost_and_it_is_said(rig, app):
    port = free_port()
    down = mailing(rig.app, port)
    booking = called_off(down)
    for _ in range(3):
        assert not down.post.look()
        rig.clock.advance(10 * MINUTE)
    mail = down.health.check(rig.clock()).mail
    assert (mail.waiting, mail.trouble) == (1, "The mail server takes no mail: nothing listens there.")
    with mailbox(port=port) as box:
        down.post.look()
    assert box.subjects() == [f"Cepheids ({booking}) was cancelled"]
    mail = down.health.check(rig.clock()).mail
    assert (mail.waiting, mail.trouble) == (0, "")
    assert down.notices.list(ADA).notices[0].mailed_at == rig.clock()


def test_a_server_that_is_down_is_left_alone_for_a_while(rig, app):
    down = mailing(rig.app, free_port())
    called_off(down)
    down.post.look()
    tries = _tries(down)
    down.post.look()
    assert _tries(down) == tries == 1
    rig.clock.advance(timedelta(seconds=5))
    down.post.look()
    assert _tries(down) == 2


def _tries(app: Almanac) -> int:
    with app.database.read() as unit:
        return unit.notices.of("ada", limit=1)[0].tries


def test_a_letter_that_is_put_off_comes_later_and_holds_up_no_other(rig, app, box):
    box.answers["ada@example.org"] = "451 come back later"
    called_off(app)
    with app.database.write() as unit:
        unit.sign_in.set_particulars(ParticularsRow("lena", email="lena@example.org", email_confirmed=True))
    lenas = app.bookings.book(LENA, BookingRequest("spark", HOUR, T0 + DAY), T0).id
    app.bookings.cancel(Caller("admin", operator=True), lenas, T0)
    app.post.look()
    assert [letter["To"] for letter in box.letters] == ["lena@example.org"]
    assert app.notices.list(ADA).notices[0].trouble == "Not mailed yet: the address was refused (answer 451)."
    box.answers.clear()
    rig.clock.advance(timedelta(minutes=3))
    app.post.look()
    assert [letter["To"] for letter in box.letters] == ["lena@example.org", "ada@example.org"]


def test_a_letter_that_is_refused_isnt_tried_again(rig, app, box):
    box.answers["ada@example.org"] = "550 nobody of that name"
    called_off(app)
    app.post.look()
    box.answers.clear()
    rig.clock.advance(DAY)
    app.post.look()
    assert box.came == []
    assert app.notices.list(ADA).notices[0].trouble == "Not mailed: the address was refused (answer 550)."


def test_after_three_days_a_letter_is_given_up_and_its_notice_stays(rig, app):
    down = mailing(rig.app, free_port())
    called_off(down)
    down.post.look()
    rig.clock.advance(3 * DAY + MINUTE)
    down.post.look()
    assert down.health.check(rig.clock()).mail.waiting == 0
    trouble = down.notices.list(ADA).notices[0].trouble
    assert trouble == "Given up: The mail server takes no mail: nothing listens there."


# --- what people want -------------------------------------------------------------------------------------------------------


def test_who_muted_a_kind_reads_it_in_the_portal_only(app, box):
    app.particulars.change(ADA, muted=[NoticeKind.RELEASED])
    called_off(app)
    app.post.look()
    assert box.came == []
    assert len(told(app)) == 1
    assert app.particulars.of(ADA).muted == (NoticeKind.RELEASED,)


def test_a_choice_made_while_a_letter_waits_counts(app, box):
    called_off(app)
    app.particulars.change(ADA, muted=[NoticeKind.RELEASED])
    app.post.look()
    assert box.came == []
    assert app.notices.list(ADA).notices[0].trouble == "Not mailed: the address or the choice of mail has changed."


def test_the_mail_that_confirms_an_address_cant_be_muted(app):
    with pytest.raises(BadRequest, match="only when you ask"):
        app.particulars.change(ADA, muted=[NoticeKind.ADDRESS])


def test_times_are_in_the_readers_zone_and_utc(app, box):
    app.particulars.change(ADA, zone="Asia/Tokyo")
    called_off(app)
    app.post.look()
    text = box.letters[0].get_content()
    assert "Time:    2026-03-01 23:00 to 2026-03-02 00:00 Asia/Tokyo" in text
    assert "2026-03-01 14:00 to 2026-03-01 15:00 UTC" in text


def test_hostile_titles_stay_in_their_lines(app, box):
    called_off(app, "Gaia\u2028Bcc: mallory@example.org\u202e\u0085X: y")
    app.post.look()
    (letter,) = box.letters
    assert "Bcc" not in letter
    assert "X" not in letter
    assert "Gaia Bcc: mallory@example.org X: y" in str(letter["Subject"])


def test_a_disabled_person_gets_no_mail(app, box):
    called_off(app)
    with app.database.write() as unit:
        unit.people.replace_person(replace(unit.people.get_person("ada"), disabled_at=app.clock()))
    app.post.look()
    assert box.came == []


# --- addresses ---------------------------------------------------------------------------------------------------------------


def mailed_token(app: Almanac, box: Mailbox) -> str:
    app.addresses.ask(ADA, app.clock())
    app.post.look()
    return box.letters[-1].get_content().strip().splitlines()[-1]


def test_a_mailed_link_confirms_an_address(app, box):
    app.particulars.change(ADA, email="lovelace@example.org")
    called_off(app)
    token = mailed_token(app, box)
    assert [letter["To"] for letter in box.letters] == ["lovelace@example.org"]
    assert "https://almanac.example.org/confirm-email?token=" in box.letters[0].get_content()
    assert app.addresses.confirm(ADA, token, app.clock()) == "lovelace@example.org"
    assert app.particulars.of(ADA).email_confirmed
    called_off(app)
    app.post.look()
    assert len(box.came) == 2


def test_a_link_is_its_persons_and_its_addresss_and_short_lived(app, box):
    app.particulars.change(ADA, email="lovelace@example.org")
    token = mailed_token(app, box)
    with pytest.raises(BadRequest, match="not for lena"):
        app.addresses.confirm(LENA, token, app.clock())
    with pytest.raises(BadRequest, match="too old"):
        app.addresses.confirm(ADA, token, app.clock() + HOUR)
    with pytest.raises(BadRequest, match="not one of ours"):
        app.addresses.confirm(ADA, "made up", app.clock())
    with pytest.raises(BadRequest, match="not one of ours"):
        app.addresses.confirm(ADA, VAULT.seal_text('["device", "ada", "0"]'), app.clock())
    app.particulars.change(ADA, email="other@example.org")
    with pytest.raises(BadRequest, match="another address"):
        app.addresses.confirm(ADA, token, app.clock())
    assert not app.particulars.of(ADA).email_confirmed


def test_asking_again_and_again_fills_no_mailbox(app, box):
    app.particulars.change(ADA, email="stranger@example.org")
    for _ in range(10):
        app.addresses.ask(ADA, app.clock())
        app.post.look()
    assert len(box.came) == 1


def test_who_has_no_address_or_a_confirmed_one_is_told(app):
    with pytest.raises(WrongState, match="confirmed already"):
        app.addresses.ask(ADA, app.clock())
    app.particulars.change(ADA, email="")
    with pytest.raises(WrongState, match="no e-mail address"):
        app.addresses.ask(ADA, app.clock())


def test_without_a_mail_server_everything_is_in_the_portal_and_nothing_waits(rig):
    with pytest.raises(NotOffered, match="sends no mail"):
        rig.app.addresses.ask(ADA, T0)
    with rig.app.database.write() as unit:
        unit.sign_in.set_particulars(ParticularsRow("ada", email="ada@example.org", email_confirmed=True))
    book(rig.app)
    for _ in range(20):
        rig.tick()
    assert [kind for kind, _ in told(rig.app)] == [NoticeKind.READY]
    assert rig.app.health.check(rig.clock()).mail.waiting == 0


# --- approvals and the waiting list ------------------------------------------------------------------------------------------


LIMITED = tuple(replace(each, approve_above=Above(seats=2)) for each in PROFILES)
"""Three seats need an approval."""


@pytest.fixture
def limited(sqlite_url: str) -> Iterator[Rig]:
    made = Rig(sqlite_url, LIMITED)
    with_addresses(made)
    yield made
    made.close()


def test_leads_are_asked_and_the_asker_is_told_what_was_decided(limited):
    asked = book(limited.app, 30 * HOUR, seats=3)
    assert told(limited.app, LENA) == [(NoticeKind.APPROVAL_ASKED, f"ada asks for approval of spark ({asked})")]
    limited.app.approvals.approve(LENA, asked, T0)
    assert told(limited.app) == [(NoticeKind.APPROVAL_DECIDED, f"spark ({asked}) is approved")]
    other = book(limited.app, 40 * HOUR, seats=3)
    limited.app.approvals.decline(LENA, other, "The class needs it", T0)
    assert limited.app.notices.list(ADA).notices[0].message == "Declined by lena: The class needs it."


def test_nobody_decided_in_time(limited):
    asked = book(limited.app, 30 * HOUR, seats=3)
    limited.clock.advance(31 * HOUR)
    limited.tick()
    assert told(limited.app) == [(NoticeKind.APPROVAL_DECIDED, f"spark ({asked}) was not approved in time")]


def test_a_project_without_a_lead_asks_the_operators(limited):
    with limited.app.database.write() as unit:
        unit.people.remove_member("gaia", "lena")
        unit.people.add_person(PersonRow("admin", T0, operator=True))
    book(limited.app, 30 * HOUR, seats=3)
    assert [kind for kind, _ in told(limited.app, Caller("admin", operator=True))] == [NoticeKind.APPROVAL_ASKED]
    assert told(limited.app, LENA) == []


def test_a_series_asks_once(limited):
    schedule = Schedule(
        datetime.fromisoformat("2026-03-10T10:00"), HOUR, "Europe/Madrid", Recurrence(Frequency.WEEKLY, times=3)
    )
    request = SeriesRequest("spark", schedule, seats=3, title="Class")
    limited.app.series.make(ADA, request, Policy.WHAT_FITS, T0)
    ((kind, subject),) = told(limited.app, LENA)
    assert kind == NoticeKind.APPROVAL_ASKED
    assert subject.startswith("ada asks for approval of Class (b-")
    assert subject.endswith(") and 2 more of the series")


def test_an_offer_that_nobody_took_is_no_news(rig, app):
    app.bookings.offer(ADA, BookingRequest("spark", HOUR), T0)
    rig.clock.advance(HOUR)
    rig.tick()
    assert told(app) == []


def test_whose_turn_it_is_is_told(rig, app):
    within = Window.lasting(T0 + 5 * HOUR, 2 * HOUR)
    app.waiting.wait(ADA, WaitRequest("spark", HOUR, within), T0)
    rig.tick()
    ((kind, subject),) = told(app)
    assert kind == NoticeKind.PROMOTED
    assert subject.startswith("There is room for spark (b-")
