"""Ports that Neutron won't let go of just now."""

from __future__ import annotations

import pytest
import stamina

from almanac.core.ports import Permanent
from almanac.sites.openstack.network import Network, Port
from almanac.sites.openstack.settings import OpenStackSettings

PORT = Port("p-1", "head", "10.0.0.5")
FORBIDDEN = Permanent("Neutron doesn't allow the account of 'sky' to remove a port.")


class Writing:
    """A Neutron to whose port Nova writes for a while: it can't be made to at a wanted moment."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked: list[str] = []

    def remove(self, _service: str, path: str, _doing: str) -> bool:
        self.asked.append(path)
        if len(self.asked) <= self.refusals:
            raise FORBIDDEN
        return False


@pytest.fixture(autouse=True)
def without_pauses():
    with stamina.set_testing(True, attempts=6):
        yield


def test_a_port_that_nova_writes_to_is_removed_a_moment_later():
    cloud = Writing(refusals=2)
    Network(cloud, OpenStackSettings("sky", "debian-12"), "0a1b2c3d").remove_port(PORT)
    assert cloud.asked == ["/ports/p-1"] * 3


def test_what_stays_forbidden_is_said():
    with pytest.raises(Permanent, match="doesn't allow the account of 'sky' to remove a port"):
        Network(Writing(refusals=99), OpenStackSettings("sky", "debian-12"), "0a1b2c3d").remove_port(PORT)
