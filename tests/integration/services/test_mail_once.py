"""Of each happening a person has one notice and one letter, on both databases, whoever is killed."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from tests.support.mailbox import Mailbox, mailbox
from tests.support.mailing import HOUR, book, called_off, mailing, told, with_addresses
from tests.support.rig import LENA, MINUTE, Rig

from almanac.factory import Almanac
from almanac.services.notices import NoticeKind
from almanac.sites.simulated import Killed


@pytest.fixture
def box():
    with mailbox() as box:
        yield box


@pytest.fixture
def app(rig: Rig, box: Mailbox) -> Almanac:
    with_addresses(rig)
    return mailing(rig.app, box.port)


def test_a_booking_is_told_from_ready_to_its_end(rig, app, box):
    booking = book(app, title="Cepheids")
    while NoticeKind.READY not in dict(told(app)):
        rig.tick()
    for minutes in (36, 10):  # nobody uses it
        rig.clock.advance(minutes * MINUTE)
        rig.tick()
    assert [kind for kind, _ in reversed(told(app))] == [NoticeKind.READY, NoticeKind.ENDING, NoticeKind.RELEASED]
    while app.post.look():
        pass
    what = f"Cepheids ({booking})"
    assert box.subjects() == [f"{what} is ready", f"{what} is about to end", f"{what} was released"]
    assert {letter["To"] for letter in box.letters} == {"ada@example.org"}
    assert f"https://almanac.example.org/bookings/{booking}" in box.letters[0].get_content()


def test_a_refused_transaction_leaves_no_notice(rig, app):
    booking = book(app, 5 * HOUR)
    rig.fuse.light(0)
    with pytest.raises(Killed):
        app.bookings.cancel(LENA, booking, app.clock())
    assert told(app) == []
    app.bookings.cancel(LENA, booking, app.clock())
    assert told(app) == [(NoticeKind.RELEASED, f"spark ({booking}) was cancelled")]


@pytest.mark.parametrize(("points", "letters"), [(0, 1), (1, 1), (2, 2), (3, 1)])
def test_a_letter_survives_a_kill_and_comes_twice_only_if_the_servers_word_was_lost(rig, app, box, points, letters):
    called_off(app)
    rig.fuse.light(points)
    with pytest.raises(Killed):
        app.post.look()
    rig.restart()
    again = mailing(rig.app, box.port)
    again.post.look()
    rig.clock.advance(timedelta(minutes=5))
    again.post.look()
    again.post.look()
    assert len(box.came) == letters
    assert len({letter["Message-ID"] for letter in box.letters}) == 1
    assert again.health.check(rig.clock()).mail.waiting == 0


def test_two_processes_send_each_letter_once(rig, app, box):
    ids = {called_off(app, f"Night {number}") for number in range(12)}
    other = mailing(rig.another(), box.port)
    both = [threading.Thread(target=each.post.look) for each in (app, other)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    other.database.close()
    assert sorted(box.subjects()) == sorted(set(box.subjects()))
    assert {re.search(r"\((b-\w+)\)", subject)[1] for subject in box.subjects()} == ids
