"""Control groups of both versions, on directories that look like them."""

from __future__ import annotations

import pytest

from almanac.sites.local import cgroups
from almanac.sites.local.cgroups import CONTROLLERS, Group, hierarchies, plan, trouble

V1 = """\
30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct
34 30 0:30 / /sys/fs/cgroup/memory rw shared:16 - cgroup cgroup rw,memory
35 30 0:31 / /sys/fs/cgroup/pids rw shared:17 - cgroup cgroup rw,pids
36 30 0:32 / /sys/fs/cgroup/systemd rw shared:18 - cgroup cgroup rw,name=systemd
"""
V2 = "31 30 0:27 / /sys/fs/cgroup rw shared:10 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_version_1_is_found_by_controller():
    found = hierarchies(V1)
    assert {name: str(place) for name, place in found.items()} == {
        "cpu": "/sys/fs/cgroup/cpu,cpuacct",
        "memory": "/sys/fs/cgroup/memory",
        "pids": "/sys/fs/cgroup/pids",
    }


def test_version_2_is_found_as_one():
    assert {name: str(place) for name, place in hierarchies(V2).items()} == {"unified": "/sys/fs/cgroup"}


def test_none_is_said():
    assert hierarchies("30 23 0:26 / /sys ro - sysfs sysfs ro\n") == {}
    assert trouble({}) == "no control groups are mounted"


def test_version_1_groups(tmp_path):
    places = {name: tmp_path / name for name in CONTROLLERS}
    assert plan(places, "i-c", 512, 3, 1000) == [
        Group(str(tmp_path / "memory/almanac/i-c"), {"memory.limit_in_bytes": str(512 * 2**20)}, {}),
        Group(
            str(tmp_path / "cpu/almanac/i-c"),
            {"cpu.shares": "3072"},
            {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "300000"},
        ),
        Group(str(tmp_path / "pids/almanac/i-c"), {"pids.max": "1000"}, {}),
    ]


@pytest.fixture
def unified(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("")
    (tmp_path / "almanac").mkdir()
    (tmp_path / "almanac/cgroup.subtree_control").write_text("")
    return {"unified": tmp_path}


def test_version_2_is_joined_with_its_controllers_switched_on(unified, tmp_path):
    assert trouble(unified) == ""
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"
    groups = plan(unified, "i-c", 512, 3, 1000)
    group = tmp_path / "almanac/i-c"
    group.mkdir()
    for file in (*groups[0].limits, *groups[0].settled):
        (group / file).touch()
    cgroups.join(groups)
    assert (group / "cpu.max").read_text() == ""
    cgroups.settle(groups)
    written = {file.name: file.read_text() for file in group.iterdir()}
    assert written == {
        "memory.max": str(512 * 2**20),
        "memory.swap.max": "0",
        "cpu.weight": "300",
        "cpu.max": "300000 100000",
        "pids.max": "1000",
        "cgroup.procs": "0",
    }


def test_missing_controllers_are_named(unified, tmp_path):
    (tmp_path / "cgroup.controllers").write_text("hugetlb")
    assert trouble(unified) == "the control groups lack memory, cpu, pids"
    assert trouble({"memory": tmp_path, "pids": tmp_path}) == "the control groups lack cpu"


def test_a_place_that_cannot_be_written_is_trouble(tmp_path):
    (tmp_path / "file").touch()
    assert "can't be made here" in trouble(dict.fromkeys(CONTROLLERS, tmp_path / "file"))


def test_removing_what_is_gone_is_fine(tmp_path):
    group = Group(str(tmp_path / "almanac/i-c"), {}, {})
    (tmp_path / "almanac/i-c").mkdir(parents=True)
    cgroups.remove([group])
    cgroups.remove([group])
    cgroups.tidy({"memory": tmp_path})
    assert not (tmp_path / "almanac").exists()
