"""Fixtures for tests that need the database with somebody in it."""

from __future__ import annotations

import pytest
from tests.support.samples import with_people

from almanac.storage.database import Database


@pytest.fixture
def peopled(database: Database) -> Database:
    """A database that knows ada and grace, gaia and euclid; once on each of the two kinds."""
    with_people(database)
    return database
