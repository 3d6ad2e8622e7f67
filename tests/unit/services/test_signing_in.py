from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import argon2
import pytest

from almanac.core.errors import BadRequest, Conflict, Forbidden, NotFound, NotSignedIn
from almanac.services.accounts import Accounts
from almanac.services.caller import Caller, Role
from almanac.services.particulars import AllParticulars, Theme, checked_email
from almanac.services.passwords import MAX_LENGTH, Passwords, checked_password
from almanac.services.sessions import IDLE, LASTS, MAX_SESSIONS, Sessions
from almanac.services.sign_in import SignIn

NOW = datetime(2027, 3, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOOD = "violet cepheids pulsate"
BETTER = "miras pulsate slowly"
CHEAP = Passwords(argon2.profiles.CHEAPEST)


@pytest.fixture
def accounts(database) -> Accounts:
    return Accounts(database)


@pytest.fixture
def sign_in(database) -> SignIn:
    return SignIn(database, CHEAP)


@pytest.fixture
def sessions(database) -> Sessions:
    return Sessions(database)


@pytest.fixture
def admin(accounts, sign_in, sessions) -> Caller:
    return sessions.find(sign_in.with_link(accounts.first_admin(NOW), GOOD, "Firefox", NOW).cookie, NOW).caller


@pytest.fixture
def ada(accounts, sign_in, admin) -> str:
    """A person with a password."""
    accounts.add_person(admin, "ada", NOW)
    sign_in.with_link(accounts.invite(admin, "ada", NOW).one_time_token, GOOD, "Firefox", NOW)
    return "ada"


def caller_of(sessions: Sessions, cookie: str, now: datetime = NOW) -> Caller:
    return sessions.find(cookie, now).caller


def test_the_first_link_sets_the_admins_password_once(accounts, sign_in, sessions):
    link = accounts.first_admin(NOW)
    new = sign_in.with_link(link, GOOD, "Firefox", NOW)
    assert caller_of(sessions, new.cookie) == Caller("admin", True, {"default": Role.LEAD})
    with pytest.raises(NotSignedIn, match="redeemed before"):
        sign_in.with_link(link, BETTER, "Firefox", NOW)
    assert sign_in.with_password("admin", GOOD, "Firefox", NOW).person == "admin"
    assert accounts.first_admin(NOW) is None


def test_a_link_outlives_a_password_that_is_not_good_enough(accounts, sign_in):
    link = accounts.first_admin(NOW)
    with pytest.raises(BadRequest, match="12 to 256"):
        sign_in.with_link(link, "short", "Firefox", NOW)
    assert sign_in.with_link(link, GOOD, "Firefox", NOW).person == "admin"


def test_of_many_who_redeem_a_link_at_once_one_wins(accounts, sign_in):
    link = accounts.first_admin(NOW)

    def redeem(number: int) -> bool:
        try:
            sign_in.with_link(link, f"{GOOD} {number}", "Firefox", NOW)
        except NotSignedIn:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, range(8))) == 1


@pytest.mark.parametrize("text", ["", "alm_", "x" * 1000, "alm_abcdefgh_" + "x" * 43])
def test_what_is_no_link_sets_nothing(sign_in, admin, text):
    with pytest.raises(NotSignedIn, match="unknown"):
        sign_in.with_link(text, GOOD, "Firefox", NOW)


def test_wrong_unknown_and_without_a_password_sound_the_same(accounts, sign_in, admin, ada):
    accounts.add_person(admin, "bob", NOW)
    said = set()
    for person, password in (("ada", "wrong"), ("nobody", GOOD), ("bob", GOOD), ("ada\x00", GOOD), ("ada", "\ud800")):
        with pytest.raises(NotSignedIn) as refused:
            sign_in.with_password(person, password, "Firefox", NOW)
        said.add((refused.value.message, refused.value.hint))
    assert len(said) == 1


def test_an_unknown_name_costs_as_much_as_a_wrong_password(monkeypatch, sign_in, ada):
    verified = []
    genuine = argon2.PasswordHasher.verify

    def verify(self: argon2.PasswordHasher, kept: str, password: str) -> bool:
        verified.append(argon2.extract_parameters(kept))
        return genuine(self, kept, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    for person in ("ada", "nobody"):
        with pytest.raises(NotSignedIn):
            sign_in.with_password(person, "wrong", "Firefox", NOW)
    assert verified[0] == verified[1]


def test_passwords_are_hashed_as_rfc_9106_says():
    kept = Passwords().hash(GOOD)
    made = argon2.extract_parameters(kept)
    assert (made.type, made.time_cost, made.memory_cost, made.parallelism) == (argon2.Type.ID, 3, 64 * 1024, 4)
    assert (made.salt_len, made.hash_len) == (16, 32)
    assert GOOD not in kept


def test_a_hash_is_made_anew_when_the_parameters_have_changed(database, sign_in, ada):
    with database.read() as unit:
        before = unit.sign_in.password("ada")
    dearer = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 16, 1)
    SignIn(database, Passwords(dearer)).with_password("ada", GOOD, "Firefox", NOW)
    with database.read() as unit:
        after = unit.sign_in.password("ada")
    assert (argon2.extract_parameters(before).time_cost, argon2.extract_parameters(after).time_cost) == (1, 2)
    assert sign_in.with_password("ada", GOOD, "Firefox", NOW).person == "ada"


def test_a_password_is_the_same_however_it_was_typed():
    kept = CHEAP.hash("caf\u00e9 au lait noir")
    assert CHEAP.matches("cafe\u0301 au lait noir", kept)
    assert not CHEAP.matches("cafe au lait noir", kept)
    assert not CHEAP.matches("x", "not a hash")


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 20, "abababababab", "ada-lovelace", "x" * (MAX_LENGTH + 1)])
def test_passwords_that_are_not_good_enough(password):
    with pytest.raises(BadRequest):
        checked_password(password, "ada-lovelace")


def test_a_session_ends_when_idle_and_at_its_absolute_end(sign_in, sessions, ada):
    cookie = sign_in.with_password("ada", GOOD, "Firefox", NOW).cookie
    with pytest.raises(NotSignedIn, match="ended"):
        sessions.find(cookie, NOW + IDLE)
    now = NOW
    while now + IDLE / 2 < NOW + LASTS:
        assert caller_of(sessions, cookie, now).person == "ada"
        now += IDLE / 2
    with pytest.raises(NotSignedIn, match="ended"):
        sessions.find(cookie, NOW + LASTS)


def test_only_a_cookies_hash_is_kept_and_no_repr_shows_it(database, sign_in, sessions, ada):
    new = sign_in.with_password("ada", GOOD, "Firefox", NOW)
    with database.read() as unit:
        rows = unit.sign_in.sessions("ada")
    found = sessions.find(new.cookie, NOW)
    assert found.csrf_token == new.csrf_token
    for secret in (new.cookie, new.csrf_token):
        assert secret not in repr(new) + repr(rows) + repr(found) + "".join(row.hash for row in rows)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "\ud800", "alm_abcdefgh_" + "x" * 43])
def test_what_is_no_session_signs_nobody_in(sessions, ada, cookie):
    with pytest.raises(NotSignedIn):
        sessions.find(cookie, NOW)


def test_sessions_are_listed_and_ended_by_their_person_alone(accounts, sign_in, sessions, admin, ada):
    first, second = (sign_in.with_password("ada", GOOD, browser, NOW + HOUR) for browser in ("Firefox", "Chromium"))
    caller = caller_of(sessions, first.cookie, NOW + HOUR)
    assert {view.browser for view in sessions.list(caller, NOW + HOUR)} == {"Firefox", "Chromium"}
    with pytest.raises(NotFound):
        sessions.end(admin, second.id, NOW + HOUR)
    sessions.end(caller, second.id, NOW + HOUR)
    with pytest.raises(NotSignedIn):
        sessions.find(second.cookie, NOW + HOUR)
    with pytest.raises(NotFound):
        sessions.end(caller, second.id, NOW + HOUR)
    sessions.sign_out(first.cookie, NOW + HOUR)
    sessions.sign_out("unknown", NOW + HOUR)
    with pytest.raises(NotSignedIn):
        sessions.find(first.cookie, NOW + HOUR)


def test_the_oldest_session_makes_room(sign_in, sessions, ada):
    news = [sign_in.with_password("ada", GOOD, f"{n}", NOW + n * timedelta(seconds=1)) for n in range(MAX_SESSIONS + 1)]
    later = NOW + HOUR
    assert len(sessions.list(caller_of(sessions, news[-1].cookie, later), later)) == MAX_SESSIONS
    with pytest.raises(NotSignedIn):
        sessions.find(news[0].cookie, later)


def test_a_changed_password_ends_all_sessions_but_no_token(accounts, sign_in, sessions, ada):
    old, other = (sign_in.with_password("ada", GOOD, "Firefox", NOW) for _ in range(2))
    caller = caller_of(sessions, old.cookie)
    token = accounts.create_token(caller, "laptop", NOW).token
    new = sign_in.change_password(caller, GOOD, BETTER, "Firefox", NOW)
    for cookie in (old.cookie, other.cookie):
        with pytest.raises(NotSignedIn):
            sessions.find(cookie, NOW)
    assert caller_of(sessions, new.cookie).person == "ada"
    assert accounts.authenticate(token, NOW).person == "ada"
    with pytest.raises(NotSignedIn):
        sign_in.with_password("ada", GOOD, "Firefox", NOW)
    assert sign_in.with_password("ada", BETTER, "Firefox", NOW).person == "ada"


@pytest.mark.parametrize("old", [None, "", "wrong"])
def test_a_password_is_changed_only_by_who_knows_it(sign_in, sessions, ada, old):
    caller = caller_of(sessions, sign_in.with_password("ada", GOOD, "Firefox", NOW).cookie)
    with pytest.raises(Forbidden, match="present password"):
        sign_in.change_password(caller, old, BETTER, "Firefox", NOW)


def test_the_same_password_is_no_change(sign_in, sessions, ada):
    with pytest.raises(BadRequest, match="the old one"):
        sign_in.change_password(Caller("ada"), GOOD, GOOD, "Firefox", NOW)


def test_a_first_password_needs_none_but_an_institutions_person_has_none(database, accounts, sign_in, admin):
    for name in ("bob", "eve"):
        accounts.add_person(admin, name, NOW)
    with database.write() as unit:
        unit.sign_in.identify("https://id.example.org", "1", "eve", NOW)
    assert sign_in.change_password(Caller("bob"), None, GOOD, "Firefox", NOW).person == "bob"
    with pytest.raises(Forbidden, match="institution"):
        sign_in.change_password(Caller("eve"), None, GOOD, "Firefox", NOW)


def test_of_two_changes_at_once_one_wins(sign_in, ada):
    def change(number: int) -> bool:
        try:
            sign_in.change_password(Caller("ada"), GOOD, f"{BETTER} {number}", "Firefox", NOW)
        except (Conflict, Forbidden):
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(change, range(8))) == 1


def test_a_limited_token_sees_and_changes_no_account(database, sign_in, sessions, ada):
    particulars = AllParticulars(database)
    for limited in (Caller("ada", cap=Role.MEMBER), Caller("ada", scope="gaia")):
        for attempt in (
            lambda caller=limited: sessions.list(caller, NOW),
            lambda caller=limited: sessions.end(caller, "x", NOW),
            lambda caller=limited: sign_in.change_password(caller, GOOD, BETTER, "Firefox", NOW),
            lambda caller=limited: particulars.of(caller),
            lambda caller=limited: particulars.change(caller, zone="UTC"),
        ):
            with pytest.raises(Forbidden, match="limited"):
                attempt()


def test_a_disabled_persons_sessions_and_password_are_dead_for_good(accounts, sign_in, sessions, admin, ada):
    cookie = sign_in.with_password("ada", GOOD, "Firefox", NOW).cookie
    accounts.disable_person(admin, "ada", NOW)
    with pytest.raises(NotSignedIn, match="disabled"):
        sessions.find(cookie, NOW)
    accounts.add_person(admin, "ada", NOW)
    with pytest.raises(NotSignedIn, match="ended"):
        sessions.find(cookie, NOW)
    with pytest.raises(NotSignedIn, match="wrong"):
        sign_in.with_password("ada", GOOD, "Firefox", NOW)


def test_particulars_are_changed_one_by_one(database, ada):
    particulars = AllParticulars(database)
    caller = Caller("ada")
    assert particulars.of(caller).theme is Theme.SYSTEM
    particulars.change(caller, display_name="Ada", zone="Europe/London")
    view = particulars.change(caller, theme=Theme.DARK, email=" Ada@Example.ORG ")
    assert (view.display_name, view.zone, view.theme, view.email) == ("Ada", "Europe/London", "dark", "ada@example.org")
    assert view.has_password
    assert particulars.change(caller, zone="", email="").zone == ""
    assert particulars.of(caller) == particulars.change(caller)


def test_a_zone_is_one_of_the_iana_database(database, ada):
    for wrong in ("Europe/Atlantis", "../etc/passwd", "/etc/localtime", "\x00"):
        with pytest.raises(BadRequest, match="not a time zone"):
            AllParticulars(database).change(Caller("ada"), zone=wrong)


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@x.org", "ada@x", "a b@x.org", "ada@x.org\nBcc: e@x.org", "<ada@x.org>", "a@" + "x" * 260]
)
def test_what_is_no_address(email):
    with pytest.raises(BadRequest, match="not an e-mail address"):
        checked_email(email)


def test_an_operators_word_for_an_address_lasts_until_its_person_changes_it(database, admin, ada):
    particulars = AllParticulars(database)
    particulars.confirm_email(admin, "ada", "ada@example.org")
    assert particulars.change(Caller("ada"), email="ADA@example.org").email_confirmed
    assert not particulars.change(Caller("ada"), email="eve@example.org").email_confirmed
    with pytest.raises(Forbidden):
        particulars.confirm_email(Caller("ada"), "ada", "ada@example.org")
    with pytest.raises(NotFound):
        particulars.confirm_email(admin, "nobody", "ada@example.org")
