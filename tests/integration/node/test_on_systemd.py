"""The rendered user-data on machines with real systemd and cloud-init: two of them become one Spark cluster."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.integration.node.conftest import Office
from tests.support.machines import Machines, baked
from tests.support.machines.firewall import Rule
from tests.support.machines.nova import Server, Subnet

from almanac.core.ports import ClusterSecrets, ClusterSpec, NodeReport, PlacedNode, Seat
from almanac.core.resources import Flavor, Resources
from almanac.sites.openstack import layout
from almanac.sites.openstack.user_data import render
from almanac.spark.services import services_for

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.root,
    pytest.mark.cluster,
    pytest.mark.turn(-1),
    pytest.mark.timeout(900),
]
PATIENCE_S = 400.0
ASK = """
from pyspark.sql import SparkSession
import socket
spark = SparkSession.builder.getOrCreate()
print(spark.range(100).selectExpr("sum(id)").collect()[0][0])
"""
FLAVOR = Flavor("small", Resources(1, 2560, 20))
CLUSTER = ClusterSpec(
    id="c-1",
    lease="l-1",
    profile="spark-small",
    nodes=(PlacedNode("head", "head", FLAVOR, "h"), PlacedNode("worker-1", "worker", FLAVOR, "h")),
    seats=(Seat("seat-1", secrets.token_urlsafe(32), "gaia/people/ada"),),
    secrets=ClusterSecrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32), "A" * 43 + "="),
    logs="gaia/people/ada/logs",
)


@dataclass
class Listed:
    """Servers as a cloud would list them."""

    subnet_: Subnet
    there: list[Server] = field(default_factory=list)

    def subnet(self) -> Subnet:
        return self.subnet_

    def servers(self) -> list[Server]:
        return list(self.there)

    def rules(self) -> list[Rule]:
        return [Rule("ours", None, members="ours")]


@dataclass
class Fleet:
    """An Almanac, and the machines of one cluster."""

    office: Office
    machines: Machines
    listed: Listed

    def address(self, node: str) -> str:
        return str(self.listed.subnet_.addresses[10 if node == "head" else 11])

    def boot(self, node: PlacedNode) -> None:
        addresses = {one.name: self.address(one.name) for one in CLUSTER.nodes}
        desk = self.office.nodes.desk("sky", self.machines.url)
        token = desk.invite(CLUSTER.id, node.name, timedelta(minutes=5))
        self.direct(node, layout.orders(CLUSTER, node, layout.services(services_for, CLUSTER, addresses)[node.name]))
        data = render(self.machines.url, CLUSTER.id, node.name, token).encode()
        mac = f"fa:16:3e:00:01:{len(self.listed.there):02x}"
        server = Server(node.name, node.name, "ACTIVE", 4096, self.address(node.name), mac, frozenset({"ours"}), data)
        self.listed.there.append(server)

    def direct(self, node: PlacedNode, orders: dict[str, object]) -> None:
        self.office.desk.direct(CLUSTER.id, node.name, orders)

    def reports(self) -> dict[str, NodeReport]:
        return {report.node: report for report in self.office.desk.reports()}

    def until(self, found: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not found():
            assert time.monotonic() < deadline, f"{self.reports()}\n{self.machines.trouble}\n{self.machines.told()}"
            time.sleep(0.2)

    def ready(self) -> bool:
        services = {name: state for one in self.reports().values() for name, state in one.services.items()}
        wanted = ("master", "connect", "worker-1", "notebook-seat-1")
        return all(services.get(name) == "ready" for name in wanted)


@pytest.fixture
def fleet(office: Office, tmp_path: Path) -> Iterator[Fleet]:
    network = IPv4Network((f"10.83.{secrets.randbelow(256)}.0", 24))
    listed = Listed(Subnet(network, str(network[1])))
    with Machines(listed, baked(tmp_path / "cache")) as machines:
        machines.lead_to(office.port)
        yield Fleet(office, machines, listed)


@pytest.mark.timeout(900)
def test_two_machines_become_a_spark_cluster_and_give_everything_back(fleet: Fleet) -> None:
    kept = fleet.office.storage / "gaia/people/ada"
    kept.mkdir(parents=True)
    (kept / "sky.ipynb").write_text("stars")
    for node in CLUSTER.nodes:
        fleet.boot(node)
    fleet.until(fleet.ready)
    assert [report.trouble for report in fleet.reports().values()] == ["", ""]
    head = fleet.machines.machine("head")
    home = layout.home("seat-1")
    assert head.ask("cat", f"{home}/sky.ipynb") == "stars"
    environment = {"SPARK_REMOTE": "sc://localhost:15002/;user_id=ada", "PYTHONPATH": layout.RUNTIME.package}
    told = [f"{name}={value}" for name, value in environment.items()]
    token = f"SPARK_CONNECT_AUTHENTICATE_TOKEN={CLUSTER.secrets.connect_token}"
    assert head.ask("env", *told, token, layout.RUNTIME.python, "-W", "ignore", "-c", ASK).strip() == "4950"
    _nothing_is_told_to_services(fleet)
    head.ask("runuser", "-u", "almanac", "--", "sh", "-c", f"echo more > {home}/new.txt")
    head.reboot()
    assert (kept / "new.txt").read_text() == "more\n"
    fleet.until(head.is_up)
    fleet.until(
        lambda: "inactive" not in head.ask("sh", "-c", "systemctl is-active almanac-connect almanac-master; true")
    )
    fleet.until(fleet.ready)
    for node in CLUSTER.nodes:
        seats = {"seat-1": "gaia/people/ada"} if node.role == "head" else {}
        fleet.direct(node, layout.last_orders(seats, CLUSTER.logs))
    fleet.until(lambda: all(report.finished for report in fleet.reports().values()))
    logs = kept / "logs"
    assert {"master.log", "connect.log", "worker-1.log", "notebook-seat-1.log"} <= {
        path.name for path in logs.iterdir()
    }
    assert list((logs / "events").iterdir())


def _nothing_is_told_to_services(fleet: Fleet) -> None:
    """Services run as a user without rights, who reads neither the agent's token nor what systemd was told."""
    head = fleet.machines.machine("head")
    shown = head.ask(
        "systemctl", "show", "almanac-notebook-seat-1.service", "--property=User,NoNewPrivileges,MemoryMax"
    )
    assert "User=almanac\n" in shown
    assert "NoNewPrivileges=yes" in shown
    seat, cluster = CLUSTER.seats[0], CLUSTER.secrets
    everything = head.ask("systemctl", "show", "almanac-*") + head.ask("systemctl", "cat", "almanac-*")
    everything += head.ask("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
    for secret in (seat.token, cluster.connect_token, cluster.spark_secret, cluster.ui_key):
        assert secret not in everything
    for path in ("/var/lib/almanac/agent/token", "/etc/almanac/node.json", "/run/almanac/connect.env"):
        found = head.ask("runuser", "-u", "almanac", "--", "sh", "-c", f"cat {path} 2>&1; true")
        assert "Permission denied" in found
    assert json.loads(head.ask("cat", "/etc/almanac/node.json"))["node"] == "head"
