"""A project of its own in a real cloud, for each test."""

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
    """The project; ended with all that is in it."""
    made = Tenant(running, tmp_path)
    yield made
    made.close()
