"""Shared data in clusters of the local site: seen by those whose profile asks for it, and by nobody else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.local.test_isolation import ask, probing

from almanac.core.ports import Temporary
from almanac.sites.local import isolation
from almanac.sites.local.data import Mount

pytestmark = pytest.mark.root


@pytest.fixture
def archive() -> Iterator[Path]:
    """Outside of temporary directories, which every cluster has of its own."""
    with tempfile.TemporaryDirectory(dir="/srv", prefix="almanac-test-") as made:
        top = Path(made)
        top.chmod(0o755)
        for name in ("gaia", "survey", "shared"):
            (top / name).mkdir(mode=0o755)
            (top / name / "stars.csv").write_text(f"stars of {name}")
        (top / "shared").chmod(0o1777)
        (top / "gaia/way-out").symlink_to(top / "survey/stars.csv")
        yield top


@pytest.fixture
def mounts(archive):
    return {
        "gaia-dr3": Mount(archive / "gaia"),
        "survey-2": Mount(archive / "survey"),
        "shared": Mount(archive / "shared", write=True),
    }


def test_a_cluster_sees_what_it_asks_for_and_nothing_else(make_lab, mounts, archive):
    lab = make_lab(render=probing, mounts=mounts)
    lab.start(replace(lab.spec(), data=("gaia-dr3", "elsewhere")))
    facts = ask(
        lab,
        "c-1",
        data="os.listdir('/data')",
        read="open('/data/gaia-dr3/stars.csv').read()",
        write="open('/data/gaia-dr3/mine', 'w')",
        change="open('/data/gaia-dr3/stars.csv', 'a')",
        beside="open('/data/mine', 'w')",
        way_out="open('/data/gaia-dr3/way-out').read()",
        where_it_lies=f"os.listdir({str(archive / 'gaia')!r})",
        another=f"os.listdir({str(archive / 'survey')!r})",
        flags="[line.split()[5] for line in open('/proc/self/mountinfo') if ' /data/gaia-dr3 ' in line]",
    )
    assert facts["data"] == ["gaia-dr3"]
    assert facts["read"] == "stars of gaia"
    assert {facts[name] for name in ("write", "change", "beside")} <= {"PermissionError", "OSError"}
    assert facts["way_out"] == "FileNotFoundError"
    assert facts["where_it_lies"] == facts["another"] == []
    assert {"ro", "nosuid", "nodev"} <= set(facts["flags"][0].split(","))


def test_read_only_holds_even_where_everybody_may_write(make_lab, mounts, archive):
    (archive / "gaia").chmod(0o777)
    lab = make_lab(render=probing, mounts=mounts)
    lab.start(replace(lab.spec(), data=("gaia-dr3",)))
    assert ask(lab, "c-1", write="open('/data/gaia-dr3/mine', 'w')")["write"] == "OSError"


def test_a_cluster_that_asks_for_nothing_sees_nothing(make_lab, mounts, archive):
    lab = make_lab(render=probing, mounts=mounts)
    lab.start(lab.spec())
    facts = ask(
        lab, "c-1", lies=f"[os.listdir({str(archive)!r} + '/' + n) for n in ('gaia', 'survey', 'shared')]",
        seen="os.path.exists('/data/gaia-dr3')",
    )  # fmt: skip
    assert facts["lies"] == [[], [], []]
    assert not facts["seen"]


def test_what_is_for_writing_is_written_where_it_lies(make_lab, mounts, archive):
    lab = make_lab(render=probing, mounts=mounts)
    lab.start(replace(lab.spec(), data=("shared",)))
    ask(lab, "c-1", write="open('/data/shared/found', 'w').write('a star')")
    assert (archive / "shared/found").read_text() == "a star"
    lab.stop()
    assert (archive / "shared/found").exists()


def test_data_that_is_not_there_is_named_and_the_cluster_comes_up_once_it_is(make_lab, mounts, archive):
    lab = make_lab(mounts={**mounts, "late": Mount(archive / "late")})
    spec = replace(lab.spec(workers=0), data=("late",))
    with pytest.raises(Temporary, match=f"^late can't be mounted: {archive}/late isn't there.$"):
        lab.start(spec)
    (archive / "late").touch()
    with pytest.raises(Temporary, match="is no directory"):
        lab.start(spec)
    (archive / "late").unlink()
    (archive / "late").mkdir()
    lab.start(spec)
    lab.ready()


def test_without_namespaces_data_is_read_where_it_lies_and_people_are_told(make_lab, mounts, archive, monkeypatch):
    monkeypatch.setattr(isolation, "UNSHARE", ("false",))
    lab = make_lab(mounts=mounts)
    told = lab.site.capacity()
    assert told.mounts["gaia-dr3"] == str(archive / "gaia")
    assert "read where it lies, not at /data" in told.isolation
