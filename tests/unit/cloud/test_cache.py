"""What is made once for all clouds, and for how long it is kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from scripts.cloud import environment


def make(place: Path) -> bool:
    """Make it if it is wanted; whether it was."""
    with environment.once(place) as wanted:
        if wanted:
            place.mkdir()
            (place / "made").touch()
    return wanted


def test_a_thing_is_made_once(tmp_path: Path) -> None:
    assert make(tmp_path / "seed-1")
    assert not make(tmp_path / "seed-1")


def test_half_made_things_are_made_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "seed-1").mkdir()
    (tmp_path / "seed-1" / "half").touch()
    assert make(tmp_path / "seed-1")
    assert not (tmp_path / "seed-1" / "half").exists()


def test_things_that_nobody_used_for_weeks_go_when_a_new_one_comes(tmp_path: Path) -> None:
    for name in ("seed-1", "seed-2", "venv-1"):
        make(tmp_path / name)
    month_ago = time.time() - 30 * 86400
    for name in ("seed-1", "venv-1"):
        os.utime(tmp_path / name / "made", (month_ago, month_ago))
    make(tmp_path / "seed-3")
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"seed-2", "seed-3", "venv-1"}


def test_the_cache_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMANAC_CLOUD_CACHE", str(tmp_path))
    assert environment.venv().parent == tmp_path
    monkeypatch.delenv("ALMANAC_CLOUD_CACHE")
    assert environment.venv().parent == environment.ROOT / ".openstack" / "cache"
