"""What a project has to offer, by what its services answer."""

from __future__ import annotations

from datetime import timedelta

import pytest

from almanac.core.ports import Permanent
from almanac.core.resources import Resources
from almanac.sites.openstack.capacity import UNLIMITED, Capacity
from almanac.sites.openstack.errors import Answer
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

SIZES = {"m.small": (2, 4096, 20), "m.most": (10, 40960, 20), "reservation:0a": (2, 4096, 20)}
FLAVORS = [
    {"id": name, "name": name, "vcpus": cores, "ram": memory, "disk": disk, "extra_specs": {}}
    for name, (cores, memory, disk) in SIZES.items()
]
HOSTS = [
    {"hypervisor_hostname": f"host{n}", "vcpus": 16, "memory_mb": 65536, "local_gb": 500, "reservable": n < 3}
    for n in (2, 1, 3)
]


class Project:
    """A cloud that answers as it is told."""

    name = "sky"

    def __init__(self, cores=-1, memory=-1, instances=-1, used=(0, 0), hosts=None):
        limits = {"maxTotalCores": cores, "maxTotalRAMSize": memory, "maxTotalInstances": instances}
        self._told = {
            "/limits": {"limits": {"absolute": limits | {"totalCoresUsed": used[0], "totalRAMUsed": used[1]}}}
        }
        self._told["/flavors/detail"] = {"flavors": FLAVORS}
        self._hosts = Answer(403, {"error_message": "no"}) if hosts is None else Answer(200, {"hosts": hosts})

    def call(self, _service, _method, path, _doing):
        return self._told[path]

    def ask(self, *_):
        return self._hosts


NOTHING = Resources()


def look(project, kind=LeaseKind.FLAVOR, ours=NOTHING, **settings):
    return Capacity(project, OpenStackSettings("sky", "debian", **settings), lambda: kind, lambda: ours).look("sky")


def test_hosts_where_they_may_be_listed():
    seen = look(Project(hosts=HOSTS))
    assert [host.name for host in seen.hosts] == ["host1", "host2"]
    assert seen.hosts[0].resources == Resources(16, 65536, 500)
    assert [flavor.name for flavor in seen.flavors] == ["m.small", "m.most"]
    assert (seen.reserved, seen.limits.gap) == (True, timedelta(minutes=3))


def test_a_quota_that_is_less_than_the_hosts_is_what_there_is():
    [host] = look(Project(cores=20, memory=2**20, hosts=HOSTS)).hosts
    assert (host.name, host.resources) == ("quota", Resources(20, 2**20, UNLIMITED))


def test_the_quota_is_one_big_host_less_what_others_use_of_it():
    [host] = look(Project(cores=20, memory=65536, used=(6, 8192)), ours=Resources(4, 4096)).hosts
    assert host.resources == Resources(18, 61440, UNLIMITED)


def test_a_quota_without_a_limit_is_large():
    [host] = look(Project()).hosts
    assert host.resources == Resources(UNLIMITED, UNLIMITED, UNLIMITED)


def test_nothing_that_fits_is_said():
    with pytest.raises(Permanent, match="quota"):
        look(Project(cores=1))
    with pytest.raises(Permanent, match="'flavors'"):
        look(Project(), flavors=("x.*",))


def test_whole_hosts_are_for_flavors_that_fill_them_where_hosts_are_known():
    assert [flavor.name for flavor in look(Project(hosts=HOSTS), LeaseKind.HOST).flavors] == ["m.most"]
    assert [flavor.name for flavor in look(Project(cores=40), LeaseKind.HOST).flavors] == ["m.small", "m.most"]


def test_best_effort_has_no_gap_and_says_that_it_is_not_reserved():
    seen = look(Project(cores=40, hosts=HOSTS), LeaseKind.NONE)
    assert (seen.reserved, seen.limits.gap, [host.name for host in seen.hosts]) == (False, timedelta(0), ["quota"])


def test_a_flavor_that_is_gone_is_named():
    capacity = Capacity(Project(), OpenStackSettings("sky", "debian"), lambda: LeaseKind.FLAVOR, Resources)
    assert capacity.flavor("m.small")["id"] == "m.small"
    with pytest.raises(Permanent, match=r"m\.gone"):
        capacity.flavor("m.gone")
