"""OpenStack's services: how each is started, and how it is known to be ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scripts.cloud import broker, configuration, database, processes
from scripts.cloud.api import Api, wait_until
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import Stack

EVENT_INTERVAL_S = 1
"""How often Blazar looks for leases to start and end; ten seconds as it comes."""
_ANSWERS = (200, 300, 401)


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        name: as in ``status``.
        command: how it is started, the virtual environment's programs without their directory.
        answers: an API's name and path that answer when it is ready; None for those that don't listen.
        variables: more environment, from the stack.
    """

    name: str
    command: Callable[[Stack], list[str]]
    answers: tuple[str, str] | None = None
    variables: Callable[[Stack], Mapping[str, str]] = field(default=lambda _: {})


def hosts(stack: Stack) -> list[str]:
    """Hypervisors that Blazar reserves. Blazar finds hosts by a part of their name, hence the zeros."""
    return [f"host{number:03d}" for number in range(1, stack.hosts + 1)]


def open_hosts(stack: Stack) -> list[str]:
    """Hypervisors outside Blazar."""
    return [f"open{number:03d}" for number in range(1, stack.open_hosts + 1)]


def nvme_hosts(stack: Stack) -> list[str]:
    """Hypervisors with a fast local disk: the last quarter, and one at least."""
    return hosts(stack)[-max(1, stack.hosts // 4) :]


def _api(name: str, module: str, prefix: str = "", *, at_once: int = 8) -> Service:
    """An API in our own WSGI server, answering so many requests at once."""

    def command(stack: Stack) -> list[str]:
        script = str(processes.INSIDE / "cloud_serve.py")
        return [stack.program("python"), script, f"{module}:application", str(stack.ports[name]), str(at_once), prefix]

    def variables(stack: Stack) -> Mapping[str, str]:
        return {"ACCESS": str(stack.log / f"{name}.access")}

    return Service(f"{name}-api", command, (name, f"{prefix}/v3/" if prefix else "/"), variables)


def _daemon(name: str, conf: str) -> Service:
    return Service(name, lambda stack: [stack.program(name), f"--config-file={stack.etc / conf}"])


def _script(name: str, script: str, conf: str, variables: Callable[[Stack], Mapping[str, str]]) -> Service:
    def command(stack: Stack) -> list[str]:
        return [stack.program("python"), str(processes.INSIDE / script), f"--config-file={stack.etc / conf}"]

    return Service(name, command, None, variables)


def _hypervisors(stack: Stack) -> Mapping[str, str]:
    return {"HYPERVISORS": " ".join(hosts(stack) + open_hosts(stack)), "NVME": " ".join(nvme_hosts(stack))}


KEYSTONE = _api("keystone", "keystone.wsgi.api", "/identity")
# It refuses one of two resource classes that are made at the same time, and Blazar makes one for each lease.
PLACEMENT = _api("placement", "placement.wsgi.api", at_once=1)
GLANCE = _api("glance", "glance.wsgi.api")
NOVA = _api("nova", "nova.wsgi.osapi_compute")
NEUTRON = _api("neutron", "neutron.wsgi.api")
BLAZAR = _api("blazar", "blazar.wsgi.api")
CONDUCTOR = _daemon("nova-conductor", "nova/nova.conf")
SCHEDULER = _daemon("nova-scheduler", "nova/nova.conf")
COMPUTE = _script("nova-compute", "cloud_hypervisors.py", f"nova/{configuration.COMPUTE}", _hypervisors)
MANAGER = _script(
    "blazar-manager", "cloud_manager.py", "blazar/blazar.conf", lambda _: {"EVENT_INTERVAL": str(EVENT_INTERVAL_S)}
)
EVERY = {
    service.name: service
    for service in (
        *(KEYSTONE, PLACEMENT, GLANCE, NOVA, NEUTRON, BLAZAR),
        *(CONDUCTOR, SCHEDULER, COMPUTE, MANAGER),
    )
}
BELOW = {"mariadb": database.start, "rabbitmq": broker.start}
"""What the services stand on."""
NAMES = (*BELOW, *EVERY)


def start(stack: Stack, name: str) -> None:
    """Start a service, and wait until it is ready.

    Raises:
        CloudError: there is no such service, it runs already, or it doesn't start.
    """
    if name not in NAMES:
        raise CloudError(f"There is no service {name}: choose from {', '.join(NAMES)}.")
    if processes.alive(stack, name):
        raise CloudError(f"{name} runs already.")
    if name in BELOW:
        BELOW[name](stack)
        return
    service = EVERY[name]
    processes.start(stack, name, service.command(stack), service.variables(stack))
    await_ready(stack, service)


def await_ready(stack: Stack, service: Service) -> None:
    """Wait until an API answers; the others are taken at their word.

    Raises:
        CloudError: it ended, or never answers.
    """
    if service.answers is None:
        return
    api, path = service.answers
    try:
        wait_until(
            f"{service.name} doesn't answer",
            lambda: Api(stack).ask("GET", api, path).status in _ANSWERS,
            lambda: processes.alive(stack, service.name),
        )
    except CloudError as error:
        raise CloudError(f"{error}\n{processes.tail(stack, service.name)}") from None
