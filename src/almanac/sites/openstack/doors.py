"""Clusters' endpoints on this machine's loopback: clients send tokens without TLS to ``localhost`` only.

The ports are kept in files, so that an address that a person has stays good when Almanac is started anew.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from almanac.sites.folder import Folder
from almanac.sites.openstack import relay

_PACKAGE = str(Path(__file__).resolve().parents[3])
_GRACE_S = 5


@dataclass
class _Relays:
    """A cluster's relays: where each endpoint leads, and the processes that see to it."""

    leads: dict[str, tuple[str, int]] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return all(process.poll() is None for process in self.processes)


class Doors:
    """All clusters' doors on this machine.

    Args:
        directory: the site's state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "doors"
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open: dict[str, _Relays] = {}
        self._lock = threading.Lock()

    def keep(self, cluster: str, leads: Mapping[str, tuple[str, int]]) -> dict[str, int]:
        """See that endpoints are open, and say on which ports.

        Args:
            cluster: whose.
            leads: endpoint -> host and port of the head. What is open besides stays so.

        Returns:
            Endpoint -> port on this machine's loopback. One whose port another program has taken meanwhile is missing.
        """
        with self._lock:
            relays = self._open.setdefault(cluster, _Relays())
            if not relays.whole or any(relays.leads.get(name, lead) != lead for name, lead in leads.items()):
                _end(relays)
                relays = self._open[cluster] = _Relays()
            missing = {name: lead for name, lead in leads.items() if name not in relays.leads}
            if missing:
                self._start(cluster, relays, missing)
            kept = self._ports(cluster)
            return {name: kept[name] for name in leads if name in relays.leads}

    def shut(self, cluster: str) -> None:
        """Close a cluster's doors and forget their ports."""
        with self._lock:
            _end(self._open.pop(cluster, _Relays()))
            with Folder(self._directory) as folder:
                folder.remove(f"{cluster}.json")

    def close(self) -> None:
        """End all relays; their ports are kept for the next Almanac."""
        with self._lock:
            for relays in self._open.values():
                _end(relays)
            self._open.clear()

    def _ports(self, cluster: str) -> dict[str, int]:
        with Folder(self._directory) as folder:
            return dict(folder.read_json(f"{cluster}.json") or {})

    def _start(self, cluster: str, relays: _Relays, leads: Mapping[str, tuple[str, int]]) -> None:
        ports = self._ports(cluster)
        with ExitStack() as stack:
            listening = {}
            for name in leads:
                try:
                    listening[name] = stack.enter_context(_listen(ports.get(name, 0)))
                except OSError:
                    continue  # what another program has now may be free again at the next look
            if not listening:
                return
            ports |= {name: one.getsockname()[1] for name, one in listening.items()}
            with Folder(self._directory) as folder:
                folder.write_json(f"{cluster}.json", ports)
            relays.processes.append(_run({one.fileno(): leads[name] for name, one in listening.items()}))
        relays.leads |= {name: leads[name] for name in listening}


def _listen(port: int) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(("127.0.0.1", port))
        one.listen(128)
    except OSError:
        one.close()
        raise
    return one


def _run(doors: Mapping[int, tuple[str, int]]) -> subprocess.Popen[bytes]:
    arguments = [f"{listening}={host}:{port}" for listening, (host, port) in doors.items()]
    return subprocess.Popen(
        [sys.executable, "-S", "-m", relay.__name__, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": _PACKAGE},
        cwd="/",
        pass_fds=tuple(doors),
        start_new_session=True,
    )


def _end(relays: _Relays) -> None:
    for process in relays.processes:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
    for process in relays.processes:
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
