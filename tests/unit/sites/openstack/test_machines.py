"""Nova's servers, the network's ranges, and where things lie on a machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from almanac.core.ports import ClusterSecrets, ClusterSpec, Permanent, PlacedNode, Seat
from almanac.core.resources import Flavor, Resources
from almanac.node.orders import Orders
from almanac.sites.openstack import layout
from almanac.sites.openstack.machines import parse
from almanac.sites.openstack.network import spans
from almanac.sites.openstack.relay import parse as parse_door
from almanac.sites.openstack.settings import OpenStackSettings
from almanac.sites.openstack.site import OpenStackSite
from almanac.spark.services import services_for

SERVER = {
    "id": "202a0bb0",
    "name": "c-1-head",
    "created": "2026-11-22T15:02:28Z",
    "status": "ACTIVE",
    "metadata": {"almanac": "0a1b2c3d", "almanac_cluster": "c-1", "almanac_node": "head", "almanac_reservation": ""},
    "flavor": {"vcpus": 5, "ram": 4096, "disk": 10, "original_name": "reservation:fe4650d0"},
    "OS-EXT-STS:task_state": None,
}
NODE = Flavor("m", Resources(4, 8192, 40))
HEAD, WORKER = PlacedNode("head", "head", NODE, "x"), PlacedNode("worker-1", "worker", NODE, "x")
SPEC = ClusterSpec(
    "c-1",
    "l-1",
    "spark-small",
    (HEAD, WORKER),
    (Seat("seat-1", "t" * 43, "gaia/people/ada"), Seat("seat-2", "u" * 43)),
    ClusterSecrets("c" * 43, "s" * 43, "dWktdWktdWktdWktdWktdWktdWktdWktdWktdWktdWk="),
    logs="gaia/logs",
)
ADDRESSES = {"head": "10.0.0.5", "worker-1": "10.0.0.6"}


def test_a_server_tells_whose_it_is_and_where_it_stands():
    machine = parse(SERVER)
    assert (machine.cluster, machine.node, machine.reservation) == ("c-1", "head", "fe4650d0")
    assert (machine.broken, machine.leaving) == ("", False)


def test_a_broken_server_says_why():
    fault = {"status": "ERROR", "fault": {"code": 500, "message": "No valid host was found. "}}
    assert parse(SERVER | fault).broken == "Nova shows the machine head in ERROR: No valid host was found."
    assert parse(SERVER | {"status": "SHUTOFF"}).broken == "Nova shows the machine head in SHUTOFF."
    assert parse(SERVER | {"OS-EXT-STS:task_state": "deleting"}).leaving


@pytest.mark.parametrize(
    ("ports", "ranges"),
    [((), []), ((4040,), [(4040, 4040)]), ((8889, 8888, 15002, 8890, 8888), [(8888, 8890), (15002, 15002)])],
)
def test_ports_become_ranges(ports, ranges):
    assert spans(ports) == ranges


def test_machines_reach_each_other_at_their_own_addresses():
    services = layout.services(services_for, SPEC, ADDRESSES)
    [worker] = services["worker-1"]
    assert "spark://10.0.0.5:7077" in worker.argv
    assert {"master", "connect", "notebook-seat-1"} <= {service.name for service in services["head"]}
    assert all(path.startswith("/var/lib/almanac/") for one in services["head"] for path in one.dirs)


@pytest.mark.parametrize(("memory", "left"), [(1024, 896), (8192, 7680), (65536, 65024)])
def test_the_system_keeps_some_memory_for_itself(memory, left):
    sized = replace(HEAD, flavor=Flavor("m", Resources(4, memory, 40)))
    assert layout.usable(replace(SPEC, nodes=(sized,))).head.flavor.resources == Resources(4, left, 40)


def test_a_flavor_that_is_too_small_is_named():
    tiny = replace(HEAD, flavor=Flavor("m.tiny", Resources(1, 512)))
    with pytest.raises(Permanent, match=r"m\.tiny"):
        layout.services(services_for, replace(SPEC, nodes=(tiny, WORKER)), ADDRESSES)


def test_doors_are_the_heads():
    doors = layout.door_ports(services_for, SPEC)
    assert (doors["connect"], doors["notebook:seat-1"], doors["notebook:seat-2"]) == (15002, 8888, 8889)


def test_orders_are_orders_and_the_last_ones_hold_no_secret():
    services = layout.services(services_for, SPEC, ADDRESSES)
    head = Orders.of(layout.orders(SPEC, HEAD, services["head"]))
    assert head.seats["seat-1"].files == "gaia/people/ada"
    assert not head.stop
    assert not Orders.of(layout.orders(SPEC, WORKER, services["worker-1"])).seats
    last = Orders.of(layout.last_orders({"seat-1": "gaia/people/ada"}, "gaia/logs"))
    assert (last.stop, last.services, last.seats["seat-1"].home) == (True, (), "/var/lib/almanac/home/seat-1")


def test_a_door_leads_to_a_host_and_port():
    assert parse_door("5=10.0.0.7:15002") == (5, "10.0.0.7", 15002)
    assert parse_door("5=2001:db8::7:15002") == (5, "2001:db8::7", 15002)


def test_machines_are_told_which_authority_to_trust(tmp_path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----")
    settings = OpenStackSettings("sky", "debian", ca_file=tmp_path / "ca.pem")
    site = OpenStackSite("sky", settings, None, tmp_path / "state")
    text = site._ground.user_data("https://almanac.example.org", "c-1", "head", "almj_token")
    assert "BEGIN CERTIFICATE" in text
    plain = OpenStackSite("sky", replace(settings, ca_file=None), None, tmp_path / "state")
    assert "CERTIFICATE" not in plain._ground.user_data("https://almanac.example.org", "c-1", "head", "almj_token")
