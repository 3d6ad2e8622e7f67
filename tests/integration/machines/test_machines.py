"""Machines as a cloud would boot them, without a cloud: a list of servers stands in for Nova's."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from tests.support.machines import Machines, runs
from tests.support.machines.firewall import Rule
from tests.support.machines.network import SubnetTaken
from tests.support.machines.nova import Server, Subnet
from tests.support.machines.shell import ToolFailed, run

pytestmark = pytest.mark.root
PATIENCE = 90.0
USER_DATA = b"""#cloud-config
write_files:
- {path: /etc/systemd/system/web@.service, content: "[Service]\\nExecStart=/usr/bin/python3 -m http.server -d /srv %i\\n"}
runcmd:
- [systemctl, start, web@8000, web@8001]
- [sh, -c, 'cat /proc/sys/kernel/random/boot_id > /var/lib/first-boot']
"""
RULES = [Rule("ours", (8000, 8000), members="ours"), Rule("ours", (8001, 8001), source="10.79.0.0/16")]


@dataclass
class Listed:
    """Servers that are what the test says they are."""

    subnet_: Subnet
    there: list[Server] = field(default_factory=list)

    def subnet(self) -> Subnet:
        return self.subnet_

    def servers(self) -> list[Server]:
        return self.there

    def rules(self) -> list[Rule]:
        return RULES

    def boot(self, name: str, last: int, *groups: str) -> None:
        """Another server, its address ending in ``last``."""
        address = str(self.subnet_.addresses[last])
        mac = f"fa:16:3e:00:00:{last:02x}"
        self.there.append(Server(name, name, "ACTIVE", 2048, address, mac, frozenset(groups), USER_DATA))

    def set(self, name: str, status: str) -> None:
        """What Nova says of a server from now on."""
        self.there = [replace(one, status=status) if one.name == name else one for one in self.there]

    def address(self, name: str) -> str:
        """A server's address."""
        return next(one.address for one in self.there if one.name == name)


def subnet() -> Subnet:
    """One that hardly anybody else on this host has."""
    network = IPv4Network((f"10.79.{secrets.randbelow(256)}.0", 24))
    return Subnet(network, str(network[1]))


def until(found: Callable[[], object], machines: Machines) -> None:
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert time.monotonic() < deadline, f"{machines.trouble}\n{machines.told()}"
        time.sleep(0.1)


def up(machines: Machines, *names: str) -> None:
    """Wait until machines are there and have booted."""
    until(lambda: set(names) <= set(machines.names), machines)
    until(lambda: all(machines.machine(name).is_up() for name in names), machines)


def reaches(machines: Machines, name: str, address: str, port: int) -> bool:
    """Whether a machine can open a connection."""
    try:
        machines.machine(name).ask("curl", "-s", "--max-time", "1", "-o", "/dev/null", f"http://{address}:{port}/")
    except ToolFailed:
        return False
    return True


def left(name: str) -> list[str]:
    """What of a run this host has: its directory, network namespaces, mounts, control groups."""
    there = [str(path) for path in runs.RUNS.glob(f"*{name}")]
    there += [line for line in run("ip", "netns", "list").splitlines() if line.startswith(f"alm-{name}")]
    there += [line for line in run("ip", "-o", "link").splitlines() if f"alm{name}" in line]
    there += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/almanac-machines/{name}")]
    return there + [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/{name}/" in line]


@pytest.fixture(scope="module")
def project() -> Listed:
    listed = Listed(subnet())
    listed.boot("head", 10, "ours")
    listed.boot("worker", 11, "ours")
    listed.boot("stranger", 12, "others")
    return listed


@pytest.fixture(scope="module")
def machines(project) -> Iterator[Machines]:
    """Three machines that have booted."""
    with Machines(project) as fleet:
        up(fleet, "head", "worker", "stranger")
        yield fleet


def test_a_machine_is_what_its_server_is(machines, project):
    said = machines.machine("head").ask("sh", "-c", "hostname; ip -j address show eth0; cat /proc/1/comm")
    hostname, addresses, first = said.splitlines()
    [interface] = json.loads(addresses)
    assert (hostname, first) == ("head", "systemd")
    assert interface["address"] == "fa:16:3e:00:00:0a"
    assert interface["addr_info"][0]["local"] == project.address("head")


def test_nothing_of_this_host_is_seen(machines, tmp_path):
    (tmp_path / "secret").write_text("hush")
    for path in (tmp_path, Path(__file__).resolve().parent):
        with pytest.raises(ToolFailed):
            machines.machine("head").ask("ls", str(path))
    assert len(machines.machine("head").ask("ps", "-e", "-o", "pid=").split()) < 40


def test_security_groups_hold_and_only_almanacs_port_is_reached(machines, project):
    worker = project.address("worker")
    assert reaches(machines, "head", worker, 8000)
    assert reaches(machines, "head", worker, 8001)
    assert not reaches(machines, "stranger", worker, 8000)
    assert reaches(machines, "stranger", worker, 8001)
    assert not reaches(machines, "worker", project.address("stranger"), 8000)
    machines.lead_to(None)
    port = int(machines.url.rpartition(":")[2])
    connected = machines.machine("stranger").ask("sh", "-c", f"curl -sv --max-time 2 {machines.url} 2>&1; true")
    assert f"Connected to {machines.gateway} ({machines.gateway}) port {port}" in connected
    assert not reaches(machines, "stranger", machines.gateway, port - 1)


def test_a_reboot_and_a_power_cut_keep_the_disk(machines):
    worker = machines.machine("worker")
    first = worker.ask("cat", "/var/lib/first-boot")
    worker.ask("sh", "-c", "echo kept > /var/lib/kept")
    worker.reboot()
    up(machines, "worker")
    worker.kill()
    assert not worker.is_on
    worker.power_on()
    up(machines, "worker")
    assert worker.ask("cat", "/var/lib/kept", "/var/lib/first-boot") == f"kept\n{first}"


def test_a_server_stopped_and_started_through_nova(machines, project):
    project.set("worker", "SHUTOFF")
    until(lambda: not machines.machine("worker").is_on, machines)
    project.set("worker", "ACTIVE")
    until(lambda: machines.machine("worker").is_on, machines)
    up(machines, "worker")


def test_a_machine_off_the_network_runs_on(machines, project):
    machines.cut("worker")
    assert not reaches(machines, "head", project.address("worker"), 8001)
    assert machines.machine("worker").is_on
    machines.mend("worker")
    machines.machine("worker").ask("systemctl", "start", "web@8001")
    until(lambda: reaches(machines, "head", project.address("worker"), 8001), machines)


def test_a_clock_may_be_wrong(machines, project):
    machines.skew = timedelta(minutes=-5)
    project.boot("late", 13)
    up(machines, "late")
    there = machines.machine("late").ask("systemd-run", "--pipe", "--wait", "--quiet", "date", "+%s")
    assert -310 < int(there) - time.time() < -290


def test_a_subnet_that_another_run_has_is_refused(machines, project):
    with pytest.raises(SubnetTaken, match=str(project.subnet().addresses)):
        Machines(project)
    up(machines, "head")


def test_a_deleted_servers_machine_is_gone_and_at_the_end_all_are():
    project = Listed(subnet())
    project.boot("one", 10)
    with Machines(project) as fleet:
        until(lambda: fleet.names, fleet)
        project.there = []
        until(lambda: not fleet.names, fleet)
        project.boot("other", 11)
        until(lambda: fleet.names, fleet)
        assert len(left(fleet.run)) > 4
    assert left(fleet.run) == []


KILLED = """
import sys, time
from tests.integration.machines.test_machines import Listed, subnet
from tests.support.machines import Machines
project = Listed(subnet())
project.boot("left", 10)
with Machines(project) as fleet:
    while not fleet.names:
        time.sleep(0.1)
    print(fleet.run, flush=True)
    time.sleep(600)
"""


def test_the_next_run_clears_up_after_a_killed_one():
    command = [sys.executable, "-c", KILLED]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        killed = process.stdout.readline().strip()
        assert len(left(killed)) > 4
        process.send_signal(signal.SIGKILL)
    runs.clear(runs.begin())
    assert left(killed) == []
