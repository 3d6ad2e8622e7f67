"""Clusters of real servers in real leases, and bad luck with them. The machines only say that they run."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.support.sky import Sky, again, until

from almanac.core.ports import ClusterState, LeaseState, NoRoom
from almanac.sites.openstack.settings import LeaseKind

pytestmark = [pytest.mark.cloud, pytest.mark.alone, pytest.mark.timeout(900)]


@pytest.fixture
def tenant(shared):
    return shared


def seen(sky, cluster="c-1"):
    return {one.id: one for one in sky.site.observe().clusters}.get(cluster)


def held(sky, order):
    again(lambda: list(sky.site.hold(order)))
    until(lambda: [one for one in sky.site.observe().leases if one.state is LeaseState.ACTIVE], "never active")
    return order


def started(sky, wanted):
    return again(lambda: list(sky.site.start(wanted)))


def ready(sky):
    return until(lambda: (one := seen(sky)) and one.state is ClusterState.READY and one, "never ready")


def up(sky, order=None):
    held(sky, order or sky.order())
    started(sky, sky.spec())
    return ready(sky)


def servers(sky):
    return {one["name"]: one for one in sky.tenant.servers()}


def test_machines_stand_in_their_leases_by_their_names_and_only_they_and_the_doors_users_get_in(sky):
    up(sky)
    found = servers(sky)
    assert set(found) == {"c-1-head", "c-1-worker-1"}
    reservations = {lease["reservations"][0]["id"] for lease in sky.tenant.leases()}
    assert {one["flavor"]["original_name"] for one in found.values()} == {f"reservation:{one}" for one in reservations}
    assert {one["metadata"]["almanac"] for one in found.values()} == {sky.site.instance}
    among, outside = ingress(sky)
    assert len(among) == 2
    assert {(rule["port_range_min"], rule["protocol"]) for rule in outside} >= {(15002, "tcp"), (8888, "tcp")}
    assert all(rule["remote_ip_prefix"].startswith("10.") and rule["port_range_max"] < 16000 for rule in outside)
    assert not any(rule["port_range_min"] <= 22 <= rule["port_range_max"] for rule in outside)


def ingress(sky):
    """What the cluster's security group lets in: from its own machines, and from elsewhere."""
    groups = sky.tenant.cloud.call("network", "GET", "/security-groups", "list groups")["security_groups"]
    [group] = [one for one in groups if one["name"].startswith("almanac/")]
    rules = [rule for rule in group["security_group_rules"] if rule["direction"] == "ingress"]
    among = [rule for rule in rules if rule["remote_group_id"] == group["id"]]
    return among, [rule for rule in rules if rule not in among]


def test_a_machine_that_is_deleted_behind_our_back_or_broken_comes_back_and_the_rest_stays(sky):
    before = up(sky)
    first = servers(sky)
    sky.tenant.cloud.remove("compute", f"/servers/{first['c-1-worker-1']['id']}", "delete a server")
    lame = missed(sky)
    assert lame.state is ClusterState.DEGRADED
    assert "worker-1: its machine is gone" in lame.reason
    started(sky, sky.spec())
    ready(sky)
    second = servers(sky)
    assert [second[name]["id"] == first[name]["id"] for name in ("c-1-head", "c-1-worker-1")] == [True, False]
    sky.tenant.cloud.remove("compute", f"/servers/{first['c-1-head']['id']}", "delete a server")
    assert missed(sky).state is ClusterState.DEAD
    started(sky, sky.spec())
    assert ready(sky).endpoints == before.endpoints
    third = servers(sky)
    sky.tenant.running.admin.compute.reset_server_state(third["c-1-head"]["id"], "error")
    assert "ERROR" in missed(sky).reason
    started(sky, sky.spec())
    ready(sky)
    last = servers(sky)
    assert [last[name]["id"] == third[name]["id"] for name in ("c-1-head", "c-1-worker-1")] == [False, True]


def missed(sky):
    """The cluster, once it isn't whole."""
    return until(lambda: (one := seen(sky)) and not one.whole and one, "not missed")


def test_a_cluster_grows_and_shrinks_in_place(sky):
    order = sky.order()
    before = up(sky, order)
    first = servers(sky)
    held(sky, replace(order, nodes=sky.nodes_of(workers=3)))
    started(sky, sky.spec(workers=3, seats=2))
    grown = until(lambda: (one := seen(sky)) and one.state is ClusterState.READY and one.total > before.total and one)
    assert set(servers(sky)) == {"c-1-head", "c-1-worker-1", "c-1-worker-2", "c-1-worker-3"}
    assert grown.endpoints["connect"] == before.endpoints["connect"]
    assert "notebook:seat-2" in grown.endpoints
    again(lambda: list(sky.site.hold(order)))
    assert len(sky.tenant.leases()) == 2  # there are machines in both
    started(sky, sky.spec())
    until(lambda: seen(sky).total == before.total and seen(sky).state is ClusterState.READY)
    assert not sky.site.observe().leases[0].whole
    again(lambda: list(sky.site.hold(order)))
    assert len(sky.tenant.leases()) == 1
    assert until(lambda: sky.site.observe().leases[0].whole, "it isn't whole")
    last = servers(sky)
    assert {name: one["id"] for name, one in last.items()} == {name: one["id"] for name, one in first.items()}


def test_a_machine_that_falls_silent_is_said_and_not_waited_for_at_the_end(tenant, tmp_path):
    sky = Sky(tenant, tmp_path, silent_after=timedelta(seconds=8), drain=timedelta(seconds=15))
    up(sky)
    sky.agents.mute.add("worker-1")
    lame = until(lambda: (one := seen(sky)) and one.state is ClusterState.DEGRADED and one, "not noticed")
    assert "worker-1 says nothing" in lame.reason
    assert lame.whole
    sky.agents.mute.add("head")
    until(lambda: seen(sky).reason.count("says nothing") == 2)
    sky.end()
    assert tenant.left() == ""
    sky.close()


def test_what_is_left_of_a_cluster_that_nobody_knows_is_seen_and_ended(sky, tmp_path):
    up(sky)
    for file in (tmp_path / "sky" / "clusters").iterdir():
        file.unlink()
    sky.reopen()
    assert seen(sky).state is ClusterState.DEAD
    list(sky.site.stop(seen(sky).handle))
    assert (seen(sky), servers(sky)) == (None, {})


def test_without_reservations_it_is_best_effort_and_says_so(tenant, tmp_path):
    sky = Sky(tenant, tmp_path, lease_kind=LeaseKind.NONE)
    capacity = sky.site.capacity()
    assert (capacity.reserved, [host.name for host in capacity.hosts]) == (False, ["quota"])
    up(sky)
    assert tenant.leases() == []
    sky.end()
    assert tenant.left() == ""
    sky.close()


def test_hosts_are_leased_whole(tenant, tmp_path):
    sky = Sky(tenant, tmp_path, lease_kind=LeaseKind.HOST, flavors=("m.small", "m.medium"))
    up(sky)
    assert {lease["reservations"][0]["resource_type"] for lease in tenant.leases()} == {"physical:host"}
    sky.end()
    assert tenant.left() == ""
    sky.close()


def test_a_full_cloud_is_no_room_and_a_quota_is_named(sky, tenant):
    order = held(sky, sky.order())
    crowd = tuple(replace(order.nodes[1], name=f"worker-{n}") for n in range(1, 200))
    with pytest.raises(NoRoom, match=r"Blazar has no room to lease 200 x m\.small"):
        list(sky.site.hold(replace(order, id="l-2", nodes=(order.nodes[0], *crowd))))
    tenant.limit(instances=0)
    with pytest.raises(NoRoom, match="Quota exceeded"):
        list(sky.site.start(sky.spec()))
    tenant.limit(instances=20)
    list(sky.site.stop({"cluster": "c-1"}))
    assert servers(sky) == {}


def test_a_floating_address_leads_to_the_head(routed, tmp_path):
    sky = Sky(routed, tmp_path, floating_network="public", door_cidrs=("192.0.2.0/24",))
    up(sky)
    kept = sky.site._ground.records.read("c-1")
    assert kept.head.startswith("198.51.100.")
    sky.end()
    assert routed.left() == ""
    sky.close()
