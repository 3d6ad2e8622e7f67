"""Machines in clouds are targets of Prometheus like any other, with what they last told; old numbers are not today's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from starlette.testclient import TestClient
from tests.integration.api.world import grow, plant

from almanac.api.app import create_app
from almanac.services.machine_numbers import STALE, MachineNumbers
from almanac.services.monitoring import Monitoring, TargetTrouble
from almanac.services.vault import Vault

TEXT = 'node_load1{booking="forged"} 7\nnode_uname_info 1\nup 1\n'


@pytest.fixture
def world(sqlite_template, tmp_path):
    with TestClient(create_app(None)) as http:
        seed = plant(Path(shutil.copy(sqlite_template, tmp_path / "seed.db")))
        (tmp_path / "world").mkdir()
        with grow(seed, tmp_path / "world", http) as world:
            yield world


@pytest.fixture
def numbers():
    return MachineNumbers()


@pytest.fixture
def monitoring(world, numbers):
    made = Monitoring(world.app.database, Vault(Fernet.generate_key()), numbers)
    yield made
    made.close()


@pytest.fixture
def cluster(world):
    """The id of a booked cluster, and its booking's."""
    booking = world.book().id
    world.until_ready(booking)
    with world.app.database.read() as unit:
        (found,) = (row.id for row in unit.clusters.unfinished() if row.booking_id == booking)
    return found, booking


def test_each_is_a_target_of_its_booking(world, numbers, monitoring, cluster):
    found, booking = cluster
    assert not [one for one in monitoring.targets("here:1") if "machine:" in one["labels"]["endpoint"]]
    for node in ("worker-1", "head"):
        numbers.take(found, node, TEXT, world.clock())
    numbers.take("another", "head", TEXT, world.clock())
    labels = [one["labels"] for one in monitoring.targets("here:1") if "machine:" in one["labels"]["endpoint"]]
    assert [(one["endpoint"], one["node"], one["booking"]) for one in labels] == [
        ("machine:head", "head", booking),
        ("machine:worker-1", "worker-1", booking),
    ]
    name, value = monitoring.scrape(found, "machine:worker-1", world.clock()).split()
    assert (name, float(value)) == ("node_load1", 7.0)


def test_what_is_old_broken_or_too_much_is_trouble_of_its_target(world, numbers, monitoring, cluster):
    found, _ = cluster
    numbers.take(found, "head", TEXT, world.clock())
    with pytest.raises(TargetTrouble, match="head tells no numbers now"):
        monitoring.scrape(found, "machine:head", world.clock() + 2 * STALE)
    for text in ('node_load1{x="', "node_load1 1\n" * 3000):
        numbers.take(found, "head", text, world.clock())
        with pytest.raises(TargetTrouble):
            monitoring.scrape(found, "machine:head", world.clock())
    numbers.take(found, "worker-1", TEXT, world.clock() + 100 * STALE)
    assert numbers.nodes(found) == ["worker-1"]
