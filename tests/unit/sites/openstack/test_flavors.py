"""Nova's flavors as shapes of nodes."""

from __future__ import annotations

import pytest

from almanac.core.resources import Flavor, Host, Resources
from almanac.sites.openstack.flavors import gpus, offered, shape

HOSTS = [Host("a", Resources(16, 65536, 500, 0)), Host("b", Resources(8, 32768, 500, 2))]


def flavor(name="m.small", cores=2, memory=4096, disk=20, ephemeral=0, **extra):
    sizes = {"vcpus": cores, "ram": memory, "disk": disk, "OS-FLV-EXT-DATA:ephemeral": ephemeral}
    return shape({"name": name, "extra_specs": extra} | sizes, 30)


def test_a_shape_has_what_the_flavor_has():
    assert flavor(ephemeral=80) == Flavor("m.small", Resources(2, 4096, 100))
    assert flavor(disk=0).resources.disk_gib == 30


@pytest.mark.parametrize(
    ("extra", "count"),
    [
        ({"resources:VGPU": "2"}, 2),
        ({"resources:CUSTOM_GPU_A100": "1"}, 1),
        ({"pci_passthrough:alias": "a100:4"}, 4),
        ({"pci_passthrough:alias": "h100:2,mlx-nic:1"}, 2),
        ({"pci_passthrough:alias": "fast-nvme:1"}, 0),
        ({"hw:cpu_policy": "dedicated"}, 0),
        ({}, 0),
    ],
)
def test_gpus_are_counted(extra, count):
    assert gpus(extra) == count


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("m.nvme", {}),
        ("m", {"trait:CUSTOM_NVME": "required"}),
        ("m", {"aggregate_instance_extra_specs:disk": "nvme"}),
        ("m", {"pci_passthrough:alias": "fast-nvme:1"}),
    ],
)
def test_nvme_is_found(name, extra):
    assert flavor(name, **extra).nvme
    assert not flavor("m", **{"trait:CUSTOM_NVME": "forbidden"}).nvme


def test_the_operator_names_what_is_offered_and_what_fits_nowhere_is_not():
    found = [flavor("m.small"), flavor("c.small"), flavor("m.huge", cores=64), flavor("reservation:0a1b")]
    assert [one.name for one in offered(found, (), HOSTS, whole_hosts=False)] == ["c.small", "m.small"]
    assert [one.name for one in offered(found, ("m.*",), HOSTS, whole_hosts=False)] == ["m.small"]


def test_where_hosts_are_leased_whole_a_flavor_must_fill_them():
    found = [flavor("half", cores=8, memory=32768), flavor("most", cores=9, memory=33000)]
    assert [one.name for one in offered(found, (), HOSTS, whole_hosts=True)] == ["most"]
