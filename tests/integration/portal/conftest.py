from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.integration.api.world import Seed, World, grow, plant
from tests.integration.portal.visitor import Visitor

from almanac.portal.app import create_app


@pytest.fixture(scope="session")
def seed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """A database with somebody in every role."""
    return plant(Path(shutil.copy(sqlite_template, tmp_path_factory.mktemp("portal") / "seed.db")))


@pytest.fixture(scope="session")
def http() -> Iterator[TestClient]:
    """Both doors, made once; each world puts its own Almanac behind them."""
    with TestClient(create_app(None)) as http:
        yield http


@pytest.fixture
def world(seed: Seed, tmp_path: Path, http: TestClient) -> Iterator[World]:
    """A fresh world."""
    with grow(seed, tmp_path, http) as world:
        yield world


@pytest.fixture
def ada(world: World) -> Visitor:
    """A member of a project, signed in."""
    return Visitor(world).signed_in("owner")
