"""The worked examples on a real cluster: the diagnosis of each names what it provokes, and of the mended ones nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.worked import Ran, event_log, names, run

from almanac.diagnosis.diagnose import Diagnosis, diagnose
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
from almanac.diagnosis.run import Run, between

PROVOKED = {
    "driver": "driver",
    "garbage-collection": "gc",
    "network": "network",
    "python-functions": "python",
    "skew": "skew",
    "small-files": "small_files",
    "spill": "spill",
    "storage": "storage",
    "too-few-partitions": "few_partitions",
}
PLATFORM = Platform(storage_bytes_per_second=2e6)
"""As fast as the store that the example brings."""
BUSY = {"scheduling", "idle"}
"""What a busy machine does to any job: the tests can't keep it from being busy."""


@dataclass
class Worked:
    """All examples, run."""

    ran: dict[str, Ran]
    run: Run

    def diagnosis(self, name: str, tag: str) -> Diagnosis:
        """Of an example's cell."""
        assert self.ran[name].trouble == ""
        return diagnose(between(self.run, *self.ran[name].spans[tag]), PLATFORM)


@pytest.fixture(scope="module")
def worked(runtime, tmp_path_factory) -> Worked:
    root: Path = tmp_path_factory.mktemp("worked")
    ran = run(root, runtime)
    return Worked(ran, read(event_log(root)))


def test_every_example_is_known_here():
    assert names() == ["healthy", *PROVOKED]


@pytest.mark.parametrize("name", PROVOKED)
def test_what_an_example_provokes_is_the_top_cause(worked, name):
    found = worked.diagnosis(name, "provoked")
    assert [cause.kind for cause in found.causes][:1] == [PROVOKED[name]], found


@pytest.mark.parametrize("name", [*PROVOKED, "healthy"])
def test_nothing_is_wrong_with_a_mended_one(worked, name):
    found = worked.diagnosis(name, "mended")
    assert {cause.kind for cause in found.causes if not cause.capacity} <= BUSY, found
    assert found.spent.run > 0
