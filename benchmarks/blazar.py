"""Almanac's admission decision and its way to running machines, beside Blazar's and Nova's own, on a real OpenStack.

Decision: on the same hosts under the same load of future leases, in turn: Almanac finds hosts for a request and books it
(its calendar; and durably, as a person's booking in SQLite), and Blazar is asked for the same lease over its API.
Active: in turn, an Almanac server is asked over HTTP for two nodes now, and the same is done by bare API calls, one after the
other (a lease, wait, a security group with its rules, ports, two servers in its reservation, wait); both end when Nova shows
both servers ACTIVE, looked at equally often. Prints one JSON line. Aims: decision_ratio >= 1000 (how many of our decisions fit
into one of Blazar's), active_ratio <= 1.1.

    python benchmarks/blazar.py [--leases 40] [--rounds 10] [--runs 5]

It starts an OpenStack of its own (see docs/how-to/run-a-cloud-for-tests.md); ALMANAC_TEST_CLOUD names one that runs already.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # tests.support is there, and the benchmark called calendar must not hide the library

from cryptography.fernet import Fernet
from openstack.connection import Connection
from tests.support.cloud import Cloud as Running
from tests.support.cloud import Project, running_cloud
from tests.support.terminal import Terminal, serving

from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile
from almanac.core.errors import NoCapacity
from almanac.core.ports import Limits
from almanac.core.resources import Claim, Flavor, Holder, Host, NodeGroup, Resources
from almanac.core.windows import Window
from almanac.factory import Almanac, compose, wall_clock
from almanac.services.caller import Caller, Role
from almanac.services.requests import BookingRequest
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.simulated import SimulatedSite
from almanac.storage.database import Database
from almanac.storage.rows import PersonRow, ProjectRow

T = TypeVar("T")
FLAVOR = "m.small"
NODES = 2
DOORS = (8888, 15002)
LOOK_S = 0.2
PATIENCE_S = 180.0
CATALOGUE = f"""
[profiles.pair]
title = "A head and a worker"
head = "{FLAVOR}"
worker = "{FLAVOR}"
workers = {NODES - 1}
max_workers = {NODES - 1}
"""
SETTINGS = """
tick_s = 0.5
catalogue = "{home}/catalogue.toml"

[local]
enabled = false

[[openstack]]
name = "sky"
cloud = "{project}"
clouds_file = "{clouds}"
image = "debian-12"
flavors = ["m.*"]
public_url = "http://127.0.0.1:9"
drain = "1s"
"""
EVE = Caller("bench", roles={"bench": Role.MEMBER})


class BenchmarkError(Exception):
    """What was measured wouldn't mean anything."""


@dataclass
class Bare:
    """A project by its API alone, through the stock SDK's session."""

    connection: Connection

    def call(self, service: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """A call that must succeed; its answer as JSON."""
        session = self.connection.session
        where = {"service_type": service}
        answer = session.request(path, method, json=body, endpoint_filter=where, raise_exc=False)
        if not answer.ok:
            raise BenchmarkError(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    def flavor(self) -> dict[str, Any]:
        """The flavor that everything here is made of."""
        found = self.call("compute", "GET", "/flavors/detail")["flavors"]
        return next(flavor for flavor in found if flavor["name"] == FLAVOR)

    def lease(self, name: str, window: Window | None, flavor: str) -> dict[str, Any]:
        """A new lease of NODES nodes; from now for an hour without a window."""
        start = window.start if window else None
        end = window.end if window else datetime.now(UTC) + timedelta(hours=1)
        reservation = {"resource_type": "flavor:instance", "flavor_id": flavor, "amount": NODES, "affinity": "None"}
        body = {
            "name": name,
            "start_date": f"{start:%Y-%m-%d %H:%M}" if start else "now",
            "end_date": f"{end:%Y-%m-%d %H:%M}",
            "reservations": [reservation],
            "events": [],
            "before_end_date": None,
        }
        made: dict[str, Any] = self.call("reservation", "POST", "/leases", body)["lease"]
        return made

    def end_lease(self, lease: str) -> None:
        """Delete it."""
        self.call("reservation", "DELETE", f"/leases/{lease}")

    def active(self) -> list[str]:
        """The project's ACTIVE servers."""
        servers = self.call("compute", "GET", "/servers/detail")["servers"]
        return [server["id"] for server in servers if server["status"] == "ACTIVE"]

    def ports(self, network: str, cidr: str) -> list[str]:
        """NODES ports in a security group of their own, which lets them reach each other, and the network reach two doors."""
        about = {"name": "bare", "description": "A cluster's"}
        group = self.call("network", "POST", "/v2.0/security-groups", {"security_group": about})["security_group"]["id"]
        base = {"security_group_id": group, "direction": "ingress"}
        among = [base | {"ethertype": version, "remote_group_id": group} for version in ("IPv4", "IPv6")]
        doors = [
            base
            | {"ethertype": "IPv4", "remote_ip_prefix": cidr, "protocol": "tcp"}
            | {"port_range_min": door, "port_range_max": door}
            for door in DOORS
        ]
        self.call("network", "POST", "/v2.0/security-group-rules", {"security_group_rules": [*among, *doors]})
        wanted = [{"name": "bare", "network_id": network, "security_groups": [group]}] * NODES
        return [port["id"] for port in self.call("network", "POST", "/v2.0/ports", {"ports": wanted})["ports"]]

    def boot(self, lease: dict[str, Any], image: str, ports: list[str]) -> None:
        """A server in a lease's reservation at each port."""
        [reservation] = lease["reservations"]
        for number, port in enumerate(ports):
            server = {
                "name": f"bare-{number}",
                "flavorRef": reservation["flavor_id"],
                "imageRef": image,
                "networks": [{"port": port}],
            }
            self.call("compute", "POST", "/servers", {"server": server})

    def clear(self) -> None:
        """No server and no lease is left."""
        for server in self.call("compute", "GET", "/servers")["servers"]:
            self.call("compute", "DELETE", f"/servers/{server['id']}")
        until(lambda: not self.call("compute", "GET", "/servers")["servers"], "servers stay")
        for lease in self.call("reservation", "GET", "/leases")["leases"]:
            self.end_lease(lease["id"])
        for kind, path in (("ports", "ports"), ("security_groups", "security-groups")):
            for one in self.call("network", "GET", f"/v2.0/{path}?name=bare")[kind]:
                self.call("network", "DELETE", f"/v2.0/{path}/{one['id']}")


def until(found: Callable[[], T], what: str) -> T:
    """Look every LOOK_S seconds until something is found."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise BenchmarkError(what)
        time.sleep(LOOK_S)
    return answer


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Milliseconds that it took, and its result."""
    since = time.perf_counter()
    result = act()
    return (time.perf_counter() - since) * 1e3, result


# --- the decision ----------------------------------------------------------------------------------------------------


def tomorrow() -> datetime:
    """A whole hour, a day or so from now."""
    return (datetime.now(UTC) + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)


def hosts_of(running: Running) -> list[Host]:
    """Blazar's hosts, as its administrator sees them."""
    found = Bare(running.admin).call("reservation", "GET", "/os-hosts")["hosts"]
    return [
        Host(host["hypervisor_hostname"], Resources(int(host["vcpus"]), int(host["memory_mb"]), int(host["local_gb"])))
        for host in found
    ]


def decide(running: Running, bare: Bare, leases: int, rounds: int) -> tuple[dict[str, list[float]], int]:
    """Milliseconds of each kind of decision under a load of leases, in turn; and the number of hosts."""
    shape = bare.flavor()
    flavor = Flavor(FLAVOR, Resources(shape["vcpus"], shape["ram"], shape["disk"]))
    hosts = hosts_of(running)
    calendar = Calendar(hosts, [])
    base, length = tomorrow(), timedelta(hours=2)
    with tempfile.TemporaryDirectory() as directory:
        almanac = an_almanac(Path(directory), hosts, flavor)
        for number in range(leases):
            window = Window.lasting(base + timedelta(minutes=30 * (number % 12)), length)
            bare.lease(f"load-{number}", window, shape["id"])
            admit(calendar, flavor, window, f"load-{number}")
            book(almanac, window)
        times: dict[str, list[float]] = {"decision": [], "booking": [], "blazar": []}
        for number in range(rounds):
            window = Window.lasting(base + timedelta(minutes=30 * (number % 12) + 10), length)
            times["decision"].append(timed(partial(admit, calendar, flavor, window, f"new-{number}"))[0])
            times["booking"].append(timed(partial(book, almanac, window))[0])
            spent, made = timed(partial(bare.lease, f"new-{number}", window, shape["id"]))
            times["blazar"].append(spent)
            if made["status"] != "PENDING":
                raise BenchmarkError(f"Blazar's lease is {made['status']}")
        almanac.database.close()
    return times, len(hosts)


def admit(calendar: Calendar, flavor: Flavor, window: Window, holder: str) -> None:
    """Find hosts for NODES nodes over a window, and take them."""
    placed = calendar.place((NodeGroup("worker", flavor, NODES),), window)
    if placed is None:
        raise BenchmarkError(f"there is no room at {window}")
    for each in placed:
        taken = flavor.resources * each.count
        calendar.add(Claim("sky", each.host, "worker", FLAVOR, each.count, taken, window, Holder.BOOKING, holder))


def an_almanac(directory: Path, hosts: list[Host], flavor: Flavor) -> Almanac:
    """An Almanac on SQLite with one site of such hosts, and one person in one project."""
    database = Database(f"sqlite:///{directory / 'almanac.db'}")
    database.migrate()
    now = datetime.now(UTC)
    with database.write() as unit:
        unit.people.add_person(PersonRow("bench", now))
        unit.people.add_project(ProjectRow("bench", "Benchmark", now))
        unit.people.set_member("bench", "bench", "member")
    site = SimulatedSite("sky", hosts, [flavor], Limits(), wall_clock)
    profile = Profile("pair", "A head and a worker", FLAVOR, FLAVOR, workers=NODES - 1, max_workers=NODES - 1)
    return compose(database, Vault(Fernet.generate_key()), [site], [profile], Rules(), wall_clock)


def book(almanac: Almanac, window: Window) -> None:
    """Book the same, durably."""
    request = BookingRequest("pair", window.duration, start=window.start)
    almanac.bookings.book(EVE, request, datetime.now(UTC))


# --- the way to running machines -------------------------------------------------------------------------------------


@contextmanager
def an_almanac_there(project: Project, home: Path) -> Iterator[Terminal]:
    """An Almanac server with the project as its only site."""
    (home / "state").mkdir(mode=0o700, parents=True)
    (home / "catalogue.toml").write_text(CATALOGUE)
    text = SETTINGS.format(home=home, project=project.name, clouds=project.clouds_yaml)
    (home / "state" / "almanac.toml").write_text(text)
    with serving(home, {}) as terminal:
        yield terminal


def through_almanac(terminal: Terminal, bare: Bare) -> float:
    """Seconds from asking Almanac for the pair until both servers are ACTIVE."""
    since = time.perf_counter()
    booked = terminal.ask("book", "pair", "--for", "1h")
    until(lambda: len(bare.active()) == NODES, "Almanac's servers don't become ACTIVE")
    spent = time.perf_counter() - since
    terminal.ask("release", booked["id"])
    until(lambda: terminal.ask("show", booked["id"])["booking"]["status"] in {"ended", "cancelled"}, "it doesn't end")
    until(lambda: not bare.call("reservation", "GET", "/leases")["leases"], "its lease stays")
    return spent


def by_bare_calls(bare: Bare, image: str, network: str, cidr: str, flavor: str) -> dict[str, float]:
    """Seconds of each step from asking Blazar for a lease until both servers in it are ACTIVE."""

    def begun() -> dict[str, Any] | None:
        found: dict[str, Any] = bare.call("reservation", "GET", f"/leases/{lease['id']}")["lease"]
        return found if found["status"] == "ACTIVE" else None

    times: dict[str, float] = {}
    times["lease"], lease = timed(lambda: bare.lease("bare", None, flavor))
    times["lease active"], lease = timed(lambda: until(begun, "the lease doesn't become ACTIVE"))
    times["network"], ports = timed(lambda: bare.ports(network, cidr))
    times["servers"], _ = timed(lambda: bare.boot(lease, image, ports))
    times["servers active"], _ = timed(lambda: until(lambda: len(bare.active()) == NODES, "the servers don't come"))
    bare.clear()
    return {step: spent / 1e3 for step, spent in times.items()}


def become_active(project: Project, bare: Bare, runs: int) -> tuple[list[float], list[dict[str, float]]]:
    """Seconds of Almanac's way, and of each step of the bare one, in turn."""
    image = bare.call("image", "GET", "/v2/images?name=debian-12")["images"][0]["id"]
    networks = bare.call("network", "GET", "/v2.0/networks")["networks"]
    network = next(one["id"] for one in networks if one["name"] == "private")
    cidr = bare.call("network", "GET", f"/v2.0/subnets?network_id={network}")["subnets"][0]["cidr"]
    flavor = str(bare.flavor()["id"])
    ours: list[float] = []
    theirs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as directory, an_almanac_there(project, Path(directory)) as terminal:
        for number in range(runs):
            theirs.append(by_bare_calls(bare, image, network, cidr, flavor))
            ours.append(through_almanac(terminal, bare))
            say(f"{number + 1}/{runs}: bare {sum(theirs[-1].values()):.1f} s, Almanac {ours[-1]:.1f} s")
    return ours, theirs


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def spread(values: list[float], digits: int) -> dict[str, float]:
    """The least, the middle and the most."""
    found = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, digits) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leases", type=int, default=40, help="future leases that are there already (40)")
    parser.add_argument("--rounds", type=int, default=10, help="decisions of each kind (10)")
    parser.add_argument("--runs", type=int, default=5, help="ways to running machines of each kind (5)")
    asked = parser.parse_args()
    with running_cloud() as running, tempfile.TemporaryDirectory() as directory:
        project = running.project(Path(directory))
        bare = Bare(project.connection)
        try:
            say(f"{asked.leases} leases are made first")
            decisions, hosts = decide(running, bare, asked.leases, asked.rounds)
            bare.clear()
            ours, theirs = become_active(project, bare, asked.runs)
        except NoCapacity as full:
            raise SystemExit(f"{full.message} Ask for fewer --leases or --rounds.") from None
        finally:
            bare.clear()
            running.remove(project)
    print(json.dumps(report(asked, hosts, decisions, ours, theirs)))


def report(
    asked: argparse.Namespace,
    hosts: int,
    decisions: dict[str, list[float]],
    ours: list[float],
    theirs: list[dict[str, float]],
) -> dict[str, object]:
    middle = {kind: statistics.median(values) for kind, values in decisions.items()}
    bare = [sum(steps.values()) for steps in theirs]
    pairs = [ours / theirs for ours, theirs in zip(ours, bare, strict=True)]
    return {
        "benchmark": "blazar",
        "decision_ratio": round(middle["blazar"] / middle["decision"]),
        "booking_ratio": round(middle["blazar"] / middle["booking"], 1),
        "active_ratio": round(statistics.median(ours) / statistics.median(bare), 2),
        "active_ratio_of_pairs": spread(pairs, 2),
        "decision_ms": spread(decisions["decision"], 3),
        "booking_ms": spread(decisions["booking"], 2),
        "blazar_lease_ms": spread(decisions["blazar"], 1),
        "almanac_active_s": spread(ours, 2),
        "bare_active_s": spread(bare, 2),
        "bare_steps_s": {step: round(statistics.median(one[step] for one in theirs), 2) for step in theirs[0]},
        "hosts": hosts,
        "leases": asked.leases,
        "rounds": asked.rounds,
        "runs": asked.runs,
        "compared": (
            "in turn, on one stack: our calendar's placement and our durable booking beside POST /leases, same hosts, same "
            "load; asked to two ACTIVE servers through an Almanac server beside the same by bare calls, one after the other: "
            "a lease, a wait until it is ACTIVE, a security group with its rules, ports, servers, a wait until they are ACTIVE; "
            "active_ratio is of the medians"
        ),
    }


if __name__ == "__main__":
    main()
