"""A service of the cloud dies and comes back, hosts fail: on demand, and for a while only."""

from __future__ import annotations

import pytest
from tests.support.cloud import Cloud
from tests.support.leases import until

pytestmark = [pytest.mark.cloud, pytest.mark.turn(-2), pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def cloud(unlucky_cloud: Cloud) -> Cloud:
    """A cloud that no other test suffers in."""
    return unlucky_cloud


def test_a_host_is_down_for_a_while(cloud: Cloud) -> None:
    with cloud.host_down("open002"):
        assert hypervisors(cloud)["open002"] == "down"
    assert hypervisors(cloud)["open002"] == "up"


def test_blazar_sees_a_host_fail_and_recover(cloud: Cloud) -> None:
    with cloud.host_down("host001"):
        until(lambda: not cloud.reservable("host001"))
    assert cloud.reservable("host001")


def hypervisors(cloud: Cloud) -> dict[str, str]:
    """Hypervisors' states by name."""
    return {found.name: found.state for found in cloud.admin.compute.hypervisors(details=True)}
