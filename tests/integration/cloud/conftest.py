"""Fixtures: the cloud, and a project in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cloud import Cloud, Project, running_cloud


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    """A running cloud."""
    with running_cloud() as found:
        yield found


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> Iterator[Project]:
    """A project of the test's own."""
    made = cloud.project(tmp_path)
    yield made
    cloud.remove(made)
