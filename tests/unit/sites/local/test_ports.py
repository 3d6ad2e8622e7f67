"""Ports inside, and what is shown outside."""

from __future__ import annotations

import socket

import pytest
from tests.support.lab import NODE, SECRETS

from almanac.core.ports import ClusterSpec, PlacedNode, Seat
from almanac.sites.endpoints import address, doors
from almanac.sites.folder import Folder
from almanac.sites.local import ports
from almanac.spark.service import Service


def spec(workers: int = 2, seats: int = 2) -> ClusterSpec:
    nodes = (
        PlacedNode("head", "head", NODE, "h"),
        *(PlacedNode(f"worker-{n}", "worker", NODE, "h") for n in range(1, workers + 1)),
    )
    return ClusterSpec("c-1", "l-1", "p", nodes, tuple(Seat(f"seat-{n}", "t") for n in range(1, seats + 1)), SECRETS)


@pytest.fixture
def folder(tmp_path):
    with Folder(tmp_path) as opened:
        yield opened


def test_closed_ports_differ_and_stay_when_a_cluster_grows(folder):
    small = ports.choose(spec(1, 1), True, folder, alive=False)
    large = ports.choose(spec(30, 60), True, folder, alive=True)
    assert len(set(large.values())) == len(large) == 4 + 60 + 2 * 30
    assert small.items() <= large.items()


def test_open_ports_are_free_and_kept(folder):
    first = ports.choose(spec(), False, folder, alive=False)
    assert len(set(first.values())) == len(first)
    assert ports.choose(spec(), False, folder, alive=False) == first
    grown = ports.choose(spec(3, 2), False, folder, alive=True)
    assert first.items() <= grown.items()
    assert set(grown) - set(first) == {"worker-3", "worker-3-ui"}
    assert ports.choose(spec(), False, folder, alive=True) == first


def test_open_ports_that_somebody_took_are_picked_anew(folder):
    first = ports.choose(spec(), False, folder, alive=False)
    with socket.create_server(("127.0.0.1", first["connect"])):
        assert ports.choose(spec(), False, folder, alive=True) == first
        again = ports.choose(spec(), False, folder, alive=False)
    assert again["connect"] != first["connect"]


def test_what_is_shown_outside():
    services = [
        Service("master", (), ports={"master": 1, "ui": 2}),
        Service("connect", (), ports={"connect": 3, "ui": 4}),
        Service("worker-1", (), ports={"worker": 5, "ui": 6}),
        Service("notebook-seat-1", (), ports={"notebook": 7}),
        Service("exporter", ()),
    ]
    assert doors(services) == {
        "ui:master": 2,
        "connect": 3,
        "ui:connect": 4,
        "ui:worker-1": 6,
        "notebook:seat-1": 7,
    }
    assert address("connect", 3) == "127.0.0.1:3"
    assert address("notebook:seat-1", 7) == "http://127.0.0.1:7"
