"""A project in a real cloud for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cloud import Cloud, running_cloud
from tests.support.tenant import Tenant


@pytest.fixture(scope="session")
def running() -> Iterator[Cloud]:
    """The cloud."""
    with running_cloud() as cloud:
        yield cloud


@pytest.fixture
def tenant(running: Cloud, tmp_path: Path) -> Iterator[Tenant]:
    """A project of a test's own; ended with all that is in it."""
    made = Tenant(running, tmp_path)
    yield made
    made.close()


@pytest.fixture
def routed(running: Cloud, tmp_path: Path) -> Iterator[Tenant]:
    """A project like that, with a way to the public network."""
    made = Tenant(running, tmp_path, routed=True)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _shared(running: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    made = Tenant(running, tmp_path_factory.mktemp("project"))
    yield made
    made.close()


@pytest.fixture
def shared(_shared: Tenant) -> Iterator[Tenant]:
    """A project that tests have one after the other, empty at the beginning and at the end of each: quicker."""
    yield _shared
    _shared.sweep()
