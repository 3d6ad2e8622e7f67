"""One uid per cluster, machine-wide, none leaked."""

from __future__ import annotations

import os
import pwd

import pytest

from almanac.core.ports import Temporary
from almanac.sites.local import uids

FIRST = 1_700_000_000
"""As nobody else runs here: other tests' clusters have uids of the real range."""


@pytest.fixture
def run_dirs(tmp_path):
    made = [tmp_path / f"c-{n}" for n in range(4)]
    for directory in made:
        directory.mkdir()
    return made


def test_each_gets_its_own_and_keeps_it(tmp_path, run_dirs):
    registry = tmp_path / "uids"
    given = [uids.allocate(d, registry, FIRST) for d in run_dirs]
    assert given == [FIRST + n for n in range(4)]
    assert [uids.allocate(d, registry, FIRST) for d in run_dirs] == given
    assert [uids.of(d, registry) for d in run_dirs] == given


def test_one_that_was_given_back_is_given_again(tmp_path, run_dirs):
    registry = tmp_path / "uids"
    first, second, third, _ = run_dirs
    uids.allocate(first, registry, FIRST)
    kept = uids.allocate(second, registry, FIRST)
    uids.free(first, registry)
    uids.free(first, registry)
    assert uids.of(first, registry) is None
    assert uids.allocate(third, registry, FIRST) == FIRST
    assert uids.of(second, registry) == kept


def test_a_deleted_state_directory_leaks_none(tmp_path, run_dirs):
    registry = tmp_path / "uids"
    uids.allocate(run_dirs[0], registry, FIRST)
    run_dirs[0].rmdir()
    assert uids.allocate(run_dirs[1], registry, FIRST) == FIRST
    assert uids.taken(registry) == {FIRST: str(run_dirs[1])}


def test_one_that_is_somebodys_is_not_given(tmp_path, run_dirs):
    me, them = os.getuid(), max(entry.pw_uid for entry in pwd.getpwall())
    assert uids.allocate(run_dirs[0], tmp_path / "uids", first=them, count=2) == them + 1
    with pytest.raises(Temporary, match="All 1 user ids"):
        uids.allocate(run_dirs[1], tmp_path / "other", first=me, count=1)


def test_all_taken_is_temporary(tmp_path, run_dirs):
    registry = tmp_path / "uids"
    for directory in run_dirs[:3]:
        uids.allocate(directory, registry, FIRST, count=3)
    with pytest.raises(Temporary, match="All 3 user ids from 1700000000 on are taken"):
        uids.allocate(run_dirs[3], registry, FIRST, count=3)


def test_no_registry_is_no_trouble(tmp_path):
    assert uids.taken(tmp_path / "none") == {}
    uids.free(tmp_path, tmp_path / "none")
