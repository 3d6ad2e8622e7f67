"""A real agent, called in user-data's own form, against a real Almanac over HTTP; only systemd is a small look-alike."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from cryptography.fernet import Fernet
from tests.support.desk import HOSTS, NODE
from tests.support.ports import free_port

from almanac.api.app import create_app
from almanac.core.catalogue import Profile
from almanac.core.ports import Limits, NodeDesk, NodeReport
from almanac.factory import compose, wall_clock
from almanac.node.orders import Orders, Seat, Service
from almanac.services.nodes import Nodes
from almanac.services.rules import Rules
from almanac.services.vault import Vault
from almanac.sites.openstack.user_data import agent
from almanac.sites.simulated import SimulatedSite
from almanac.spark import package as node_package
from almanac.storage.database import Database

SYSTEMCTL = Path(__file__).resolve().parents[2] / "support" / "systemctl.py"
PATIENCE_S = 60.0
PYTHON = os.environ.get("ALMANAC_TEST_NODE_PYTHON", sys.executable)
"""The agent's: images have Pythons from 3.9 on."""
USER = "nobody" if os.geteuid() == 0 else ""
"""As whom services run: somebody else than the agent where that is possible."""


def until(what: Callable[[], object], why: Callable[[], str] = str) -> None:
    """Wait until it is so."""
    patience = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < patience, why()
        time.sleep(0.05)


@dataclass
class Office:
    """An Almanac that can be stopped and started again at the same address."""

    database: Database
    nodes: Nodes
    port: int
    storage: Path
    server: uvicorn.Server | None = None
    thread: threading.Thread | None = None

    @property
    def desk(self) -> NodeDesk:
        return self.nodes.desk("sky", f"http://127.0.0.1:{self.port}")

    def open(self) -> None:
        site = SimulatedSite("sky", HOSTS, [NODE], Limits(), wall_clock)
        profiles = [Profile("notebook", "", "node", max_duration=timedelta(days=1))]
        app = compose(
            self.database, Vault(Fernet.generate_key()), [site], profiles, Rules(), wall_clock, nodes=self.nodes
        )
        config = uvicorn.Config(create_app(app), host="127.0.0.1", port=self.port, log_config=None)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        until(lambda: self.server.started)

    def close(self) -> None:
        if self.server is not None and self.thread is not None:
            self.server.should_exit = True
            self.thread.join()


@dataclass
class Machine:
    """A directory that stands for a machine, and its agent."""

    office: Office
    root: Path
    node: str = "head"
    token: str = ""
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, object] = field(default_factory=dict)

    def bake(self) -> None:
        """What an image has."""
        opt = self.root / "opt"
        (opt / "venv").mkdir(parents=True)
        for name in ("bin", "lib"):
            (opt / "venv" / name).symlink_to(Path(sys.prefix) / name)
        (opt / "venv" / ".almanac").write_text(node_package.requirements() + node_package.constraints())
        java = Path(str(shutil.which("java"))).resolve().parents[1]
        (opt / "java").symlink_to(java)
        (opt / "node.pyz").write_bytes(agent())
        (self.root / "bin").mkdir()
        systemctl = self.root / "bin" / "systemctl"
        systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I {SYSTEMCTL} "$@"\n')
        systemctl.chmod(0o755)

    def invite(self, orders: Orders, lifetime: timedelta = timedelta(minutes=5)) -> None:
        self.token = self.office.desk.invite("c-1", self.node, lifetime)
        self.direct(orders)

    def direct(self, orders: Orders) -> int:
        return self.office.desk.direct("c-1", self.node, orders.plain())

    def boot(self) -> None:
        """Start the agent; whoever calls before ``invite`` gave a token of its own."""
        own = {name: str(self.root / name) for name in ("opt", "state", "run", "scratch", "logs", "units", "secrets")}
        about = {"url": self.office.desk.url, "cluster": "c-1", "node": self.node, "join_token": self.token}
        config = self.root / "node.json"
        config.write_text(
            json.dumps({**about, **own, "user": USER, "save_every_s": 1.0, "numbers_every_s": 0, **self.settings})
        )
        config.chmod(0o600)
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "ALMANAC_TEST_UNITS": own["units"]}
        with (self.root / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-I", str(self.root / "opt/node.pyz"), str(config)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """As a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self) -> None:
        """End the agent and everything that it started."""
        self.kill()
        for line in Path("/proc/self/mounts").read_text().splitlines():
            if (where := line.split()[1]).startswith(f"{self.root}/"):
                subprocess.run(["umount", where], check=True)
        for kept in (self.root / "units").glob(".almanac-*.json"):
            told = json.loads(kept.read_text())
            for pid in (told["keeper"], told["pid"]):
                if pid and str(self.root) in _command(pid) + _environment(pid):
                    os.kill(pid, signal.SIGKILL)

    @property
    def report(self) -> NodeReport:
        (report,) = (one for one in self.office.desk.reports() if one.node == self.node)
        return report

    def said(self) -> str:
        """The agent's log."""
        return (self.root / "agent.log").read_text()

    def home(self, seat: str = "seat-1") -> Path:
        return self.root / "home" / seat

    def kept(self, path: str) -> Path:
        return self.office.storage / "gaia/people/ada" / path


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def office(sqlite_url: str, tmp_path: Path) -> Iterator[Office]:
    database = Database(sqlite_url)
    nodes = Nodes(database, Vault(Fernet.generate_key()), wall_clock, tmp_path / "storage")
    office = Office(database, nodes, free_port(), tmp_path / "storage")
    office.open()
    yield office
    office.close()
    database.close()


@contextmanager
def a_machine(office: Office, node: str = "head") -> Iterator[Machine]:
    """In a directory that other users may pass."""
    root = Path(tempfile.mkdtemp(prefix="almanac-machine-"))
    root.chmod(0o755)
    made = Machine(office, root, node)
    made.bake()
    try:
        yield made
    finally:
        made.end()
        shutil.rmtree(root)


@pytest.fixture
def machine(office: Office) -> Iterator[Machine]:
    with a_machine(office) as made:
        yield made


def listener(machine: Machine, name: str, *after: str, port: int = 0, **more: object) -> Service:
    """A service that listens."""
    home, port = f"{machine.root}/run/{name}", port or free_port()
    script = (
        f"import http.server as h, os; print('up as', os.getuid(), flush=True); h.test(port={port}, bind='127.0.0.1')"
    )
    return Service(
        name, (sys.executable, "-u", "-c", script), env={"SECRET": "it's \"$HOME\" `x` \\ 100%", "HOME": home},
        dirs=(home, f"{home}/events"), ports={"web": port}, ready="web", after=after, cwd=home, **more,
    )  # fmt: skip


def with_seat(machine: Machine, *services: Service, files: str | None = "gaia/people/ada", **more: object) -> Orders:
    """Orders with a seat of ada's."""
    seats = {"seat-1": Seat(str(machine.home()), files)}
    return Orders(services, seats, logs="gaia/people/ada/logs", **more)
