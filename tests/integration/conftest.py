"""Fixtures for tests that need the database with somebody in it, or Spark with its class-data archive."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.samples import with_people

from almanac.spark.archive import ensure_archive
from almanac.spark.runtime import Runtime, find_runtime
from almanac.storage.database import Database


@pytest.fixture
def peopled(database: Database) -> Database:
    """A database that knows ada and grace, gaia and euclid; once on each of the two kinds."""
    with_people(database)
    return database


@pytest.fixture(scope="session")
def runtime(pytestconfig: pytest.Config) -> Runtime:
    """Spark with its archive: the one that set-up has made, else one that is made once and kept in pytest's cache."""
    cache = Path(os.environ.get("ALMANAC_CACHE") or pytestconfig.cache.mkdir("almanac-spark"))
    found = find_runtime(cache)
    return replace(found, archive=str(ensure_archive(found, cache)))
