"""A whole Almanac on simulated sites, on each of the two databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.rig import Rig


@pytest.fixture
def rig(database_url: str) -> Iterator[Rig]:
    """Almanac with the sites `sky` (two hosts) and `cave` (one), and ADA in project gaia."""
    made = Rig(database_url)
    yield made
    made.close()
