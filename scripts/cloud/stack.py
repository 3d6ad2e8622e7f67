"""What one cloud is: where it lives, its ports, its secrets, its size."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.cloud import ports as free_ports
from scripts.cloud.errors import CloudError

ROOT = Path(__file__).resolve().parents[2]
REGION = "RegionOne"
MEMBERS = ("almanac", "almanac2", "competitor")
"""Projects, each with a user of the same name who has the role ``member`` and no other."""
SERVICES = ("placement", "glance", "nova", "neutron", "blazar")
_SOCKET_LIMIT = 100
"""Linux refuses Unix sockets with longer names (107 bytes)."""


@dataclass(frozen=True)
class Stack:
    """One cloud. All that it keeps lies under ``state``, which nobody else may enter.

    Attributes:
        state: its directory.
        venv: the virtual environment that it runs in.
        mark: a random word in the environment of every process that belongs to it.
        ports: by name, on loopback.
        secrets: passwords, by the user's name.
        hosts: hypervisors that Blazar reserves.
        open_hosts: hypervisors outside Blazar: unreserved servers land there.
    """

    state: Path
    venv: Path
    mark: str
    ports: Mapping[str, int]
    secrets: Mapping[str, str]
    hosts: int
    open_hosts: int

    @property
    def etc(self) -> Path:
        """Configuration files."""
        return self.state / "etc"

    @property
    def log(self) -> Path:
        """Logs; they stay when the cloud has ended."""
        return self.state / "log"

    @property
    def data(self) -> Path:
        """Databases, images, queues."""
        return self.state / "data"

    @property
    def socket(self) -> Path:
        """MariaDB's socket."""
        return self.data / "db.sock"

    @property
    def clouds_yaml(self) -> Path:
        """How clients reach the cloud; written when it is ready."""
        return self.state / "clouds.yaml"

    def url(self, service: str) -> str:
        """Where a service answers, without a slash at the end."""
        return f"http://127.0.0.1:{self.ports[service]}"

    @property
    def identity_url(self) -> str:
        """Keystone's, as ``auth_url`` wants it."""
        return f"{self.url('keystone')}/identity"

    def program(self, name: str) -> str:
        """A program of the virtual environment."""
        return str(self.venv / "bin" / name)

    def save(self) -> None:
        """Write ``stack.json``: from then on the cloud can be found and ended."""
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.state.chmod(0o700)
        for directory in (self.etc, self.log, self.data):
            directory.mkdir(exist_ok=True)
        write_private(self.state / "stack.json", json.dumps(asdict(self), default=str, indent=1))


def plan(state: Path, venv: Path, hosts: int, open_hosts: int) -> Stack:
    """A cloud that doesn't exist yet, with free ports and new secrets.

    Raises:
        CloudError: the directory's name is too long for a socket, or there are no free ports.
    """
    users = ("admin", "broker", *SERVICES, *MEMBERS)
    stack = Stack(
        state.resolve(),
        venv,
        mark=secrets.token_hex(8),
        ports=free_ports.choose(),
        secrets={user: secrets.token_hex(16) for user in users},
        hosts=hosts,
        open_hosts=open_hosts,
    )
    if len(os.fsencode(stack.socket)) > _SOCKET_LIMIT:
        raise CloudError(f"{stack.state} is too long a name for the database's socket. Choose a shorter --state.")
    return stack


def load(state: Path) -> Stack | None:
    """The cloud of a directory, running or not; None when there never was one."""
    try:
        kept = json.loads((state / "stack.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return Stack(**{**kept, "state": Path(kept["state"]), "venv": Path(kept["venv"])})


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
