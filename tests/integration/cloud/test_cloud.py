"""The cloud for tests is a real one: leases start and end, servers get addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.cloud import Cloud, Leftovers, Project
from tests.support.leases import PATIENCE_S, ask_for_lease, create_lease, reservation_call, show_lease, until

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]  # the first test may have to start the cloud


def test_a_lease_starts_holds_a_server_and_leaves_nothing(cloud: Cloud, project: Project) -> None:
    mine = project.connection
    assert not cloud.leftovers(project)
    now = datetime.now(UTC)
    lease = create_lease(project, start=now + timedelta(minutes=1), end=now + timedelta(minutes=30))
    assert lease["status"] == "PENDING"
    until(lambda: show_lease(project, lease)["status"] == "ACTIVE")
    [reservation] = show_lease(project, lease)["reservations"]

    server = mine.compute.create_server(
        name="head",
        image_id=mine.image.find_image("debian-12").id,
        flavor_id=reservation["flavor_id"],
        networks=[{"uuid": mine.network.find_network("private").id}],
    )
    server = mine.compute.wait_for_server(server, interval=0.5, wait=PATIENCE_S)
    [address] = server.addresses["private"]
    [port] = mine.network.ports(device_id=server.id)
    assert port.status == "ACTIVE"
    assert port.fixed_ips[0]["ip_address"] == address["addr"]
    assert cloud.admin.compute.get_server(server.id).compute_host.startswith("host")
    assert cloud.leftovers(project) == Leftovers(leases=1, servers=1, flavors=1, aggregates=1, ports=1)

    mine.compute.delete_server(server)
    mine.compute.wait_for_delete(server, interval=0.5, wait=PATIENCE_S)
    assert reservation_call(project, "DELETE", f"/leases/{lease['id']}").status_code == 204
    until(lambda: not cloud.leftovers(project))


def test_unreserved_servers_stay_off_reservable_hosts(cloud: Cloud, project: Project) -> None:
    mine = project.connection
    server = mine.compute.create_server(
        name="walk-in",
        image_id=mine.image.find_image("debian-12").id,
        flavor_id=mine.compute.find_flavor("m.small").id,
        networks=[{"uuid": mine.network.find_network("private").id}],
    )
    mine.compute.wait_for_server(server, interval=0.5, wait=PATIENCE_S)
    assert cloud.admin.compute.get_server(server.id).compute_host.startswith("open")


def test_a_floating_address_reaches_a_server(cloud: Cloud, tmp_path: Path) -> None:
    project = cloud.project(tmp_path, routed=True)
    mine = project.connection
    port = mine.network.create_port(network_id=mine.network.find_network("private").id)
    public = mine.network.find_network("public")
    address = mine.network.create_ip(floating_network_id=public.id, port_id=port.id)
    assert address.fixed_ip_address == port.fixed_ips[0]["ip_address"]
    assert cloud.leftovers(project).floating_addresses == 1
    cloud.remove(project)
    assert cloud.admin.identity.find_project(project.name) is None


def test_a_full_cloud_refuses(project: Project) -> None:
    now = datetime.now(UTC)
    answer = ask_for_lease(project, now + timedelta(days=400), now + timedelta(days=401), amount=500)
    assert answer.status_code == 500
    assert "Not enough" in answer.text
