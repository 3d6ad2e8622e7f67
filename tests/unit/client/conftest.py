from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.support.standin import StandIn, standing_in

from almanac.client import Client


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with standing_in() as server:
        yield server


@pytest.fixture
def client(stand_in: StandIn) -> Iterator[Client]:
    with Client(stand_in.url, "secret-token") as client:
        yield client


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(autouse=True)
def _own_credentials(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ALMANAC_CONFIG", str(tmp_path / "config" / "credentials.toml"))
    monkeypatch.delenv("ALMANAC_URL", raising=False)
    monkeypatch.delenv("ALMANAC_TOKEN", raising=False)
