"""A local site with small services, cleaned up after each test."""

from __future__ import annotations

import pytest
from tests.support.lab import Lab


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def make_lab(state):
    labs = []

    def make(where=None, **settings):
        labs.append(Lab(where or state, **settings))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
        assert lab.left() == []


@pytest.fixture
def lab(make_lab):
    return make_lab()
