"""A project in a real cloud for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.cloud import Cloud, running_cloud
from tests.support.outpost import Outpost
from tests.support.sky import Sky, until
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


@pytest.fixture
def sky(tenant: Tenant, tmp_path: Path) -> Iterator[Sky]:
    """A site in the test's project; nothing of it is left at the end."""
    made = Sky(tenant, tmp_path)
    yield made
    made.end()
    until(lambda: not tenant.left(), "something is left")
    made.close()


@pytest.fixture
def outposts(tenant: Tenant, tmp_path: Path) -> Iterator[Callable[..., Outpost]]:
    """Makes whole Almanacs on the test's project, which is empty before and after."""
    assert tenant.left() == ""
    made: list[Outpost] = []

    def make(name: str = "almanac", **wanted: object) -> Outpost:
        made.append(Outpost(tenant, tmp_path / name, **wanted))
        return made[-1]

    yield make
    for one in made:
        one.close()
    until(lambda: not tenant.left(), "something is left")
