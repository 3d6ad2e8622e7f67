"""Services of the cloud die and come back, tokens are revoked, hosts fail: on demand, and for a while only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.cloud import Cloud, Project, running_cloud
from tests.support.leases import PATIENCE_S, ask_for_lease, create_lease, show_lease, until

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A cloud that no other test suffers in."""
    with running_cloud(own=True) as found:
        yield found


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


def test_blazar_sees_a_host_fail_and_recover(cloud: Cloud) -> None:
    with cloud.host_down("host001"):
        until(lambda: not reservable(cloud, "host001"))
    until(lambda: reservable(cloud, "host001"))


def reservable(cloud: Cloud, name: str) -> bool:
    """Whether Blazar gives a host to new leases."""
    found = cloud.admin.session.get("/os-hosts", endpoint_filter={"service_type": "reservation"}).json()["hosts"]
    return next(host["reservable"] for host in found if host["hypervisor_hostname"] == name)


def hypervisors(cloud: Cloud) -> dict[str, str]:
    """Hypervisors' states by name."""
    return {found.name: found.state for found in cloud.admin.compute.hypervisors(details=True)}
