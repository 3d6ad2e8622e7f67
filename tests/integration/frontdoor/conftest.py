"""A whole Almanac, its real proxy, and stand-ins for what a cluster runs."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient
from tests.integration.api.world import PEOPLE, Seed, World, grow, plant
from tests.support import behind

from almanac.api.app import create_app
from almanac.factory import fronted
from almanac.server.doorkeeper import Doorkeeper
from almanac.server.entrance import Entrance, find_entrance
from almanac.services.sessions import begin
from almanac.settings import DoorSettings, Settings
from almanac.spark.trial import free_ports


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.door)


PORTS = ("port", "platforms_port")


@dataclass
class House:
    """Almanac behind its door; ada's booking is ready.

    Attributes:
        almanac: its own address.
        booking: ada's.
        cluster: its cluster.
    """

    world: World
    entrance: Entrance
    doorkeeper: Doorkeeper
    almanac: str
    booking: str
    cluster: str

    @property
    def url(self) -> str:
        return self.entrance.door.addresses.url

    @property
    def platforms(self) -> str:
        return self.entrance.door.addresses.platforms_url

    @property
    def seat_token(self) -> str:
        """As the link of ada's seat carries it."""
        return self.connection.seats[0].notebook_url.partition("token=")[2]

    @property
    def connection(self):
        """What ada is told of her booking."""
        return self.world.app.access.connection(self.world.caller("owner"), self.booking, self.world.clock())

    @property
    def notebook(self) -> str:
        return f"{self.platforms}/n/{self.cluster}/seat-1"

    @property
    def spark_ui(self) -> str:
        return f"{self.platforms}/s/{self.cluster}/connect"

    def bearer(self, role: str) -> dict[str, str]:
        """The headers of a program of somebody's."""
        return {"Authorization": f"Bearer {self.world.tokens[role]}"} if role in self.world.tokens else {}

    def cookie(self, role: str) -> dict[str, str]:
        """The headers of a browser that somebody is signed in with."""
        if role == "anonymous":
            return {}
        person = PEOPLE[role][0] if role in PEOPLE else "admin"
        with self.world.app.database.write() as unit:
            new = begin(unit, person, "password", "test", self.world.clock())
        name = "__Host-almanac_session" if self.url.startswith("https") else "almanac_session"
        return {"Cookie": f"{name}={new.cookie}"}

    def look(self) -> None:
        """Let the doorkeeper look, as it does each second."""
        self.doorkeeper._turn()


@pytest.fixture(scope="module")
def seed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    return plant(Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("seed") / "seed.db")))


@pytest.fixture(scope="module")
def house(seed: Seed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One for a module: tests leave it as it was."""
    with opened(seed, tmp_path_factory.mktemp("state")) as house:
        yield house


@pytest.fixture
def own_house(seed: Seed, tmp_path: Path) -> Iterator[House]:
    """One for a test that changes it."""
    with opened(seed, tmp_path) as house:
        yield house


@contextmanager
def opened(seed: Seed, state: Path, **door: object) -> Iterator[House]:
    """A house whose door is open."""
    entrance = find_entrance(Settings(state=state, door=DoorSettings(enabled=True, **free_ports(PORTS), **door)))
    with (
        behind.web() as web,
        behind.connect() as connect,
        TestClient(create_app(None)) as http,
        grow(seed, state, http) as world,
    ):
        world.app = http.app.state.almanac = fronted(world.app, entrance.door)
        booking = world.book().id
        world.until_ready(booking)
        cluster = _point(world, booking, web, connect)
        with _served(http.app) as almanac:
            doorkeeper = Doorkeeper(world.app, entrance.door, entrance.proxy(almanac), look_s=3600)
            doorkeeper.start()
            try:
                assert entrance.door.trouble == ""
                yield House(world, entrance, doorkeeper, almanac, booking, cluster)
            finally:
                doorkeeper.stop()


def _point(world: World, booking: str, web: int, connect: int) -> str:
    """The stand-ins take the place of what the simulated site only pretends to run."""
    with world.app.database.write() as unit:
        row = unit.clusters.for_booking(booking)
        page = f"http://127.0.0.1:{web}"
        endpoints = {"connect": f"127.0.0.1:{connect}", "notebook:seat-1": page, "ui:connect": page}
        unit.clusters.record(row.id, row.changed_at, endpoints=endpoints)
    return row.id


@contextmanager
def _served(app) -> Iterator[str]:
    """The application at a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
