"""Whatever is sent, the answer is an error in the one shape that says what would work, and nothing is half-done."""

from __future__ import annotations

import logging

import pytest
from starlette.testclient import TestClient
from tests.integration.api.world import API, PROFILE

from almanac.api.app import MAX_BODY, create_app
from almanac.api.middleware import SECURITY_HEADERS

GOOD = {"profile": PROFILE, "duration_s": 3600}


def refused(answer, status: int, code: str) -> dict:
    """The error of an answer, checked for its shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["hint"]
    return error


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"profile": None}, "profile", "valid string"),
        ({"profile": "Spark Small"}, "profile", "pattern"),
        ({"duration_s": 0}, "duration_s", "greater than or equal to 1"),
        ({"duration_s": 2**63}, "duration_s", "less than or equal to"),
        ({"duration_s": 10**400}, "duration_s", "less than or equal to"),
        ({"duration_s": "3600"}, "duration_s", "valid integer"),
        ({"duration_s": 3600.5}, "duration_s", "valid integer"),
        ({"duration_s": True}, "duration_s", "valid integer"),
        ({"seats": -1}, "seats", "greater than or equal to 1"),
        ({"seats": 10**9}, "seats", "less than or equal to 10000"),
        ({"title": "nul \0"}, "title", "pattern"),
        ({"title": "two\nlines"}, "title", "pattern"),
        ({"title": "x" * 121}, "title", "at most 120"),
        ({"title": "\ud800"}, "title", "valid string"),
        ({"project": "../etc"}, "project", "pattern"),
        ({"site": ""}, "site", "at least 1"),
        ({"start": "2027-03-01T10:00:00"}, "start", "offset"),
        ({"start": "tomorrow"}, "start", "valid datetime"),
        ({"start": "0001-01-01T00:00:00+14:00"}, "start", "between the years"),
        ({"start": "9999-12-31T23:59:59-14:00"}, "start", "between the years"),
        ({"start": 1803895200}, "start", "ISO 8601"),
        ({"start": "2027-02-30T10:00:00Z"}, "start", "valid datetime"),
        ({"sitee": "local"}, "sitee", "is not a field here"),
    ],
)
def test_a_wrong_field_is_named_with_what_it_allows(world, change, field, says):
    error = refused(
        world.call("owner", "POST", "/bookings", content=_json({**GOOD, **change}), headers=_JSON), 422, "bad_request"
    )
    assert error["message"].startswith(f"{field}: ")
    assert says in error["message"]
    assert [one["field"] for one in error["details"]["fields"]] == [field]
    assert world.call("owner", "GET", "/bookings").json() == {"bookings": [], "next": None}


_JSON = {"Content-Type": "application/json"}


def _json(value: object) -> bytes:
    """As JSON, whatever is in it; a lone surrogate is written as its escape."""
    import json

    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"[]", 422),
        (b'"x"', 422),
        (b"null", 422),
        (b'{"profile": NaN, "duration_s": Infinity}', 422),
        (b"\xff\xfe{}", 422),
        (b'{"profile": "\xff"}', 400),
        (b"[" * 30_000, 400),
        (b'{"\\ud800": 1}', 422),
        (b'{"profile": "notebook", "duration_s": ' + b"9" * 5_000 + b"}", 400),
    ],
)
def test_a_body_that_isnt_what_it_should_be(world, body, status):
    refused(world.call("owner", "POST", "/bookings", content=body, headers=_JSON), status, "bad_request")


def test_a_body_of_another_type_is_told_so(world):
    answer = world.call("owner", "POST", "/bookings", content=_json(GOOD), headers={"Content-Type": "text/plain"})
    assert "application/json" in refused(answer, 422, "bad_request")["message"]


def test_a_body_that_is_too_large_is_refused_whether_it_says_its_length_or_not(world):
    large = b'{"profile": "' + b"x" * MAX_BODY + b'"}'
    for content in (large, iter([large[:1000], large[1000:]])):
        refused(world.call("owner", "POST", "/bookings", content=content, headers=_JSON), 413, "too_large")


def test_exactly_one_way_to_move_an_end(world):
    booking = world.book(hours_ahead=1).id
    for body in ({}, {"by_s": 60, "until": "2027-03-01T20:00:00Z"}):
        error = refused(world.call("owner", "POST", f"/bookings/{booking}/extend", json=body), 422, "bad_request")
        assert error["message"] == "body: give exactly one of by_s and until."


def test_a_window_that_ends_before_it_starts(world):
    window = {"start": "2027-03-02T10:00:00Z", "end": "2027-03-02T09:00:00Z"}
    refused(world.call("owner", "POST", "/availability", json={**GOOD, "within": window}), 422, "bad_window")
    query = {"from": window["start"], "to": window["end"]}
    refused(world.call("owner", "GET", "/bookings", params=query), 422, "bad_window")


@pytest.mark.parametrize(
    "path", ["/bookings/B-UPPER", "/bookings/" + "x" * 41, "/bookings/a%00b", "/bookings/%ff", "/bookings/-"]
)
def test_an_id_that_is_none(world, path):
    assert "booking: " in refused(world.call("owner", "GET", path), 422, "bad_request")["message"]


@pytest.mark.parametrize("key", ["", "x" * 81, "a b", "\xe9"])
def test_an_idempotency_key_that_is_none(world, key):
    answer = world.call("owner", "POST", "/bookings", json=GOOD, headers={"Idempotency-Key": key.encode("latin-1")})
    assert refused(answer, 422, "bad_request")["message"].startswith("idempotency-key: ")


def test_what_was_sent_is_not_repeated(world):
    body = {"one_time_token": "alm_k3m9q2xa_thisIsAlmostAToken", "<script>": "alert(1)"}
    answer = world.call("anonymous", "POST", "/sign-in", json=body)
    refused(answer, 422, "bad_request")
    assert "thisIsAlmostAToken" not in answer.text
    assert "alert" not in answer.text


def test_many_wrong_fields_are_told_in_part(world):
    error = refused(world.call("owner", "POST", "/bookings", json={f"x{n}": n for n in range(500)}), 422, "bad_request")
    assert len(error["details"]["fields"]) == 10


def test_unknown_routes_and_methods_have_the_same_shape(world):
    refused(world.call("owner", "GET", "/nowhere"), 404, "not_found")
    refused(world.call("owner", "GET", "/bookings/"), 404, "not_found")
    answer = world.call("owner", "DELETE", "/bookings")
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (None, "carries no token"),
        ("Bearer", "carries no token"),
        ("Basic YWRhOng=", "carries no token"),
        ("Bearer alm_k3m9q2xa_" + "x" * 43, "unknown"),
        ("Bearer \xff\xfe", "unknown"),
    ],
)
def test_who_has_no_token_is_told_how_to_get_one(world, header, says):
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = world.call("anonymous", "GET", "/me", headers=headers)
    error = refused(answer, 401, "not_signed_in")
    assert says in error["message"]
    assert "almanac login" in error["hint"]
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_unexpected_is_told_by_an_incident_that_is_in_the_log(world, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(type(world.app.catalogue), "profiles", broken)
    with caplog.at_level(logging.ERROR, logger="almanac.api"):
        answer = world.call("owner", "GET", "/profiles", params={"token": "in-the-query"})
    error = refused(answer, 500, "internal")
    assert "a secret" not in answer.text
    assert error["details"]["incident"] in caplog.text
    assert "RuntimeError: a secret of the inside" in caplog.text
    assert "in-the-query" not in caplog.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/health", "/me", "/nowhere", "/openapi.json", "/bookings/-"])
def test_every_answer_carries_the_security_headers(world, path):
    headers = world.call("owner", "GET", path).headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_no_page_loads_scripts_from_elsewhere(world):
    client: TestClient = world.http
    assert {client.get(path).status_code for path in ("/docs", "/redoc", f"{API}/docs")} == {404}


def test_every_operation_is_described_with_an_example():
    paths = create_app(None).openapi()["paths"]
    for path, item in paths.items():
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert "Example: `" in operation["description"], (method, path)
