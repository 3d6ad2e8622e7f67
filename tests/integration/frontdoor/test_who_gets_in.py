"""Every kind of thing behind the door, by every way there is, as every role: through the real proxy."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlsplit

import grpc
import httpx2
import pytest
import websocket
from tests.integration.api.world import ROLES
from tests.integration.frontdoor.conftest import House
from tests.support.behind import GRPC_METHOD

from almanac.frontdoor.configuration import QUESTION, configuration
from almanac.services.routes import Kind

# What a role gets: 200 for in. The roles are those of the API's own table: ``owner`` (ada) has the booking; ``member`` and
# ``lead`` belong to the same project, ``outsider`` leads another. A browser shows a session, a program a token.
TABLE = """
                         anonymous outsider member owner lead operator
notebook  page                 303      404    403   200  200      200
notebook  data                 401      404    403   200  200      200
notebook  change               401      404    403   200  200      200
notebook  websocket            401      404    403   200  200      200
notebook  program              401      404    403   200  200      200
ui        page                 303      404    403   200  200      200
ui        data                 401      404    403   200  200      200
ui        websocket            401      404    403   200  200      200
ui        program              401      404    403   200  200      200
connect   grpc                  16        5      7   200  200      200
"""
WAYS = {
    Kind.NOTEBOOK: {"page", "data", "change", "websocket", "program"},
    Kind.SPARK_UI: {"page", "data", "websocket", "program"},
    Kind.CONNECT: {"grpc"},
}


def rows():
    for line in TABLE.strip().splitlines()[1:]:
        kind, way, *expected = line.split()
        for role, status in zip(ROLES, expected, strict=True):
            yield pytest.param(Kind(kind), way, role, int(status), id=f"{kind}-{way}-{role}")


def test_every_kind_of_thing_has_its_rows():
    told = {}
    for line in TABLE.strip().splitlines()[1:]:
        kind, way, *_ = line.split()
        told.setdefault(Kind(kind), set()).add(way)
    assert told == WAYS
    assert set(told) == set(Kind)


def test_there_is_no_other_way_through_the_door(house: House):
    told = json.dumps(configuration(house.doorkeeper._proxy._plan))
    assert set(re.findall(r'"path": (\[.*?\])', told)) == {'["/n/*", "/s/*"]', f'["{QUESTION}"]'}
    assert told.count('"X-Forwarded-Uri"') == 2  # of what asks for gRPC, and of what asks for those paths


@pytest.mark.parametrize(("kind", "way", "role", "expected"), list(rows()))
def test_a_person_reaches_their_own_and_no_others(house: House, kind, way, role, expected):
    address = house.notebook if kind is Kind.NOTEBOOK else house.spark_ui
    if way == "grpc":
        assert said_by_connect(house, house.world.tokens.get(role, "")) == expected
    elif way == "websocket":
        origin = {"Origin": house.platforms}
        assert heard_by_websocket(f"{address}/ws", {**house.cookie(role), **origin}) == expected
    else:
        headers = house.bearer(role) if way == "program" else house.cookie(role)
        accept = {"Accept": "text/html"} if way == "page" else {}
        method = "POST" if way == "change" else "GET"
        answer = httpx2.request(method, f"{address}/lab", headers={**headers, **accept})
        assert answer.status_code == expected
        if expected == 303:
            following = quote(f"{urlsplit(address).path}/lab", safe="")
            assert answer.headers["location"] == f"{house.url}/sign-in?next={following}"
        elif expected != 200:
            assert answer.json()["error"]["hint"]


def heard_by_websocket(address: str, headers: dict[str, str]) -> int:
    try:
        told = websocket.create_connection(
            address.replace("http", "ws", 1), timeout=10, suppress_origin=True, header=headers
        )
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code
    told.send("hello")
    assert told.recv() == "hello"
    told.close()
    return 200


def said_by_connect(house: House, token: str, booking: str | None = None) -> int:
    """200, or gRPC's code of the refusal, which says what would work."""
    address = house.url.partition("//")[2]
    shown = [("authorization", f"Bearer {token}")] if token else []
    with grpc.insecure_channel(address) as channel:
        call = channel.stream_stream(GRPC_METHOD)
        answers = call(
            iter([b"one", b"two"]), metadata=[*shown, ("x-almanac-booking", booking or house.booking)], timeout=10
        )
        try:
            told = [json.loads(answer) for answer in answers]
        except grpc.RpcError as error:
            return error.code().value[0] if " " in error.details() else 0
    assert [one["said"] for one in told] == ["one", "two"]
    assert all(token not in one["metadata"]["authorization"] for one in told)
    assert not any(name.startswith("x-almanac") for one in told for name in one["metadata"])
    return 200


def test_what_a_cluster_is_shown_is_its_own_and_nothing_of_the_persons(house: House):
    cookie = house.cookie("owner")
    for address, shown in ((house.notebook, rf"token {house.seat_token}"), (house.spark_ui, r"Bearer \S+\.\S+\.\S+")):
        answer = httpx2.post(f"{address}/x?y=1", headers={**cookie, "X-Almanac-Door": "guess"}, content=b"a body")
        told = answer.json()
        sent = {name.lower(): value for name, value in told["headers"].items()}
        assert re.fullmatch(shown, sent["authorization"])
        assert told["body"] == "a body"
        assert "cookie" not in sent
        assert not any(name.startswith("x-almanac") for name in sent)
        assert house.entrance.door.secret not in answer.text
        assert cookie["Cookie"].partition("=")[2] not in answer.text


def test_what_a_cluster_runs_plants_no_cookie_and_its_redirects_stay_below_its_path(house: House):
    cookie = house.cookie("owner")
    assert "set-cookie" not in httpx2.get(f"{house.notebook}/lab", headers=cookie).headers
    away = httpx2.get(f"{house.spark_ui}/", params={"away": "/jobs/"}, headers=cookie)
    assert away.headers["location"] == f"/s/{house.cluster}/connect/jobs/"
    told = httpx2.get(f"{house.spark_ui}/jobs/", headers=cookie).json()
    assert (told["path"], told["headers"]["X-Forwarded-Context"]) == ("/jobs/", f"/s/{house.cluster}/connect")


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}])
def test_another_sites_page_changes_nothing_and_opens_no_websocket(house: House, headers):
    cookie = house.cookie("owner")
    answer = httpx2.post(f"{house.notebook}/api/kernels", headers={**cookie, **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forged")
    assert heard_by_websocket(f"{house.notebook}/ws", {**cookie, **headers}) == 403


def test_the_link_of_a_seat_lets_in_and_leaves_the_address(house: House):
    link = f"{house.notebook}/lab?token={house.seat_token}&reset"
    with httpx2.Client(headers={"Accept": "text/html"}) as browser:
        answer = browser.get(link)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/n/{house.cluster}/seat-1/lab"
        (cookie,) = answer.headers.get_list("set-cookie")
        assert f"Path=/n/{house.cluster}/seat-1/;" in cookie
        assert "HttpOnly" in cookie
        assert browser.get(f"{house.notebook}/lab").status_code == 200
        assert browser.get(f"{house.spark_ui}/").status_code == 303
    assert httpx2.get(f"{house.notebook}/x", headers={"Authorization": f"token {house.seat_token}"}).status_code == 200


def test_who_is_signed_in_keeps_no_seat(house: House):
    headers = {**house.cookie("owner"), "Accept": "text/html"}
    answer = httpx2.get(f"{house.notebook}/lab?token={house.seat_token}", headers=headers)
    assert answer.status_code == 303
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["wrong", "alm_aaaaaaaa_" + "a" * 43, "é", "."])
def test_a_token_that_is_none_opens_nothing(house: House, token):
    assert httpx2.get(f"{house.notebook}/lab", params={"token": token}).status_code == 401
    assert httpx2.get(f"{house.spark_ui}/", params={"token": house.seat_token}).status_code == 401
    assert httpx2.get(f"{house.notebook}/", headers={"Authorization": f"token {token}".encode()}).status_code == 401


def test_a_seats_token_is_for_that_seat_of_that_cluster(house: House):
    headers = {"Authorization": f"token {house.seat_token}"}
    for path in (
        "n/c-other/seat-1",
        f"n/{house.cluster}/seat-2",
        f"s/{house.cluster}/connect",
        f"n/{house.booking}/seat-2",
    ):
        assert httpx2.get(f"{house.platforms}/{path}/", headers=headers).status_code == 401
    assert said_by_connect(house, house.seat_token) == 16


def test_a_bookings_address_leads_to_its_cluster(house: House):
    cookie = house.cookie("owner")
    answer = httpx2.get(f"{house.platforms}/n/{house.booking}/seat-1/lab?a=1", headers=cookie)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"/n/{house.cluster}/seat-1/lab?a=1"


@pytest.mark.parametrize(
    "path",
    ["n/c-none/seat-1/", "n/c-none", "s/../n/", "n//evil.example/x/", "n/C-1/seat-1/", "n/%63-1/s/"],
)
def test_what_there_isnt_is_said_so(house: House, path):
    answer = httpx2.get(f"{house.platforms}/{path}", headers=house.cookie("operator"))
    assert answer.status_code == 404


def test_a_seat_or_service_that_there_isnt_names_what_there_is(house: House):
    answer = httpx2.get(f"{house.platforms}/n/{house.cluster}/seat-9/", headers=house.cookie("owner"))
    assert answer.status_code == 404
    assert "notebook:seat-1" in answer.json()["error"]["hint"]


def test_what_people_run_has_an_origin_of_its_own(house: House):
    moved = httpx2.get(f"{house.url}/n/{house.cluster}/seat-1/lab?a=1", headers=house.cookie("owner"))
    assert (moved.status_code, moved.headers["location"]) == (307, f"{house.notebook}/lab?a=1")
    back = httpx2.get(f"{house.platforms}/api/v1/health")
    assert (back.status_code, back.headers["location"]) == (307, f"{house.url}/api/v1/health")


def test_almanac_itself_is_behind_the_entrance_and_knows_who_comes(house: House):
    health = httpx2.get(f"{house.url}/api/v1/health").json()
    assert health["door"] == {"url": house.url, "trouble": ""}
    assert httpx2.get(f"{house.url}/api/v1/me", headers=house.bearer("owner")).json()["person"] == "ada"


def test_nobody_but_the_proxy_asks_the_doors_question(house: House):
    path, secret = "/api/v1/door", house.entrance.door.secret
    uri = f"/n/{house.cluster}/seat-1/"
    own = {"X-Forwarded-Uri": uri, **house.bearer("owner")}
    assert httpx2.get(house.url + path, headers={**own, "X-Almanac-Door": secret}).status_code == 404
    direct = house.world.http
    assert direct.get(path, headers={**own, "X-Almanac-Door": "guess"}).status_code == 404
    assert direct.get(path, headers=own).status_code == 404
    assert direct.get(path, headers={**own, "X-Almanac-Door": secret}).status_code == 200


def test_a_bookings_own_token_is_for_that_booking_and_person(house: House):
    url = house.connection.connect_url
    options = dict(part.split("=") for part in url.partition("/;")[2].split(";"))
    assert url.startswith(f"sc://{house.url.partition('//')[2]}/;")
    assert options["x-almanac-booking"] == house.booking
    assert said_by_connect(house, options["token"]) == 200
    digits, _, person = options["token"].partition(".")
    assert person == "ada"
    for forged in (f"{digits}.lena", f"{'0' * 64}.ada", f"{digits}.", digits):
        assert said_by_connect(house, forged) == 16
    assert said_by_connect(house, options["token"], "b-0000000000") == 16
    assert said_by_connect(house, house.world.tokens["owner"], "b-0000000000") == 5
    assert httpx2.get(f"{house.notebook}/", headers={"Authorization": f"Bearer {options['token']}"}).status_code == 401


def test_people_are_given_the_doors_addresses(house: House):
    found = house.connection
    assert found.seats[0].notebook_url.startswith(f"{house.notebook}/lab?token=")
    assert found.spark_ui_url == f"{house.spark_ui}/"
    assert found.environment == {"SPARK_REMOTE": found.connect_url}
