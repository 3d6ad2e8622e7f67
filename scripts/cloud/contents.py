"""What an operator puts into a new cloud: an image, flavors, networks, and hosts for Blazar; and the clients' file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.cloud import processes, services
from scripts.cloud.api import Api, login, wait_until
from scripts.cloud.identity import find_project
from scripts.cloud.stack import MEMBERS, REGION, Stack, write_private

IMAGE = "debian-12"
FLAVORS = (
    ("m.tiny", 1, 1024, 10),
    ("m.small", 2, 4096, 20),
    ("m.medium", 4, 8192, 40),
    ("m.large", 8, 16384, 80),
    ("m.whole", 16, 65536, 200),
    ("m.nvme", 8, 32768, 200),
)
"""Name, cores, MiB, GiB of disk."""
FREE_POOL = "freepool"
"""The aggregate that Blazar takes hosts from."""
NVME_TRAIT = "trait:CUSTOM_NVME"
PUBLIC = "198.51.100.0/24"
"""Floating addresses: a range that is nobody's (RFC 5737)."""
_COSTLY_S = 0.5
"""Between looks that keep several services busy, while others start."""


def image(stack: Stack) -> None:
    """An image of a few bytes: nothing boots it."""
    admin = login(stack)
    about = {"name": IMAGE, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
    made = admin.call("POST", "glance", "/v2/images", {**about, "os_distro": "debian", "min_ram": 512})
    binary = {"Content_Type": "application/octet-stream"}
    admin.call("PUT", "glance", f"/v2/images/{made['id']}/file", b"\0" * 512, **binary)


def flavors(stack: Stack) -> None:
    """The flavors, and the aggregate that Blazar keeps free hosts in, which must exist before its hosts do."""
    admin = login(stack)
    admin.call("POST", "nova", "/v2.1/os-aggregates", {"aggregate": {"name": FREE_POOL}})
    for name, cores, memory, disk in FLAVORS:
        about = {"name": name, "vcpus": cores, "ram": memory, "disk": disk}
        made = admin.call("POST", "nova", "/v2.1/flavors", {"flavor": about})["flavor"]["id"]
        if name == "m.nvme":
            specs = {"extra_specs": {NVME_TRAIT: "required"}}
            admin.call("POST", "nova", f"/v2.1/flavors/{made}/os-extra_specs", specs)


def networks(stack: Stack, members: Sequence[str]) -> None:
    """A public network, and for each of these members' projects a private one with a router to it."""
    admin = login(stack)
    public = _network(admin, "public", {"router:external": True, **_flat("public")})
    _subnet(admin, "public", public, PUBLIC, enable_dhcp=False)
    for number, member in enumerate(members, 1):
        private_network(admin, find_project(admin, member), f"10.77.{number}.0/24", public)


def private_network(admin: Api, project: str, addresses: str, public: str | None) -> None:
    """A network ``private`` for a project (by id), behind a router to the public one (by id) if there is to be one."""
    mine = {"project_id": project}
    subnet = _subnet(admin, "private", _network(admin, "private", mine), addresses, **mine)
    if public is None:
        return
    about = {"name": "router", "external_gateway_info": {"network_id": public}, **mine}
    router = admin.call("POST", "neutron", "/v2.0/routers", {"router": about})["router"]["id"]
    admin.call("PUT", "neutron", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})


def reservable_hosts(stack: Stack) -> None:
    """Hand hosts to Blazar, once Nova has them all."""
    admin, wanted = login(stack), stack.hosts + stack.open_hosts
    wait_until(
        f"Nova doesn't have {wanted} hypervisors",
        lambda: _hypervisors_up(admin) >= wanted,
        lambda: processes.alive(stack, services.COMPUTE.name),
        every_s=_COSTLY_S,
    )
    wait_until(
        "Blazar's manager doesn't answer",
        lambda: admin.ask("GET", "blazar", "/v1/leases").status == 200,
        lambda: processes.alive(stack, services.MANAGER.name),
        every_s=_COSTLY_S,
    )
    nvme = services.nvme_hosts(stack)

    def hand_over(host: str) -> None:
        admin.call("POST", "blazar", "/v1/os-hosts", {"name": host, "nvme": "yes" if host in nvme else "no"})

    first, *others = services.hosts(stack)
    hand_over(first)  # alone: Blazar refuses one of two hosts that both bring a property which it doesn't know yet
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(hand_over, others))
    _tell_scheduler(admin)


def _tell_scheduler(admin: Api) -> None:
    """Make Nova tell its scheduler once more who is in the free pool.

    Each change sends the whole list as it was just then, so of two changes at once the list that arrives last may lack a host,
    and servers of anybody would land on it.
    """
    wait_until("Nova's scheduler isn't up", lambda: _scheduler_up(admin), lambda: True)
    aggregates = admin.call("GET", "nova", "/v2.1/os-aggregates")["aggregates"]
    pool = next(found["id"] for found in aggregates if found["name"] == FREE_POOL)
    about = {"set_metadata": {"metadata": {"purpose": "hosts that nobody has reserved"}}}
    admin.call("POST", "nova", f"/v2.1/os-aggregates/{pool}/action", about)


def _scheduler_up(admin: Api) -> bool:
    answer = admin.ask("GET", "nova", "/v2.1/os-services?binary=nova-scheduler")
    return answer.status == 200 and any(found["state"] == "up" for found in answer.body["services"])


def clouds_yaml(stack: Stack) -> None:
    """Write the clients' file."""
    entries = {"admin": "admin", **{member: member for member in MEMBERS}}
    text = "".join(clouds_entry(stack, name, project, stack.secrets[name]) for name, project in entries.items())
    write_private(stack.clouds_yaml, f"clouds:\n{text}")


def clouds_entry(stack: Stack, name: str, project: str, password: str) -> str:
    """One entry of ``clouds.yaml``: the user of that name in a project."""
    return f"""  {name}:
    region_name: {REGION}
    identity_api_version: "3"
    auth:
      auth_url: {stack.identity_url}
      username: {name}
      password: {password}
      project_name: {project}
      user_domain_name: Default
      project_domain_name: Default
"""


def _hypervisors_up(admin: Api) -> int:
    answer = admin.ask("GET", "nova", "/v2.1/os-hypervisors/detail")
    return sum(found["state"] == "up" for found in answer.body["hypervisors"]) if answer.status == 200 else 0


def _flat(name: str) -> dict[str, str]:
    return {"provider:network_type": "flat", "provider:physical_network": name}


def _network(admin: Api, name: str, about: Mapping[str, object]) -> str:
    made = admin.call("POST", "neutron", "/v2.0/networks", {"network": {"name": name, **about}})
    return str(made["network"]["id"])


def _subnet(admin: Api, name: str, network: str, addresses: str, **about: object) -> str:
    wanted = {"name": name, "network_id": network, "ip_version": 4, "cidr": addresses, **about}
    return str(admin.call("POST", "neutron", "/v2.0/subnets", {"subnet": wanted})["subnet"]["id"])
