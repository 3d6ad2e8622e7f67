"""Schemathesis over the whole OpenAPI document as each role: answers as documented, no 5xx, nothing of somebody else's.

Two projects live side by side; everything in one carries a mark that no answer to the other may hold. Ids in requests are
often real ones, of both projects.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.python import asgi
from starlette.testclient import TestClient
from tests.integration.api.world import MARK, PEOPLE, PROFILE, ROLES, SITE, Seed, World, grow, plant

from almanac.api.app import create_app
from almanac.services.requests import BookingRequest
from almanac.services.sessions import begin

OURS, THEIRS = "vqkw", MARK
_REAL = {"probability": 0.8}


def _labels(*kinds: str) -> dict[str, list[str]]:
    """Labels that stand for real ids in generated requests; the ids themselves differ from run to run."""
    return {"values": [f"{side}-{kind}" for side in ("ours", "theirs") for kind in kinds]}


CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 20270301,
        "dictionaries": {
            "bookings": _labels("ready", "ahead", "offer", "cancelled", "ended", "limited"),
            "offers": _labels("offer"),
            "series": _labels("series"),
            "waiting": _labels("waiting"),
            "feeds": _labels("feed"),
            "tokens": _labels("token"),
            "sessions": _labels("session"),
            "people": {"values": [person for person, _, _ in PEOPLE.values()]},
            "projects": {"values": sorted({project for _, project, _ in PEOPLE.values()})},
            "profiles": {"values": [PROFILE, "notebook"]},
            "sites": {"values": [SITE]},
            "sources": {"values": ["almanac", "last-year"]},
        },
        "parameters": {
            "path.booking": {"dictionary": "bookings", **_REAL},
            "path.offer": {"dictionary": "offers", **_REAL},
            "path.series": {"dictionary": "series", **_REAL},
            "path.waiting": {"dictionary": "waiting", **_REAL},
            "path.feed": {"dictionary": "feeds", **_REAL},
            "path.token": {"dictionary": "tokens", **_REAL},
            "path.session": {"dictionary": "sessions", **_REAL},
            "path.person": {"dictionary": "people", **_REAL},
            "path.project": {"dictionary": "projects", **_REAL},
            "path.site": {"dictionary": "sites", **_REAL},
            "path.source": {"dictionary": "sources", **_REAL},
            "query.project": {"dictionary": "projects", **_REAL},
            "query.site": {"dictionary": "sites", **_REAL},
            "body.profile": {"dictionary": "profiles", **_REAL},
            "body.project": {"dictionary": "projects", **_REAL},
            "body.site": {"dictionary": "sites", **_REAL},
        },
        "generation": {"with-security-parameters": False, "deterministic": True, "max-examples": 8},
        # What is well-formed may still be refused: a past start, a token that is unknown, an id of nothing.
        "checks": {"positive_data_acceptance": {"enabled": False}},
    }
)
APP = create_app(None)
schema = schemathesis.openapi.from_dict(APP.openapi(), config=CONFIG)
schema.app = APP


@dataclass(frozen=True)
class Planted:
    """The seed with bookings in every state on both sides.

    Attributes:
        real: label -> id.
        marks: side -> what only that side may read.
    """

    seed: Seed
    real: dict[str, str]
    marks: dict[str, set[str]]


@pytest.fixture(scope="session")
def planted(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """The database that every test starts from."""
    directory = tmp_path_factory.mktemp("planted")
    seed = plant(Path(shutil.copy(sqlite_template, directory / "seed.db")))
    (directory / "grown").mkdir()
    with grow(seed, directory / "grown", TestClient(APP)) as world:
        ours, theirs = _plant_bookings(world, "owner", OURS), _plant_bookings(world, "outsider", THEIRS)
        marks = {
            side: _secrets(world, role, real)
            for side, role, real in (("ours", "owner", ours), ("theirs", "outsider", theirs))
        }
    real = {f"ours-{kind}": id_ for kind, id_ in ours.items()} | {f"theirs-{kind}": id_ for kind, id_ in theirs.items()}
    marks["ours"].add(OURS)
    marks["theirs"].add(THEIRS)
    return Planted(replace(seed, database=directory / "grown" / "almanac.db"), real, marks)


def _plant_bookings(world: World, role: str, mark: str) -> dict[str, str]:
    real = {}
    for kind in ("ended", "ready", "ahead", "cancelled"):
        real[kind] = world.book(
            role, title=f"{kind} {mark}", hours_ahead=24 if kind in {"ahead", "cancelled"} else 0
        ).id
    caller, now = world.caller(role), world.clock()
    world.app.bookings.cancel(caller, real["cancelled"], now)
    world.app.bookings.release(caller, real["ended"], now)
    world.until_ready(real["ready"])
    asked = BookingRequest(PROFILE, timedelta(hours=1), world.clock() + timedelta(hours=48), title=f"offer {mark}")
    real["offer"] = world.app.bookings.offer(caller, asked, world.clock()).id
    real["limited"] = world.above_limits(role, title=f"limited {mark}").id
    real["series"] = world.series(role, title=f"series {mark}").id
    real["waiting"] = world.waiting(role, title=f"waiting {mark}").id
    real["token"] = world.app.accounts.create_token(caller, f"token {mark}", world.clock()).id
    feed = world.app.feeds.make(caller, None, world.clock())
    real["feed"], real["secret"] = feed.id, feed.secret
    world.app.particulars.change(caller, display_name=f"person {mark}")
    with world.app.database.write() as unit:
        real["session"] = begin(unit, caller.person, "password", f"browser {mark}", world.clock()).id
    return real


def _secrets(world: World, role: str, real: dict[str, str]) -> set[str]:
    found = world.app.access.connection(world.caller(role), real["ready"], world.clock())
    notebooks = {seat.notebook_url.partition("token=")[2] for seat in found.seats}
    return {*real.values(), found.connect_url.partition("token=")[2].partition(";")[0], *notebooks}


@pytest.fixture
def fresh(planted: Planted, tmp_path: Path) -> Iterator[World]:
    """The planted world, anew for each operation and role."""
    with grow(planted.seed, tmp_path, TestClient(APP)) as world:
        yield world


PATIENCE_S = 60
"""For one answer: a busy machine has stood still for ten seconds."""


@pytest.mark.parametrize("role", ROLES)
@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_answers_are_as_documented_and_nobody_elses(case, role, fresh, planted):
    _make_real(case, planted.real)
    token = fresh.tokens.get(role)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    response = case.call_and_validate(headers=headers, session=asgi.get_client(APP), timeout=PATIENCE_S)
    told = response.text + repr(response.headers)
    for side in _not_theirs(role):
        leaked = [mark for mark in planted.marks[side] if mark in told and mark not in _sent(response)]
        assert not leaked, f"{role} read {leaked} of the other project: {told}"


def _make_real(case, real: dict[str, str]) -> None:
    """Put ids where labels stand, and let nobody watch for an hour."""
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = real.get(value, value)
    if case.operation.path.endswith("/watch") and case.method == "GET":
        case.query = {**(case.query or {}), "wait_s": 0}


def _not_theirs(role: str) -> tuple[str, ...]:
    return {"operator": (), "outsider": ("ours",), "anonymous": ("ours", "theirs")}.get(role, ("theirs",))


def _sent(response) -> str:
    request = response.request
    body = request.body.decode(errors="replace") if isinstance(request.body, bytes) else str(request.body)
    return f"{request.url} {body} {request.headers}"
