"""Every route as every role. A route without a row fails, and so does a row without a route."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.integration.api import owned
from tests.integration.api.owned import filled
from tests.integration.api.world import MARK, PROFILE, ROLES, World
from tests.support.routes import open_to_strangers, routes_of, table

from almanac.api.app import BASE, create_app
from almanac.api.routes.nodes import call_limit
from almanac.services.nodes import Nodes
from almanac.services.sessions import begin
from almanac.services.vault import Vault

# The roles: ``owner``, ``member`` and ``lead`` belong to the project gaia, where ``owner`` owns what is asked for;
# ``outsider`` leads another project. Below the document are the routes of machines, which are hidden from people.
TABLE = """
                                                anonymous outsider member owner lead operator
GET    /health                                        200      200    200   200  200      200
POST   /sign-in                                       401      401    401   401  401      401
GET    /sign-in/ways                                  200      200    200   200  200      200
POST   /sign-in/password                              401      401    401   401  401      401
POST   /sign-in/link                                  401      401    401   401  401      401
GET    /sign-in/institution                           404      404    404   404  404      404
GET    /sign-in/institution/back                      404      404    404   404  404      404
GET    /session                                       401      401    401   401  401      401
POST   /sign-out                                      401      401    401   401  401      401
GET    /account                                       401      200    200   200  200      200
PATCH  /account                                       401      200    200   200  200      200
PUT    /account/password                              401      200    200   200  200      200
GET    /account/sessions                              401      200    200   200  200      200
DELETE /account/sessions/{session}                    401      404    404   204  404      404
GET    /me                                            401      200    200   200  200      200
GET    /profiles                                      401      200    200   200  200      200
GET    /sites                                         401      200    200   200  200      200
POST   /availability                                  401      200    200   200  200      200
POST   /offers                                        401      404    201   201  201      403
POST   /offers/{offer}/accept                         401      404    403   200  200      200
GET    /bookings                                      401      404    200   200  200      200
POST   /bookings                                      401      404    201   201  201      403
GET    /bookings/{booking}                            401      404    200   200  200      200
GET    /bookings/{booking}/extension                  401      404    200   200  200      200
POST   /bookings/{booking}/extend                     401      404    403   200  200      200
POST   /bookings/{booking}/shorten                    401      404    403   200  200      200
POST   /bookings/{booking}/resize                     401      404    403   200  200      200
POST   /bookings/{booking}/cancel                     401      404    403   200  200      200
POST   /bookings/{booking}/release                    401      404    403   200  200      200
GET    /bookings/{booking}/connection                 401      404    403   200  200      200
GET    /bookings/{booking}/logs                       401      404    403   200  200      200
GET    /bookings/{booking}/events                     401      404    200   200  200      200
GET    /bookings/{booking}/watch                      401      404    200   200  200      200
GET    /bookings/{booking}/receipt                    401      404    200   200  200      200
POST   /bookings/{booking}/again                      401      404    201   201  201      403
GET    /bookings/{booking}/metrics                    401      404    409   409  409      409
GET    /bookings/{booking}/metrics/query              401      404    409   409  409      409
GET    /bookings/{booking}/metrics/query_range        401      404    409   409  409      409
GET    /bookings/{booking}/diagnosis                  401      404    409   409  409      409
POST   /bookings/{booking}/approve                    401      404    403   403  200      200
POST   /bookings/{booking}/decline                    401      404    403   403  200      200
GET    /approvals                                     401      200    200   200  200      200
POST   /series-plans                                  401      404    200   200  200      403
POST   /series                                        401      404    201   201  201      403
GET    /series                                        401      200    200   200  200      200
GET    /series/{series}                               401      404    200   200  200      200
POST   /series/{series}/plan                          401      404    403   200  200      200
POST   /series/{series}/edit                          401      404    403   200  200      200
POST   /series/{series}/cancel                        401      404    403   200  200      200
POST   /waiting                                       401      404    201   201  201      403
GET    /waiting                                       401      200    200   200  200      200
GET    /waiting/{waiting}                             401      404    200   200  200      200
DELETE /waiting/{waiting}                             401      404    403   200  200      200
GET    /feeds                                         401      200    200   200  200      200
POST   /feeds                                         401      404    201   201  201      201
DELETE /feeds/{feed}                                  401      404    404   204  404      404
GET    /calendars/{secret}.ics                        200      200    200   200  200      200
GET    /notices                                       401      200    200   200  200      200
POST   /notices/read                                  401      204    204   204  204      204
POST   /account/email/ask                             401      409    409   409  409      409
POST   /account/email/confirm                         401      422    422   422  422      422
GET    /ledger                                        401      404    200   200  200      200
GET    /plan                                          401      403    403   403  403      200
POST   /plan/what-if                                  401      403    403   403  403      200
PUT    /plan/dials                                    401      403    403   403  403      200
GET    /demand                                        401      403    403   403  403      200
PUT    /demand/{source}                               401      403    403   403  403      200
DELETE /demand/{source}                               401      403    403   403  403      204
GET    /tokens                                        401      200    200   200  200      200
POST   /tokens                                        401      404    201   201  201      201
DELETE /tokens/{token}                                401      404    404   204  404      204
GET    /people                                        401      403    403   403  403      200
POST   /people                                        401      403    403   403  403      201
POST   /people/{person}/invite                        401      403    403   403  403      201
PUT    /people/{person}/email                         401      403    403   403  403      204
DELETE /people/{person}                               401      403    403   403  403      204
GET    /projects                                      401      200    200   200  200      200
POST   /projects                                      401      403    403   403  403      201
PUT    /projects/{project}/quotas                     401      403    403   403  403      200
PUT    /projects/{project}/members/{person}           401      404    403   403  200      200
DELETE /projects/{project}/members/{person}           401      404    403   403  204      204
GET    /projects/{project}/grants                     401      404    200   200  200      200
POST   /projects/{project}/grants                     401      403    403   403  403      201
POST   /sites/{site}/drain                            401      403    403   403  403      204
POST   /sites/{site}/undrain                          401      403    403   403  403      204
GET    /openapi.json                                  200      200    200   200  200      200
POST   /node/join                                     401      401    401   401  401      401
POST   /node/report                                   401      401    401   401  401      401
GET    /node/orders                                   401      401    401   401  401      401
GET    /node/package                                  401      401    401   401  401      401
GET    /node/seats/{seat}/files                       401      401    401   401  401      401
PUT    /node/seats/{seat}/files                       401      401    401   401  401      401
PUT    /node/logs                                     401      401    401   401  401      401
PUT    /node/tails                                    401      401    401   401  401      401
PUT    /node/metrics                                  401      401    401   401  401      401
GET    /monitoring/targets                            401      403    403   403  403      200
GET    /monitoring/scrape/{cluster}/{endpoint}        401      403    403   403  403      404
GET    /monitoring/metrics                            401      403    403   403  403      200
GET    /bookings/{booking}/metrics/api/v1/query       401      404    409   409  409      409
GET    /bookings/{booking}/metrics/api/v1/query_range 401      404    409   409  409      409
GET    /bookings/{booking}/metrics/api/v1/labels      401      404    409   409  409      409
GET    /bookings/{booking}/metrics/api/v1/label/{label}/values 401 404 409  409  409      409
GET    /bookings/{booking}/metrics/api/v1/series      401      404    409   409  409      409
GET    /door                                          404      404    404   404  404      404
"""

SERIES = {
    "profile": PROFILE,
    "first": "2027-03-02T10:00",
    "duration_s": 3600,
    "zone": "Europe/Madrid",
    "repeat": {"frequency": "weekly", "times": 3},
}
BODIES = {
    "POST /offers": {"profile": PROFILE, "duration_s": 3600, "project": "gaia"},
    "POST /bookings": {"profile": PROFILE, "duration_s": 3600, "project": "gaia"},
    "POST /series-plans": {**SERIES, "project": "gaia"},
    "POST /series": {**SERIES, "project": "gaia"},
    "POST /series/{series}/edit": {"scope": "all", "seats": 1},
    "POST /waiting": {
        "profile": PROFILE,
        "duration_s": 3600,
        "within": {"start": "2027-03-08T08:00:00Z", "end": "2027-03-12T18:00:00Z"},
        "project": "gaia",
    },
    "POST /feeds": {"project": "gaia"},
    "POST /people": {"name": "newcomer"},
    "POST /projects": {"name": "newproject"},
    "POST /node/join": {"join_token": "almj_" + "a" * 43, "own_token": "almn_" + "a" * 43},
    "POST /node/report": {},
    "PUT /node/tails": {"tails": {}},
    "PUT /node/metrics": {"text": ""},
}
"""Where the document's own example wouldn't do, because it names what is there already or another project."""

_SINCE = {"query": "up", "start": "0", "end": "60", "step": "15"}
QUERIES = {
    "GET /bookings": {"mine": "false", "project": "gaia"},
    "GET /bookings/{booking}/watch": {"wait_s": 0},
    "GET /bookings/{booking}/metrics/query": {"query": "up"},
    "GET /bookings/{booking}/metrics/query_range": _SINCE,
    "GET /bookings/{booking}/metrics/api/v1/query": {"query": "up"},
    "GET /bookings/{booking}/metrics/api/v1/query_range": _SINCE,
    "GET /ledger": {"project": "gaia"},
    "GET /series": {"mine": "false"},
    "GET /waiting": {"mine": "false"},
}


BOOKINGS = {
    "GET /bookings/{booking}/connection": owned.running,
    "GET /bookings/{booking}/logs": owned.running,
    "GET /bookings/{booking}/receipt": owned.over,
    "POST /bookings/{booking}/release": owned.begun,
    "POST /bookings/{booking}/resize": owned.class_ahead,
    "POST /bookings/{booking}/approve": owned.unapproved,
    "POST /bookings/{booking}/decline": owned.unapproved,
}
"""Where a booking for tomorrow wouldn't do."""

_APPLICATION = create_app(None)
_DOCUMENT = _APPLICATION.openapi()
_ROWS = table(TABLE, ROLES)
CASES = [(route, role, status) for route, row in _ROWS.items() for role, status in row.items()]


@pytest.fixture
def world(world: World, tmp_path: Path) -> World:
    """One whose sites have machines that call, so that everybody could pretend to be one."""
    state = world.http.app.state
    nodes = Nodes(world.app.database, Vault(Fernet.generate_key()), world.clock, tmp_path / "storage", save_cap=1)
    state.almanac, state.node_calls = replace(world.app, nodes=nodes), call_limit()
    return world


def _browser(world: World, role: str) -> str:
    """Sign a browser in as somebody in a role; returns its token against forged requests."""
    with world.app.database.write() as unit:
        new = begin(unit, world.caller(role).person, "password", "Firefox", world.clock())
    world.http.cookies.set("almanac_session", new.cookie)
    return new.csrf_token


def _body(route: str) -> object:
    """The body that the document gives as an example, so that the examples are known to work."""
    method, path = route.split()
    operation = _DOCUMENT["paths"].get(BASE + path, {}).get(method.lower(), {})
    if route in BODIES or "requestBody" not in operation:
        return BODIES.get(route)
    model = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    return _DOCUMENT["components"]["schemas"][model]["example"]


def test_every_route_has_a_row_and_every_row_a_route():
    assert {route.replace(BASE, "", 1) for route in routes_of(_APPLICATION)} == set(_ROWS)


def test_what_is_somebodys_is_refused_to_strangers():
    assert open_to_strangers(_ROWS) == []


@pytest.mark.parametrize(("route", "role", "status"), CASES)
def test_a_role_gets_what_the_table_says(world, route, role, status):
    path = filled(world, route.split()[1], BOOKINGS.get(route))
    answer = world.call(role, route.split()[0], path, params=QUERIES.get(route), json=_body(route))
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert set(answer.json()["error"]) == {"code", "message", "hint", "details"}
    if role not in {"outsider", "operator"}:
        assert MARK not in answer.text


BY_SESSION = [(*case, True) for case in CASES if "/account" in case[0] and case[1] != "anonymous"]
FORGED = [(route, role, 0, False) for route, role, _ in CASES if role == "operator" and not route.startswith("GET")]


@pytest.mark.parametrize(("route", "role", "status", "genuine"), BY_SESSION + FORGED)
def test_a_session_is_worth_a_token_and_nothing_without_its_token_against_forgery(world, route, role, status, genuine):
    path, csrf = filled(world, route.split()[1], BOOKINGS.get(route)), _browser(world, role)
    headers = {"X-CSRF-Token": csrf} if genuine else {}
    answer = world.call("anonymous", route.split()[0], path, json=_body(route), headers=headers)
    assert answer.status_code in ({status} if genuine else {401, 403}), answer.text
