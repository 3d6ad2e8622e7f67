"""A project in the cloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cloud import Cloud, Project


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> Iterator[Project]:
    """A project of the test's own."""
    made = cloud.project(tmp_path)
    yield made
    cloud.remove(made)
