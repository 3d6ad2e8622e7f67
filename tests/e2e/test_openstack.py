"""Almanac on a real OpenStack: Blazar's leases, Nova's servers, and machines that boot their user-data and run Spark.

The tests share one Almanac, one project and one clock: what is booked ahead at the beginning starts at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
import requests
from tests.support.cloud import Cloud, Project, running_cloud
from tests.support.machines import Machines, baked
from tests.support.machines import Project as Servers
from tests.support.terminal import Terminal, serving

pytestmark = [
    pytest.mark.cloud,
    pytest.mark.cluster,
    pytest.mark.root,
    pytest.mark.turn(-3),
    pytest.mark.timeout(900),
]

T = TypeVar("T")
PATIENCE_S = 600.0
SEATS = 30
CATALOGUE = f"""
[profiles.pair]
title = "A head and a worker, or two"
head = "head-small"
worker = "worker-small"
workers = 1
max_workers = 2
seats_per_worker = 1
max_seats = 2

[profiles.class]
title = "A class on one worker: the smallest that carries it"
head = "head-class"
worker = "worker-small"
workers = 1
max_workers = 1
seats_per_worker = {SEATS}
max_seats = {SEATS}
"""
SETTINGS = """
tick_s = 2
catalogue = "{home}/catalogue.toml"

[local]
enabled = false

[[openstack]]
name = "sky"
cloud = "{project}"
clouds_file = "{clouds}"
image = "debian-12"
flavors = ["m.*"]
public_url = "{url}"
door_cidrs = ["{gateway}/32"]
build = "200s"
drain = "30s"
early = "5s"
"""
WHERE = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote({url!r}).create()
here = "reflect('org.apache.spark.util.Utils', 'localHostName')"
print(*sorted(row[0] for row in spark.range(0, 64, 1, 16).selectExpr(here).distinct().collect()))
print(spark.conf.get("spark.driver.host"))
"""
WORKERS = """
import time
from pyspark.sql import SparkSession
spark = SparkSession.builder.remote({url!r}).create()
here = spark.range(0, 64, 1, 16).selectExpr("reflect('org.apache.spark.util.Utils', 'localHostName')").distinct()
while len(found := here.collect()) < {count}:
    time.sleep(1)
print(*sorted(row[0] for row in found))
"""


@dataclass(frozen=True)
class World:
    """Everything there is: a cloud, a project in it, its machines, and an Almanac with its operator's terminal."""

    cloud: Cloud
    project: Project
    machines: Machines
    almanac: Terminal

    def show(self, booking: str) -> dict[str, Any]:
        """A booking, as Almanac shows it."""
        shown: dict[str, Any] = self.almanac.ask("show", booking)["booking"]
        return shown

    def until(self, found: Callable[[], T | None], what: str) -> T:
        """Look until something is found."""
        deadline = time.monotonic() + PATIENCE_S
        while not (answer := found()):
            assert time.monotonic() < deadline, f"{what}: {self.told()}"
            time.sleep(1.0)
        return answer

    def told(self) -> str:
        """What there is to say when something doesn't come to pass."""
        log = (self.almanac.state / "log" / "server.log").read_text()[-4000:]
        return f"{self.almanac('bookings').out}\n{log}\n{self.machines.trouble}\n{self.machines.told()}"

    def becomes(self, booking: str, status: str) -> dict[str, Any]:
        """A booking, once it has a status."""

        def look() -> dict[str, Any] | None:
            shown = self.show(booking)
            assert status == "failed" or shown["status"] != "failed", f"{shown} {self.told()}"
            return shown if shown["status"] == status else None

        return self.until(look, f"{booking} never {status}")

    def stock(self, *command: str) -> Any:
        """What the stock command-line client says of the project."""
        environment = os.environ | {"OS_CLIENT_CONFIG_FILE": str(self.project.clouds_yaml)}
        argv = [self.cloud.stack.program("openstack"), "--os-cloud", self.project.name, *command, "-f", "json"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, timeout=120)
        return json.loads(done.stdout)

    def leases(self, booking: str) -> list[dict[str, Any]]:
        """A booking's leases, as Blazar has them."""
        session, blazar = self.project.connection.session, {"service_type": "reservation"}
        answer = session.request("/leases", "GET", endpoint_filter=blazar).json()
        return [lease for lease in answer["leases"] if own(booking) in lease["name"]]

    def pending(self, booking: str) -> list[dict[str, Any]]:
        """Those that wait for their start."""
        return [lease for lease in self.leases(booking) if lease["status"] == "PENDING"]

    def servers(self, booking: str) -> dict[str, Any]:
        """A booking's servers, as Nova has them: node -> server."""
        prefix = f"c-{own(booking)}-"
        found = self.project.connection.compute.servers()
        return {server.name.removeprefix(prefix): server for server in found if server.name.startswith(prefix)}

    def spark_url(self, booking: str) -> str:
        """Where a booking's Spark is."""
        return str(self.almanac.ask("connect", booking)["connect_url"])

    def nothing_is_left(self) -> None:
        """Wait until the project is as it was: no lease, server, flavor, aggregate, port, group; and no machine runs."""
        self.until(
            lambda: not self.cloud.leftovers(self.project), f"left: {asdict(self.cloud.leftovers(self.project))}"
        )
        self.until(lambda: not self.machines.names, "machines are left")


def own(booking: str) -> str:
    """What is in the names of everything that is made for a booking."""
    return booking.partition("-")[2]


def time_of(text: str) -> datetime:
    """A time in an answer, of Almanac's or a stock client's."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def whole_minute(after: timedelta) -> datetime:
    """The first whole minute so long from now."""
    return (datetime.now(UTC) + after).replace(second=0, microsecond=0) + timedelta(minutes=1)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    """A running cloud."""
    with running_cloud() as running:
        yield running


@pytest.fixture(scope="module")
def project(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of this module's own."""
    made = cloud.project(tmp_path_factory.mktemp("project"))
    assert not cloud.leftovers(made)
    yield made
    cloud.remove(made)


@pytest.fixture(scope="module")
def world(cloud: Cloud, project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Almanac with that project as its only site."""
    home = tmp_path_factory.mktemp("almanac")
    (home / "state").mkdir(mode=0o700)
    (home / "catalogue.toml").write_text(CATALOGUE)
    with Machines(Servers(cloud.admin, project.id), baked(home / "cache")) as machines:
        facts = {"project": project.name, "clouds": project.clouds_yaml, "url": machines.url}
        text = SETTINGS.format(home=home, gateway=machines.gateway, **facts)
        (home / "state" / "almanac.toml").write_text(text)
        with serving(home, {}) as terminal:
            machines.lead_to(int(terminal.ask("status")["server"]["url"].rpartition(":")[2]))
            made = World(cloud, project, machines, terminal)
            made.until(lambda: terminal.hears("sky"), "the cloud never answers")
            yield made


@pytest.fixture(scope="module")
def series(world: World) -> dict[str, Any]:
    """Three weekly dates, of which the first starts when the other tests are over."""
    start = whole_minute(timedelta(minutes=4, seconds=30))
    when = ("--at", start.isoformat(), "--for", "30m", "--repeat", "weekly", "--times", 3, "--zone", "UTC")
    booked: dict[str, Any] = world.almanac.ask("series", "add", "pair", *when)
    return booked


@pytest.fixture(scope="module")
def ahead(world: World, series: dict[str, Any]) -> dict[str, Any]:
    """The booking of its first date."""
    return world.show(series["occurrences"][0]["booking"])


@pytest.fixture(scope="module")
def walk_in(world: World, ahead: dict[str, Any]) -> dict[str, Any]:
    """A booking for now that is ready."""
    booked = world.almanac.ask("book", "pair", "--for", "40m")
    return world.becomes(booked["id"], "ready")


@pytest.fixture(scope="module")
def later(world: World) -> dict[str, Any]:
    """A booking for much later."""
    booked: dict[str, Any] = world.almanac.ask("book", "pair", "--at", "in 3h", "--for", "1h")
    return booked


def run(code: str) -> str:
    """Plain pyspark in a process of its own."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


def addresses(server: Any) -> set[str]:
    """A server's addresses."""
    return {entry["addr"] for network in server.addresses.values() for entry in network}


def test_each_date_of_a_series_is_leased_before_anything_runs(world, series):
    assert [each["state"] for each in series["occurrences"]] == ["booked"] * 3
    for each in series["occurrences"]:
        [lease] = world.until(lambda booking=each["booking"]: world.pending(booking), "no lease")
        assert time_of(lease["start_date"]) < time_of(each["start"])
        assert time_of(lease["end_date"]) >= time_of(each["end"])
        assert world.servers(each["booking"]) == {}


def test_a_date_that_is_called_off_is_given_back_and_the_others_stay(world, series):
    first, second, third = series["occurrences"]
    world.almanac.ask("series", "cancel", series["id"], "--date", second["date"])
    world.until(lambda: not world.leases(second["booking"]), "the lease is left")
    assert [len(world.leases(each["booking"])) for each in (first, third)] == [1, 1]


def test_a_walk_in_is_spark_on_two_machines_in_its_reservation(world, walk_in):
    [lease], servers = world.leases(walk_in["id"]), world.servers(walk_in["id"])
    [reservation] = lease["reservations"]
    assert {node: server.status for node, server in servers.items()} == {"head": "ACTIVE", "worker-1": "ACTIVE"}
    flavors = {server.flavor.original_name for server in servers.values()}
    assert flavors == {f"reservation:{reservation['id']}"}
    worker, driver = run(WHERE.format(url=world.spark_url(walk_in["id"]))).split()
    assert {worker} == addresses(servers["worker-1"])
    assert {driver} == addresses(servers["head"]) != {worker}


def test_stock_clients_agree(world, walk_in, later):
    world.until(lambda: world.leases(later["id"]), "no lease")
    listed = world.stock("reservation", "lease", "list")
    for booked, status in ((walk_in, "ACTIVE"), (later, "PENDING")):
        shown = world.show(booked["id"])
        [lease] = [lease for lease in listed if own(booked["id"]) in lease["name"]]
        told = world.stock("reservation", "lease", "show", lease["id"])
        assert told["status"] == status
        assert (
            time_of(told["start_date"]) <= time_of(shown["start"]) < time_of(shown["end"]) <= time_of(told["end_date"])
        )
    servers = {one["Name"]: one["Status"] for one in world.stock("server", "list")}
    cluster = f"c-{own(walk_in['id'])}"
    assert {name: servers.get(name) for name in (f"{cluster}-head", f"{cluster}-worker-1")} == {
        f"{cluster}-head": "ACTIVE",
        f"{cluster}-worker-1": "ACTIVE",
    }
    assert world.show(walk_in["id"])["workers"] == sum(name.startswith(f"{cluster}-") for name in servers) - 1


def test_extend_and_shorten_move_the_leases_end(world, walk_in):
    def lease_end() -> datetime:
        return max(time_of(lease["end_date"]) for lease in world.leases(walk_in["id"]))

    longer = world.almanac.ask("extend", walk_in["id"], "--by", "30m")
    assert time_of(longer["end"]) - time_of(walk_in["end"]) == timedelta(minutes=30)
    world.until(lambda: lease_end() >= time_of(longer["end"]), "the lease doesn't follow")
    shorter = world.almanac.ask("shorten", walk_in["id"], "--by", "30m")
    world.until(lambda: time_of(shorter["end"]) <= lease_end() < time_of(longer["end"]), "the lease doesn't follow")
    assert world.show(walk_in["id"])["status"] == "ready"


def test_another_seat_brings_another_worker_and_its_going_takes_it_away(world, walk_in):
    url = world.spark_url(walk_in["id"])
    first, driver = run(WHERE.format(url=url)).split()
    world.almanac.ask("resize", walk_in["id"], "--seats", "2")
    world.until(lambda: world.show(walk_in["id"])["progress"] is None, "it doesn't settle")
    assert first in run(WORKERS.format(url=url, count=2)).split()
    assert {"head", "worker-1", "worker-2"} == world.servers(walk_in["id"]).keys()
    assert len(world.almanac.ask("connect", walk_in["id"])["seats"]) == 2
    world.almanac.ask("resize", walk_in["id"], "--seats", "1")
    world.until(lambda: "worker-2" not in world.servers(walk_in["id"]), "the second worker stays")
    assert run(WHERE.format(url=url)).split() == [first, driver]


def test_what_is_cancelled_is_given_back(world, later):
    assert world.almanac.ask("cancel", later["id"])["status"] == "cancelled"
    world.until(lambda: not world.leases(later["id"]), "the lease is left")


def test_thirty_seats_on_two_flavors(world, walk_in):
    assert world.almanac("release", walk_in["id"], "--wait").code == 0
    assert world.servers(walk_in["id"]) == {}
    world.until(lambda: not world.leases(walk_in["id"]), "the leases are left")
    booked = world.almanac.ask("book", "class", "--for", "40m", "--seats", SEATS)
    world.becomes(booked["id"], "ready")
    assert len(world.leases(booked["id"])) == 2  # one for the head's flavor, one for the worker's
    connection = world.almanac.ask("connect", booked["id"])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(notebook_answers, [seat["notebook_url"] for seat in connection["seats"]]))
    assert answers == [200] * SEATS
    [worker, _] = run(WHERE.format(url=connection["connect_url"])).split()
    assert {worker} == addresses(world.servers(booked["id"])["worker-1"])
    said = world.almanac("release", booked["id"], "--wait")
    assert said.code == 0, said


def notebook_answers(url: str) -> int:
    """The status with which a notebook shows itself."""
    return requests.get(url, timeout=60).status_code


def test_a_check_boots_a_machine_that_reports_back(world):
    said = world.almanac("site", "check", "sky", "--boot")
    assert said.code == 0, said
    assert "A machine (m.tiny) booted and reported back" in said.out


def test_the_window_ahead_is_ready_by_the_bell_and_leaves_nothing(world, series, ahead):
    ready = world.becomes(ahead["id"], "ready")
    [lease] = world.leases(ahead["id"])
    assert time_of(lease["start_date"]) <= time_of(ready["ready_at"]) < time_of(ahead["start"])
    servers = world.servers(ahead["id"])
    assert {server.status for server in servers.values()} == {"ACTIVE"}
    assert set(run(WHERE.format(url=world.spark_url(ahead["id"]))).split()) == set.union(
        *map(addresses, servers.values())
    )
    world.until(lambda: datetime.now(UTC) > time_of(ahead["start"]), "time stands still")
    said = world.almanac("release", ahead["id"], "--wait")
    assert said.code == 0, said
    world.almanac.ask("series", "cancel", series["id"], "--all")
    world.nothing_is_left()
