"""A real OpenStack for tests: one that runs already (``ALMANAC_TEST_CLOUD`` names its directory), else one of the run's own."""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import requests
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from scripts.cloud import contents, lifecycle, processes, services
from scripts.cloud.api import login
from scripts.cloud.configuration import TOKENS_KNOWN_FOR_S
from scripts.cloud.stack import Stack
from scripts.cloud.steps import Clock

NAMED = "ALMANAC_TEST_CLOUD"
_PREFIX = "almanac-cloud-"
_PATIENCE_S = 300.0
_GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "operate-an-openstack-site.md"
_HOSTS = 6
_UNLUCKY_HOSTS = 4
"""One test at a time needs no more, and each host costs time at the start."""


@dataclass(frozen=True)
class Leftovers:
    """What there is of a project, by number; all zero when everything was given back."""

    leases: int = 0
    servers: int = 0
    flavors: int = 0
    aggregates: int = 0
    ports: int = 0
    floating_addresses: int = 0
    security_groups: int = 0
    server_groups: int = 0

    def __bool__(self) -> bool:
        return any(asdict(self).values())


@dataclass
class Project:
    """A project with one member, whose role is ``member`` and no other.

    Attributes:
        name: the project's, the member's and the entry's in ``clouds_yaml``.
        id: the project's.
        user_id: the member's.
        clouds_yaml: how to log in as the member.
    """

    name: str
    id: str
    user_id: str
    clouds_yaml: Path
    password: str = field(repr=False)

    @cached_property
    def connection(self) -> Connection:
        """The cloud as the member sees it."""
        return connect(self.clouds_yaml, self.name)


class Cloud:
    """A running cloud: its projects, what is left in them, and bad luck.

    Args:
        stack: what runs.
    """

    _networks = count(secrets.randbelow(256))
    """Machines of several test runs may stand on one host, which can route a subnet once."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @property
    def clouds_yaml(self) -> Path:
        """The clients' file, with an entry for ``admin``."""
        return self.stack.clouds_yaml

    @cached_property
    def admin(self) -> Connection:
        """The cloud as its administrator sees it."""
        return connect(self.clouds_yaml, "admin")

    def close(self) -> None:
        """Close the administrator's connection."""
        self.admin.close()

    # --- projects ----------------------------------------------------------------------------------------------------

    def project(self, directory: Path, *, routed: bool = False) -> Project:
        """A new project with a member and a network ``private``; its ``clouds.yaml`` is written into the directory.

        Args:
            directory: such as ``tmp_path``.
            routed: with a router to the public network, which floating addresses need; takes seconds.
        """
        name, password = f"test-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        made = self.admin.identity.create_project(name=name, domain_id="default")
        user = self.admin.identity.create_user(name=name, password=password, domain_id="default")
        role = self.admin.identity.find_role("member")
        self.admin.identity.assign_project_role_to_user(made.id, user.id, role.id)
        path = directory / f"{name}.yaml"
        path.write_text(f"clouds:\n{contents.clouds_entry(self.stack, name, name, password)}")
        public = self.admin.network.find_network("public").id if routed else None
        contents.private_network(login(self.stack), made.id, f"10.78.{next(self._networks) % 256}.0/24", public)
        return Project(name, made.id, user.id, path, password)

    def remove(self, project: Project) -> None:
        """End a project with all that is in it."""
        self.end_half_made(project)
        for lease in self._leases(project):
            self._reservations(project, "DELETE", f"/leases/{lease['id']}")
        for server in self.admin.compute.servers(all_projects=True, project_id=project.id):
            self.admin.compute.delete_server(server, ignore_missing=True)
        self._until(lambda: not self.leftovers(project).servers, f"{project.name}'s servers don't go")
        for address in self.admin.network.ips(project_id=project.id):
            self.admin.network.delete_ip(address)
        self._remove_networks(project)
        for group in self.admin.network.security_groups(project_id=project.id):
            self.admin.network.delete_security_group(group)
        project.connection.close()
        self.admin.identity.delete_user(project.user_id)
        self.admin.identity.delete_project(project.id)

    def leftovers(self, project: Project) -> Leftovers:
        """What there is of a project, its network and default security group aside."""
        admin, mine = self.admin, {"project_id": project.id}
        return Leftovers(
            leases=len(self._leases(project)),
            servers=len(list(admin.compute.servers(all_projects=True, **mine))),
            flavors=sum(not flavor.is_public for flavor in project.connection.compute.flavors()),
            aggregates=len(self._aggregates(project)),
            ports=sum(not port.device_owner.startswith("network:") for port in admin.network.ports(**mine)),
            floating_addresses=len(list(admin.network.ips(**mine))),
            security_groups=sum(group.name != "default" for group in admin.network.security_groups(**mine)),
            server_groups=sum(
                group.project_id == project.id for group in admin.compute.server_groups(all_projects=True)
            ),
        )

    def _remove_networks(self, project: Project) -> None:
        network, mine = self.admin.network, {"project_id": project.id}
        for router in network.routers(**mine):
            for port in network.ports(device_id=router.id, device_owner="network:router_interface"):
                network.remove_interface_from_router(router, port_id=port.id)
            network.delete_router(router)
        for port in network.ports(**mine):
            network.delete_port(port)
        for found in network.networks(**mine):
            network.delete_network(found)

    def _aggregates(self, project: Project) -> set[str]:
        """Those of a project's reservations, without what Blazar leaves of one that collided with another's creation."""
        every = {group.name: json.dumps(group.metadata) for group in self.admin.compute.aggregates()}
        ours = {name for name, said in every.items() if name != "freepool" and project.id in said}
        if not ours:
            return ours
        asked = {
            "endpoint_filter": {"service_type": "placement"},
            "headers": {"OpenStack-API-Version": "placement 1.2"},
        }
        classes = self.admin.session.get("/resource_classes", **asked).json()["resource_classes"]
        made = {one["name"].removeprefix("CUSTOM_RESERVATION_").lower().replace("_", "-") for one in classes}
        return ours - ({flavor.id for flavor in self.admin.compute.flavors(is_public=False)} - made)

    def _leases(self, project: Project) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._reservations(project, "GET", "/leases").json()["leases"]
        return found

    def _reservations(self, project: Project, method: str, path: str) -> requests.Response:
        session = project.connection.session
        return session.request(path, method, endpoint_filter={"service_type": "reservation"}, raise_exc=False)

    # --- bad luck ----------------------------------------------------------------------------------------------------

    def kill(self, service: str) -> None:
        """End a service with SIGKILL; names as in ``scripts.cloud.services.NAMES``."""
        processes.end(self.stack, service)

    def start(self, service: str) -> None:
        """Start it again, and wait until it answers."""
        services.start(self.stack, service)

    def restart(self, service: str) -> None:
        """Kill it and start it again."""
        self.kill(service)
        self.start(service)

    @contextmanager
    def without(self, service: str) -> Iterator[None]:
        """A while without a service."""
        self.kill(service)
        try:
            yield
        finally:
            self.start(service)

    @contextmanager
    def frozen(self, service: str) -> Iterator[None]:
        """A while in which a service takes questions and answers none."""
        held = list(processes.found(self.stack, service))
        for process in held:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in held:
                os.kill(process, signal.SIGCONT)

    @contextmanager
    def host_down(self, name: str) -> Iterator[None]:
        """A while in which Nova takes a host for dead; afterwards Blazar, too, has noticed that it isn't."""
        [service] = self.admin.compute.services(binary="nova-compute", host=name)
        self.admin.compute.update_service_forced_down(service, forced=True)
        try:
            yield
        finally:
            self.admin.compute.update_service_forced_down(service, forced=False)
            if name in services.hosts(self.stack):
                self._until(lambda: self.reservable(name), f"Blazar doesn't notice that {name} is back")

    def reservable(self, name: str) -> bool:
        """Whether Blazar gives a host to new leases."""
        found = self.admin.session.get("/os-hosts", endpoint_filter={"service_type": "reservation"}).json()["hosts"]
        return any(host["reservable"] for host in found if host["hypervisor_hostname"] == name)

    def end_half_made(self, project: Project) -> None:
        """Do what our documentation asks of whoever runs Blazar, with every lease that was cut off in mid-change."""
        recipe = re.search(r"```sql\n(.+?)```", _GUIDE.read_text(), re.DOTALL)
        assert recipe is not None
        for lease in self._leases(project):
            if lease["status"] in {"CREATING", "STARTING", "DELETING"}:
                self._sql(recipe[1].replace("the-id-of-the-lease", str(lease["id"])))
                assert self._reservations(project, "DELETE", f"/leases/{lease['id']}").ok
                for one in lease["reservations"]:
                    self.forget_reservation(one["id"])

    def forget_reservation(self, reservation: str) -> None:
        """Remove what a reservation that was made only half has in Nova."""
        for group in self.admin.compute.aggregates():
            if group.name == reservation and not group.hosts:
                self.admin.compute.delete_aggregate(group)
        self.admin.compute.delete_flavor(reservation)

    @contextmanager
    def without_resource_classes(self) -> Iterator[None]:
        """A while in which Placement can make no resource class."""
        self._sql("RENAME TABLE placement.resource_classes TO placement.resource_classes_away")
        try:
            yield
        finally:
            self._sql("RENAME TABLE placement.resource_classes_away TO placement.resource_classes")

    def _sql(self, statements: str) -> None:
        client = ["mariadb", "--no-defaults", f"--socket={self.stack.socket}", "-u", "root", "blazar"]
        processes.run(self.stack, *client, "-e", statements)

    def expire_tokens(self, project: Project) -> None:
        """Revoke every token that the member holds, and wait until no service takes them any more."""
        mine = project.connection.session.auth
        stale = mine.get_token(project.connection.session)
        self.admin.identity.update_user(project.user_id, password=project.password)
        time.sleep(1.1)  # tokens know seconds: a new one of this second would be taken for an old one
        self._until(lambda: not self._taken(stale), "Services still take a revoked token", TOKENS_KNOWN_FOR_S * 3.0)

    def _taken(self, token: str) -> bool:
        """Whether any service takes a token."""
        answers = {
            "nova": "/v2.1/servers",
            "neutron": "/v2.0/networks",
            "blazar": "/v1/leases",
            "glance": "/v2/images",
        }
        return any(
            requests.get(f"{self.stack.url(name)}{path}", headers={"X-Auth-Token": token}, timeout=60).status_code
            != 401
            for name, path in answers.items()
        )

    @staticmethod
    def _until(true: object, complaint: str, within_s: float = _PATIENCE_S) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, complaint
            time.sleep(0.2)


def connect(clouds_yaml: Path, entry: str) -> Connection:
    """A connection by an entry of a ``clouds.yaml``, whatever the environment says."""
    config = OpenStackConfig(config_files=[str(clouds_yaml)], load_envvars=False)
    made = Connection(config=config.get_one(entry))
    # Looking for proxies there breaks a thread in whose midst a test changes the environment.
    made.session.session.trust_env = False
    return made


# --- which cloud -----------------------------------------------------------------------------------------------------


@contextmanager
def running_cloud(*, own: bool = False) -> Iterator[Cloud]:
    """The cloud that ``ALMANAC_TEST_CLOUD`` names, else one that all processes of this test run share.

    Args:
        own: for bad luck: share with nobody, since others would have it too.
    """
    if named := os.environ.get(NAMED):
        with closing(Cloud(lifecycle.running(Path(named)))) as cloud:
            yield cloud
        return
    run = str(os.getpid()) if own else os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}-shared")[:12]
    with _shared(Path(tempfile.gettempdir()) / f"{_PREFIX}{run}", _UNLUCKY_HOSTS if own else _HOSTS) as cloud:
        yield cloud


@contextmanager
def _shared(state: Path, hosts: int) -> Iterator[Cloud]:
    """The first to come starts it, the last to leave ends it; ``gate`` is held while either happens."""
    gate, users = state.with_suffix(".gate"), state.with_suffix(".users")
    with users.open("a") as using:
        with _held(gate):
            fcntl.flock(using, fcntl.LOCK_SH)
            sweep(state.parent)
            stack = lifecycle.up(state, hosts, open_hosts=2, clock=Clock(), members=())
        try:
            with closing(Cloud(stack)) as cloud:
                yield cloud
        finally:
            with _held(gate):
                fcntl.flock(using, fcntl.LOCK_UN)
                _end_if_unused(state)


@contextmanager
def _held(gate: Path) -> Iterator[None]:
    with gate.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end_if_unused(state: Path) -> None:
    """End a cloud that nobody holds; the gate must be held."""
    with suppress(BlockingIOError, FileNotFoundError), state.with_suffix(".users").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        lifecycle.down(state, Clock(quiet=True))
        shutil.rmtree(state, ignore_errors=True)
        state.with_suffix(".users").unlink()
        state.with_suffix(".gate").unlink()


def sweep(parent: Path) -> None:
    """End what killed test runs left."""
    for gate in parent.glob(f"{_PREFIX}*.gate"):
        with suppress(BlockingIOError, FileNotFoundError), gate.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _end_if_unused(gate.with_suffix(""))
