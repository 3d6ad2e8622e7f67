"""Machines at the HTTP door, and everybody who pretends to be one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.integration.api.test_bad_input import refused
from tests.integration.api.world import ROLES, World

from almanac.api.app import MAX_BODY, create_app
from almanac.api.node_models import MOST_NUMBERS
from almanac.api.routes.nodes import call_limit
from almanac.core.ports import NodeDesk
from almanac.node.orders import Orders, Seat
from almanac.node.parcel import END, Entry, Stamp
from almanac.services.nodes import Nodes
from almanac.services.vault import Vault

OWN = "almn_" + "a" * 43
ORDERS = Orders(seats={"seat-1": Seat("/home", "gaia/people/ada"), "seat-2": Seat("/home2")}, logs="gaia/logs")
ROUTES = [
    ("POST", "/node/report"),
    ("GET", "/node/orders"),
    ("GET", "/node/package"),
    ("GET", "/node/seats/seat-1/files"),
    ("PUT", "/node/seats/seat-1/files"),
    ("PUT", "/node/logs"),
    ("PUT", "/node/tails"),
    ("PUT", "/node/metrics"),
]
BODIES = {"/node/report": {"json": {}}, "/node/tails": {"json": {"tails": {}}}, "/node/metrics": {"json": {"text": ""}}}


@dataclass
class Machine:
    world: World
    desk: NodeDesk
    storage: Path
    token: str = OWN

    def call(self, method: str, path: str, **options: object):
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.world.call("anonymous", method, f"/node{path}", headers=headers, **options)


@pytest.fixture
def machine(world: World, tmp_path: Path) -> Iterator[Machine]:
    """A machine that is expected; its Almanac keeps its files in a directory of the test's."""
    nodes = Nodes(world.app.database, Vault(Fernet.generate_key()), world.clock, tmp_path / "storage", save_cap=10_000)
    application = world.http.app
    application.state.almanac = replace(world.app, nodes=nodes)
    application.state.node_calls = call_limit()
    yield Machine(world, nodes.desk("sky", "https://almanac.test"), tmp_path / "storage")
    application.state.almanac = world.app


@pytest.fixture
def joined(machine: Machine) -> Machine:
    """One that has joined and has orders."""
    token = machine.desk.invite("c-1", "head", timedelta(minutes=5))
    machine.desk.direct("c-1", "head", ORDERS.plain())
    answer = machine.world.call("anonymous", "POST", "/node/join", json={"join_token": token, "own_token": OWN})
    assert answer.json() == {"cluster": "c-1", "node": "head"}
    return machine


def parcel(*files: tuple[str, bytes], end: bytes = END) -> bytes:
    return b"".join(Entry("file", name, Stamp(5, len(data))).line() + data for name, data in files) + end


def test_a_machines_life(joined: Machine) -> None:
    told = joined.call("GET", "/orders").json()
    assert told["revision"] == 1
    assert Orders.of(told["orders"]) == ORDERS
    assert told["save_cap"] == 10_000
    report = {"revision": 1, "services": {"master": "ready"}, "doing": "Resting.", "facts": {"gpus": 1}, "idle_s": 3.5}
    assert joined.call("POST", "/report", json=report).json() == {"revision": 1, "ready": ["master"]}
    (seen,) = joined.desk.reports()
    assert (seen.revision, dict(seen.services), seen.doing, seen.facts) == (
        1,
        {"master": "ready"},
        "Resting.",
        {"gpus": 1},
    )
    assert seen.last_active == joined.world.clock() - timedelta(seconds=3.5)


def test_the_package_is_what_notebooks_and_clusters_import(joined: Machine) -> None:
    found = zipfile.ZipFile(io.BytesIO(joined.call("GET", "/package").content))
    names = set(found.namelist())
    assert {"almanac/__init__.py", "almanac/spark/warm_up.py", "almanac/data/gaia_dr3_sample.parquet"} <= names
    assert not [name for name in names if "__pycache__" in name or "services" in name.split("/")]
    assert "pyspark[connect]==4.3.0\n" in found.read("requirements.txt").decode()
    assert "pyspark==4.3.0\n" in found.read("constraints.txt").decode()


def test_files_and_logs_come_and_go(joined: Machine) -> None:
    sent = parcel(("a/sky.ipynb", b"stars"))
    assert joined.call("PUT", "/seats/seat-1/files", content=sent).json() == {"elsewhere": []}
    assert joined.call("GET", "/seats/seat-1/files").content == sent
    assert (joined.storage / "gaia/people/ada/a/sky.ipynb").read_bytes() == b"stars"
    assert joined.call("PUT", "/logs", content=parcel(("master.log", b"up"))).json() == {}
    assert (joined.storage / "gaia/logs/master.log").read_bytes() == b"up"
    assert joined.call("PUT", "/tails", json={"tails": {"master": "nul \0 here"}}).json() == {}
    assert joined.desk.logs("c-1", "head") == {"master": "nul \N{REPLACEMENT CHARACTER} here"}


def test_numbers_come_and_may_be_many_but_not_endless(joined: Machine) -> None:
    many = "".join(f'node_cpu_seconds_total{{cpu="{cpu}",mode="idle"}} 1\n' for cpu in range(1900))
    assert len(many) > MAX_BODY
    assert joined.call("PUT", "/metrics", json={"text": many}).json() == {}
    numbers = joined.world.http.app.state.almanac.nodes.numbers
    assert len(numbers.samples("c-1", "head", joined.world.clock())) == 1900
    refused(joined.call("PUT", "/metrics", json={"text": "x" * (MOST_NUMBERS + 1)}), 422, "bad_request")
    refused(joined.call("PUT", "/metrics", json={"text": "x" * 3 * MOST_NUMBERS}), 413, "too_large")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_persons_token_opens_it(joined: Machine, role: str, method: str, path: str) -> None:
    refused(joined.world.call(role, method, path, **BODIES.get(path, {})), 401, "not_signed_in")


@pytest.mark.parametrize("path", ["/me", "/bookings", "/sites", "/tokens", "/admin/people"])
def test_a_machines_token_opens_nothing_else(joined: Machine, path: str) -> None:
    headers = {"Authorization": f"Bearer {OWN}"}
    answer = joined.world.call("anonymous", "GET", path, headers=headers)
    assert answer.status_code in {401, 404, 405}


@pytest.mark.parametrize("token", ["almj_" + "a" * 43, "almn_" + "b" * 43, OWN[:-1], OWN + "a", "\xff\xfe"])
@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_wrong_token_opens_nothing(joined: Machine, token: str, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    answer = joined.world.call("anonymous", method, path, headers=headers, **BODIES.get(path, {}))
    refused(answer, 401, "not_signed_in")
    assert not joined.storage.exists()


def test_a_used_join_token_is_refused_and_the_site_hears_of_it(machine: Machine) -> None:
    body = {"join_token": machine.desk.invite("c-1", "head", timedelta(minutes=5)), "own_token": OWN}
    assert machine.world.call("anonymous", "POST", "/node/join", json=body).status_code == 200
    assert machine.world.call("anonymous", "POST", "/node/join", json=body).status_code == 200
    thief = {**body, "own_token": "almn_" + "b" * 43}
    assert (
        "used"
        in refused(machine.world.call("anonymous", "POST", "/node/join", json=thief), 401, "not_signed_in")["message"]
    )
    (report,) = machine.desk.reports()
    assert "testclient came with a join token that is used already" in report.trouble


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/report", {"services": {"master": "fine"}}),
        ("/report", {"services": {"../x": "ready"}}),
        ("/report", {"doing": "x" * 1001}),
        ("/report", {"doing": "nul \0"}),
        ("/report", {"revision": -1}),
        ("/report", {"revision": 2**31}),
        ("/report", {"facts": {"gpus": [1]}}),
        ("/report", {"facts": {"gpus": 1e400}}),
        ("/report", {"facts": {f"f{'x' * n}": 1 for n in range(21)}}),
        ("/report", {"idle_s": -1}),
        ("/report", {"idle_s": 1e300}),
        ("/report", {"cluster": "c-2"}),
        ("/tails", {"tails": {"master": "x" * 20_001}}),
        ("/tails", {"tails": {"m" * 81: "x"}}),
        ("/tails", {}),
    ],
)
def test_what_cant_be_is_refused(joined: Machine, path: str, body: object) -> None:
    method = "POST" if path == "/report" else "PUT"
    headers = {"Authorization": f"Bearer {OWN}", "Content-Type": "application/json"}
    answer = joined.world.call("anonymous", method, f"/node{path}", content=json.dumps(body), headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"]["code"] == "bad_request"
    assert joined.desk.reports()[0].services == {}


def test_a_report_has_a_size(joined: Machine) -> None:
    refused(joined.call("POST", "/report", content=b" " * (MAX_BODY + 1)), 413, "too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x1f\x8b not a parcel",
        parcel(("a", b"x"), end=b""),
        parcel(("../../../etc/cron.d/x", b"x")),
        parcel(("/etc/passwd", b"x")),
        parcel(("a", b"x" * 10_001)),
        Entry("file", "a", Stamp(0, 1 << 60)).line(),
    ],
)
@pytest.mark.parametrize("path", ["/seats/seat-1/files", "/logs"])
def test_a_hostile_parcel_changes_nothing_and_leaves_nothing(joined: Machine, path: str, body: bytes) -> None:
    refused(joined.call("PUT", path, content=body), 422, "bad_request")
    assert [found for found in joined.storage.rglob("*") if found.is_file()] == []


def test_an_upload_without_end_is_cut_off(joined: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("almanac.api.routes.nodes._LINES", 100_000)
    endless = (b"x" * 10_000 for _ in range(1000))
    refused(joined.call("PUT", "/seats/seat-1/files", content=endless), 413, "too_large")
    assert list(joined.storage.iterdir()) == []


def test_seats_that_arent_its_own(joined: Machine) -> None:
    for seat in ("seat-2", "seat-3", "..%2f..", "%00"):
        for method in ("GET", "PUT"):
            refused(joined.call(method, f"/seats/{seat}/files"), 404, "not_found")


def test_a_machine_that_calls_too_often_is_slowed_down(joined: Machine) -> None:
    answers = [joined.call("GET", "/orders") for _ in range(60)]
    assert {answer.status_code for answer in answers[:40]} == {200}
    assert int(answers[-1].headers["Retry-After"]) >= 1
    refused(answers[-1], 429, "slow_down")
    joined.world.clock.advance(timedelta(seconds=20))
    assert joined.call("GET", "/orders").status_code == 200


def test_without_clouds_there_is_nothing_to_join(world: World) -> None:
    body = {"join_token": "almj_x", "own_token": OWN}
    refused(world.call("anonymous", "POST", "/node/join", json=body), 404, "not_found")


def test_the_routes_are_no_door_for_people() -> None:
    assert not [path for path in create_app(None).openapi()["paths"] if "/node" in path]
