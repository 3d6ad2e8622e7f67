"""Every page and form as every role. A route without a row fails, and so does a row without a route."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from tests.integration.api import owned
from tests.integration.api.world import MARK, PROFILE, ROLES, World
from tests.support.browser import PASSWORD
from tests.support.routes import open_to_strangers, routes_of, table

from almanac.api.app import create_app
from almanac.api.attempts import Attempts
from almanac.api.slowdown import FailureLimit
from almanac.portal import streams
from almanac.portal.app import create_portal
from almanac.portal.views.series import seen_of
from almanac.services.sessions import begin

# The roles are those of the API's own table: what a path names is made by ``owner``, of the project gaia, to which
# ``member`` and ``lead`` belong, too; ``outsider`` leads another. 303 is the way to sign in for ``anonymous``, and for
# others that a form was taken; 200 of a list is one's own list.
TABLE = """
                                         anonymous outsider member owner lead operator
GET    /                                       303      200    200   200  200      200
GET    /account                                303      200    200   200  200      200
POST   /account                                303      303    303   303  303      303
POST   /account/password                       303      303    303   303  303      303
POST   /account/sessions/{session}/end         303      404    404   303  404      404
GET    /again                                  303      200    200   200  200      200
GET    /api/v1/sign-in/institution             404      404    404   404  404      404
GET    /api/v1/sign-in/institution/back        404      404    404   404  404      404
GET    /approvals                              303      200    200   200  200      200
GET    /approvals/live                         303      200    200   200  200      200
POST   /approvals/{booking}/approve            303      404    403   403  303      303
POST   /approvals/{booking}/decline            303      404    403   403  303      303
GET    /book                                   303      200    200   200  200      200
POST   /book                                   303      404    303   303  303      403
POST   /book/series                            303      404    303   303  303      403
GET    /book/verdict                           303      200    200   200  200      200
GET    /bookings                               303      200    200   200  200      200
GET    /bookings/{booking}                     303      404    200   200  200      200
POST   /bookings/{booking}/accept              303      404    403   303  303      303
POST   /bookings/{booking}/again               303      404    303   303  303      403
POST   /bookings/{booking}/cancel              303      404    403   303  303      303
GET    /bookings/{booking}/diagnosis           303      404    200   200  200      200
GET    /bookings/{booking}/diagnosis/live      303      404    200   200  200      200
POST   /bookings/{booking}/end                 303      404    403   303  303      303
GET    /bookings/{booking}/live                303      404    200   200  200      200
GET    /bookings/{booking}/log                 303      404    403   200  200      200
GET    /bookings/{booking}/metrics             303      404    409   409  409      409
GET    /bookings/{booking}/metrics/data        303      404    409   409  409      409
POST   /bookings/{booking}/release             303      404    403   303  303      303
POST   /bookings/{booking}/resize              303      404    403   303  303      303
GET    /calendar                               303      200    200   200  200      200
GET    /capacity                               303      403    403   403  403      200
POST   /capacity/dials                         303      403    403   403  403      303
POST   /capacity/what-if                       303      403    403   403  403      200
GET    /confirm-email                          303      200    200   200  200      200
POST   /confirm-email                          303      409    409   409  409      409
GET    /notices                                303      200    200   200  200      200
POST   /notices/mail                           303      303    303   303  303      303
POST   /notices/read                           303      303    303   303  303      303
GET    /operate                                303      403    403   403  403      200
POST   /operate/sites/{site}/drain             303      403    403   403  403      303
GET    /platforms                              303      200    200   200  200      200
GET    /projects                               303      200    200   200  200      200
GET    /series                                 303      200    200   200  200      200
GET    /series/{series}                        303      404    200   200  200      200
GET    /series/{series}/{day}                  303      404    403   200  200      200
POST   /series/{series}/{day}/cancel           303      404    403   303  303      303
POST   /series/{series}/{day}/edit             303      404    403   303  303      303
GET    /sign-in                                200      303    303   303  303      303
POST   /sign-in                                401      401    401   401  401      401
GET    /sign-in/link                           200      200    200   200  200      200
POST   /sign-in/link                           401      401    401   401  401      401
POST   /sign-out                               303      303    303   303  303      303
POST   /start                                  303      404    303   303  303      403
GET    /tokens                                 303      200    200   200  200      200
POST   /tokens                                 303      200    200   200  200      200
POST   /tokens/{token}/revoke                  303      404    404   303  404      303
GET    /waiting                                303      200    200   200  200      200
GET    /waiting/live                           303      200    200   200  200      200
POST   /waiting                                303      404    303   303  303      403
POST   /waiting/{waiting}/leave                303      404    403   303  303      303
"""
ROWS = table(TABLE, ROLES)
FILES = "MOUNT /static"
"""Styles and scripts, for everybody."""

_WANTED = {"profile": PROFILE, "lasts_s": "3600", "project": "gaia"}
FORMS = {
    "POST /account/password": {"new": PASSWORD, "again": PASSWORD},
    "POST /book": {**_WANTED, "key": "k"},
    "POST /bookings/{booking}/again": {"key": "k"},
    "POST /bookings/{booking}/resize": {"seats": "2", "seen": "1"},
    "POST /capacity/dials": {"profile": PROFILE},
    "POST /capacity/what-if": {"profile": PROFILE},
    "POST /notices/read": {"up_to": "0"},
    "POST /operate/sites/{site}/drain": {"drained": "true"},
    "POST /book/series": {**_WANTED, "start": "2027-03-09T10:00", "repeat": "weekly", "times": "3", "key": "k"},
    "POST /waiting": {**_WANTED, "start": "2027-03-09T10:00"},
    "POST /start": {**_WANTED, "key": "k"},
    "POST /tokens": {"name": "new"},
}
QUERIES = {"GET /book/verdict": _WANTED}
BOOKINGS = {
    "GET /bookings/{booking}": owned.running,
    "GET /bookings/{booking}/live": owned.running,
    "GET /bookings/{booking}/log": owned.running,
    "POST /bookings/{booking}/release": owned.begun,
    "POST /approvals/{booking}/approve": owned.unapproved,
    "POST /approvals/{booking}/decline": owned.unapproved,
    "POST /bookings/{booking}/accept": owned.offered,
    "POST /bookings/{booking}/resize": owned.class_ahead,
}
"""Where a booking for tomorrow wouldn't do."""


def _later(world: World, path: str) -> dict[str, str]:
    """Moves a booking's end."""
    end = world.app.bookings.get(world.caller("owner"), path.split("/")[2], world.clock()).end
    return {"until": (end + timedelta(hours=1)).isoformat(), "seen": end.isoformat()}


def _renamed(world: World, path: str) -> dict[str, str]:
    """Gives a date of a series another title."""
    of = world.app.series.get(world.caller("owner"), path.split("/")[2], world.clock())
    return {"lasts_s": "3600", "seats": "1", "title": "Spectra", "seen": seen_of(of.occurrences[0])}


SEEN = {"POST /bookings/{booking}/end": _later, "POST /series/{series}/{day}/edit": _renamed}
"""Forms that say what their page has shown."""


@pytest.fixture(autouse=True)
def _short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that follow something end once they have told what there is now."""
    look = streams._look
    monkeypatch.setattr(streams, "_look", lambda reader, part: replace(look(reader, part), over=True))


def as_role(world: World, role: str, route: str) -> httpx2.Response:
    """What somebody in a role is answered, whose browser has a session and the form as the owner's page has it."""
    method, path = route.split()
    path = owned.filled(world, path, BOOKINGS.get(route))
    form = FORMS.get(route) or SEEN.get(route, lambda *_: {})(world, path)
    csrf = _browser(world, role)
    return world.http.request(
        method,
        path,
        data={**form, "csrf": csrf} if method == "POST" else None,
        params=QUERIES.get(route),
        headers={"Accept": "text/html"},
        follow_redirects=False,
    )


def _browser(world: World, role: str) -> str:
    """Sign a fresh browser in as somebody; returns its token against forged forms."""
    state = world.http.app.state
    state.attempts = Attempts(FailureLimit())  # another's tries aren't this browser's
    world.http.cookies.clear()
    if role == "anonymous":
        return ""
    with world.app.database.write() as unit:
        new = begin(unit, world.caller(role).person, "password", "Firefox", world.clock())
    world.http.cookies.set("almanac_session", new.cookie)
    return new.csrf_token


def test_every_route_has_a_row_and_every_row_a_route():
    assert routes_of(create_portal(create_app(None))) == {*ROWS, FILES}


def test_what_is_somebodys_is_refused_to_strangers():
    assert open_to_strangers(ROWS) == []


@pytest.mark.parametrize("route", ROWS)
def test_a_role_gets_what_the_table_says(world: World, route: str):
    answers = {role: as_role(world, role, route) for role in ROLES}
    assert {role: answer.status_code for role, answer in answers.items()} == ROWS[route]
    if "/sign-" not in route and answers["anonymous"].status_code == 303:
        assert answers["anonymous"].headers["location"].startswith("/sign-in?next=")
    for role in ("member", "owner", "lead"):
        assert MARK not in answers[role].text
    if _WANTED["project"] not in {**QUERIES, **FORMS}.get(route, {}).values():  # what one sends is said back
        assert "gaia" not in answers["outsider"].text
