"""A cloud's beginning and end."""

from __future__ import annotations

import fcntl
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scripts.cloud import broker, configuration, contents, database, environment, identity, processes, seed, services
from scripts.cloud.errors import CloudError
from scripts.cloud.services import Service
from scripts.cloud.stack import MEMBERS, Stack, load, plan
from scripts.cloud.steps import Clock, Step, run_all


def up(state: Path, hosts: int, open_hosts: int, clock: Clock, members: Sequence[str] = MEMBERS) -> Stack:
    """Start a new cloud, unless one of these sizes is up; whatever fails or is interrupted on the way is ended.

    Args:
        state: its directory.
        hosts: hypervisors that Blazar reserves.
        open_hosts: hypervisors besides.
        clock: is told of the steps.
        members: whose projects get a network and a router: the costliest things to make.

    Raises:
        CloudError: it can't be started.
    """
    environment.check()
    with _alone(state):
        old = load(state)
        if old and is_up(old) and (old.hosts, old.open_hosts) == (hosts, open_hosts):
            clock.say("is up already")
            return old
        if old:
            _end(old)
        stack = plan(state, environment.venv(), hosts, open_hosts)
        shutil.rmtree(stack.log, ignore_errors=True)
        stack.save()
        try:
            with _interruptible():
                run_all(_steps(stack, members), clock, partial(processes.end, stack))
        except BaseException:
            _end(stack)
            raise
        clock.say(f"up: {stack.hosts} hosts for Blazar, {stack.open_hosts} besides")
        return stack


def down(state: Path, clock: Clock) -> None:
    """End a cloud, all of it; its logs stay.

    Raises:
        CloudError: a process doesn't end.
    """
    stack = load(state)
    if stack is None:
        clock.say(f"There is no cloud in {state}.")
        return
    with _alone(state):
        _end(stack)
    clock.say("down")


def is_up(stack: Stack) -> bool:
    """Whether it was started to the end, and every service has a process."""
    return stack.clouds_yaml.exists() and set(services.NAMES) <= set(processes.found(stack).values())


def running(state: Path) -> Stack:
    """The cloud of a directory.

    Raises:
        CloudError: there is none.
    """
    stack = load(state)
    if stack is None or not processes.found(stack):
        raise CloudError(f"No cloud runs in {state}. Start one: make openstack")
    return stack


def _end(stack: Stack) -> None:
    """Nothing of it is worth a graceful end: the next cloud begins anew."""
    stack.clouds_yaml.unlink(missing_ok=True)
    processes.end(stack)
    processes.end(seed.at_work(stack))
    shutil.rmtree(stack.data, ignore_errors=True)
    shutil.rmtree(stack.etc, ignore_errors=True)


def _steps(stack: Stack, members: Sequence[str]) -> list[Step]:
    """Everything on the way up, in an order in which it could go one by one."""
    below = ("database", "broker")
    return [
        Step("broker", partial(broker.start, stack)),
        Step("environment", environment.make_venv),
        Step("configuration", partial(configuration.write, stack), ("environment",)),
        Step("schemas", partial(seed.copy, stack), ("configuration",)),
        Step("database", partial(database.start, stack), ("schemas",)),
        Step("administrator", partial(identity.bootstrap, stack), ("database",)),
        _service(stack, services.KEYSTONE, "database"),
        Step("accounts", partial(identity.fill, stack), ("administrator", services.KEYSTONE.name)),
        _service(stack, services.PLACEMENT, "database"),
        _service(stack, services.CONDUCTOR, "accounts", services.PLACEMENT.name, *below),
        _service(stack, services.COMPUTE, "accounts", services.PLACEMENT.name, *below),
        _service(stack, services.NOVA, *below),
        _service(stack, services.MANAGER, "accounts", *below),
        _service(stack, services.SCHEDULER, "accounts", services.PLACEMENT.name, *below),
        _service(stack, services.NEUTRON, *below),
        _service(stack, services.BLAZAR, *below),
        _service(stack, services.GLANCE, *below),
        Step("flavors", partial(contents.flavors, stack), ("accounts", services.NOVA.name)),
        Step("image", partial(contents.image, stack), ("accounts", services.GLANCE.name)),
        Step("networks", partial(contents.networks, stack, members), ("accounts", services.NEUTRON.name)),
        Step(
            "reservable hosts",
            partial(contents.reservable_hosts, stack),
            ("flavors", services.BLAZAR.name, services.MANAGER.name, services.COMPUTE.name, services.SCHEDULER.name),
        ),
        Step("clouds.yaml", partial(contents.clouds_yaml, stack), ("reservable hosts", "networks", "image")),
    ]


def _service(stack: Stack, service: Service, *after: str) -> Step:
    do: Callable[[], object] = partial(services.start, stack, service.name)
    return Step(service.name, do, after)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Two commands for one cloud take turns."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends a start as Ctrl-C does: by ending what was started."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
