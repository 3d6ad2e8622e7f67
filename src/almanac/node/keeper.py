"""Keeps this machine's services as ordered: systemd runs them, this says which, in what order, and how they fare."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from almanac.node import systemd, words
from almanac.node.config import Config
from almanac.node.errands import Helper
from almanac.node.logs import Logs
from almanac.node.orders import Orders, Service
from almanac.node.systemd import Unit
from almanac.node.units import Place, environment, unit, unit_name

OWN_UNIT = "almanac-node.service"
UP = frozenset({"ready", "ended"})
_AGAIN_AFTER_S = 5.0
_LISTENING = re.compile(r"^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:0000 0A ", re.MULTILINE)
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")


class Keeper:
    """The services of this machine.

    Attributes:
        states: service -> ``starting``, ``ready``, ``ended`` or ``failed``.
        doing: what it waits for now, in words.
        trouble: what is wrong, in words.
        cpu_s: processor time that all services have used; None when it isn't counted.
    """

    def __init__(self, config: Config, helper: Helper, logs: Logs) -> None:
        self._helper = helper
        self._logs = logs
        self._units = Path(config.units)
        self._secrets = Path(config.secrets)
        self._place = Place(config.user, config.logs, config.secrets)
        self._services: dict[str, Service] = {}
        self._started: dict[str, float] = {}
        self.states: dict[str, str] = {}
        self.doing = ""
        self.trouble = ""
        self.cpu_s: float | None = None

    @property
    def calm(self) -> bool:
        """Whether everything that anybody waits for is up."""
        return all(self.states.get(one.name) in UP or not one.awaited for one in self._services.values())

    def take(self, orders: Orders) -> None:
        """Write units and files as ordered, and end what isn't ordered any more.

        One that runs keeps running as it was started: people are at work in it.

        Raises:
            ChoreFailed, SystemdFailed, OSError: it is tried again.
        """
        ordered = {service.name: service for service in orders.services}
        gone = [name for name in self.written() if name not in ordered]
        systemd.stop([unit_name(name) for name in gone])
        for name in gone:
            self._unit_file(name).unlink()
            (self._secrets / f"{name}.env").unlink(missing_ok=True)
        wanted = [
            {"path": file.path, "content": file.content, "mode": file.mode}
            for service in orders.services
            for file in service.files
        ]
        dirs = [directory for service in orders.services for directory in service.dirs]
        self._helper.do("furnish", {"dirs": dirs, "files": wanted})
        changed = [self._write(service) for service in orders.services]
        if gone or any(changed):
            systemd.reload()
        self._services = ordered
        self.states = {name: self.states.get(name, "starting") for name in ordered}

    def turn(self, ready: Collection[str]) -> None:
        """Look how services fare, and start those whose turn has come.

        Args:
            ready: what is ready anywhere in the cluster.

        Raises:
            SystemdFailed: systemd doesn't answer.
        """
        units = systemd.show([unit_name(name) for name in self._services])
        seen = {name: units.get(unit_name(name), Unit()) for name in self._services}
        ports = listening()
        self.states = {name: judge(self._services[name], seen[name], ports) for name in self._services}
        up = {name for name, state in self.states.items() if state in UP} | set(ready)
        for name, service in self._services.items():
            due = service.gated or up.issuperset(service.after)
            if due and seen[name].active in ("inactive", "failed"):
                self._start(name, seen[name])
        self._say(seen)

    def stop(self) -> None:
        """End all services: first those that nothing depends on, so that Spark's sessions close while Spark is there.

        Raises:
            SystemdFailed: systemd doesn't answer.
        """
        leaned_on = {name for service in self._services.values() for name in service.after}
        names = self.written()
        systemd.stop([unit_name(name) for name in names if name not in leaned_on])
        systemd.stop([unit_name(name) for name in names if name in leaned_on])
        self.doing = self.trouble = ""

    def written(self) -> list[str]:
        """Services whose units were written, by this agent or by one before it."""
        found = [path.name for path in self._units.glob("almanac-*.service") if path.name != OWN_UNIT]
        return sorted(name[len("almanac-") : -len(".service")] for name in found)

    def _unit_file(self, name: str) -> Path:
        return self._units / unit_name(name)

    def _write(self, service: Service) -> bool:
        secret = written_anew(self._secrets / f"{service.name}.env", environment(service.env), 0o600)
        return written_anew(self._unit_file(service.name), unit(service, self._place), 0o644) or secret

    def _start(self, name: str, seen: Unit) -> None:
        now = time.monotonic()
        if seen.active == "failed":
            if self._services[name].once or now - self._started.get(name, 0.0) < _AGAIN_AFTER_S:
                return
            systemd.reset(unit_name(name))
        self._started[name] = now
        self._logs.trim(name)
        systemd.start([unit_name(name)])

    def _say(self, seen: Mapping[str, Unit]) -> None:
        waiting = [name for name, s in self._services.items() if s.awaited and self.states[name] not in UP]
        busy = [name for name in waiting if seen[name].active in ("activating", "active")] or waiting
        self.doing = words.starting(busy)
        failed = [name for name, state in self.states.items() if state == "failed"]
        self.trouble = " ".join(words.ended(name, seen[name], self._logs.telling_line(name)) for name in failed)
        used = [one.cpu_s for one in seen.values() if one.cpu_s is not None]
        self.cpu_s = sum(used) if used else None


def judge(service: Service, seen: Unit, ports: Collection[int]) -> str:
    """How a service fares, in the desk's words."""
    if service.once:
        return "ended" if seen.active == "failed" or seen.sub == "exited" else "starting"
    if seen.active == "failed" or seen.sub == "auto-restart":
        return "failed"
    if seen.active == "active" and (service.ready is None or service.ports[service.ready] in ports):
        return "ready"
    return "starting"


def listening(tables: Collection[str] = _TABLES) -> frozenset[int]:
    """TCP ports on which this machine listens, on whatever address."""
    found = set()
    for table in tables:
        if Path(table).exists():  # or there is no IPv6 here
            found |= {int(port, 16) for port in _LISTENING.findall(Path(table).read_text())}
    return frozenset(found)


def written_anew(path: Path, text: str, mode: int) -> bool:
    """Write a file at once, unless it is as wanted; whether it wasn't."""
    if path.exists() and path.read_text() == text:
        return False
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.new")
    aside.touch(mode=mode)
    aside.chmod(mode)
    aside.write_text(text)
    aside.replace(path)
    return True
