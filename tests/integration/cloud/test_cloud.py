"""The cloud for tests is a real one: leases start and end, servers get addresses, services die and come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.cloud import Cloud, Leftovers, Project

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]  # the first test may have to start the cloud

PATIENCE_S = 120.0


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


def test_a_floating_address_reaches_a_server(cloud: Cloud, project: Project) -> None:
    mine = project.connection
    port = mine.network.create_port(network_id=mine.network.find_network("private").id)
    public = mine.network.find_network("public")
    address = mine.network.create_ip(floating_network_id=public.id, port_id=port.id)
    assert address.fixed_ip_address == port.fixed_ips[0]["ip_address"]
    assert cloud.leftovers(project).floating_addresses == 1


def test_a_full_cloud_refuses(project: Project) -> None:
    now = datetime.now(UTC)
    answer = ask_for_lease(project, now + timedelta(days=400), now + timedelta(days=401), amount=500)
    assert answer.status_code == 500
    assert "Not enough" in answer.text


def test_leases_survive_a_killed_manager(cloud: Cloud, project: Project) -> None:
    now = datetime.now(UTC)
    lease = create_lease(project, start=now + timedelta(minutes=1), end=now + timedelta(minutes=30))
    cloud.restart("blazar-manager")
    until(lambda: show_lease(project, lease)["status"] == "ACTIVE")


def test_a_restarted_broker_is_found_again(cloud: Cloud, project: Project) -> None:
    cloud.restart("rabbitmq")
    now = datetime.now(UTC)
    until(lambda: ask_for_lease(project, now + timedelta(hours=1), now + timedelta(hours=2)).status_code == 201)


def test_without_a_scheduler_servers_wait(cloud: Cloud, project: Project) -> None:
    mine = project.connection
    with cloud.without("nova-scheduler"):
        server = mine.compute.create_server(
            name="waits",
            image_id=mine.image.find_image("debian-12").id,
            flavor_id=mine.compute.find_flavor("m.tiny").id,
            networks="none",
        )
        assert mine.compute.get_server(server.id).status == "BUILD"
    mine.compute.wait_for_server(server, interval=0.5, wait=PATIENCE_S)


def test_revoked_tokens_are_refused_and_a_login_mends_it(cloud: Cloud, project: Project) -> None:
    before = project.connection.auth_token
    cloud.expire_tokens(project)
    assert list(project.connection.compute.servers()) == []
    assert project.connection.auth_token != before


def test_a_host_is_down_for_a_while(cloud: Cloud) -> None:
    with cloud.host_down("open002"):
        assert hypervisors(cloud)["open002"] == "down"
    assert hypervisors(cloud)["open002"] == "up"


def hypervisors(cloud: Cloud) -> dict[str, str]:
    """Hypervisors' states by name."""
    return {found.name: found.state for found in cloud.admin.compute.hypervisors(details=True)}


def create_lease(project: Project, start: datetime, end: datetime) -> dict:
    answer = ask_for_lease(project, start, end)
    assert answer.status_code == 201, answer.text
    return answer.json()["lease"]


def ask_for_lease(project: Project, start: datetime, end: datetime, amount: int = 1):
    flavor = project.connection.compute.find_flavor("m.small").id
    wanted = {"resource_type": "flavor:instance", "flavor_id": flavor, "amount": amount, "affinity": "None"}
    minutes = "%Y-%m-%d %H:%M"
    body = {"name": "lease", "start_date": start.strftime(minutes), "end_date": end.strftime(minutes)}
    return reservation_call(project, "POST", "/leases", {**body, "reservations": [wanted], "events": []})


def show_lease(project: Project, lease: dict) -> dict:
    return reservation_call(project, "GET", f"/leases/{lease['id']}").json()["lease"]


def reservation_call(project: Project, method: str, path: str, body: dict | None = None):
    where = {"service_type": "reservation"}
    return project.connection.session.request(path, method, json=body, endpoint_filter=where, raise_exc=False)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.5)
