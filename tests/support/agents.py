"""Machines that only say that they run: one thread does for all of a site's servers what the agent on each would do."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from almanac.core.errors import NotSignedIn
from almanac.core.ports import SiteError
from almanac.services.nodes import Nodes, Told


@dataclass
class _Agent:
    token: str
    reports: int = 0


class Agents:
    """Joins as every server that is up, and reports its services as starting, then ready; told to stop, it has finished.

    Args:
        nodes: the desk's other side.
        servers: the names of the site's servers that are up, by their ids.
    """

    def __init__(self, nodes: Nodes, servers: Callable[[], Mapping[str, str]]) -> None:
        self._nodes = nodes
        self._servers = servers
        self._invited: dict[str, tuple[str, str]] = {}
        self._running: dict[str, _Agent] = {}
        self._done = threading.Event()
        self.mute: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="agents")
        self._thread.start()

    def user_data(self, url: str, cluster: str, node: str, join_token: str) -> str:
        """What Nova is given, and what a machine would find in it."""
        self._invited[f"{cluster}-{node}"] = (node, join_token)
        return "#cloud-config\n"

    def close(self) -> None:
        """All machines fall silent."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(1.0):
            try:
                servers = self._servers()
            except SiteError:
                continue  # machines run on while Nova doesn't answer; these rest
            self._running = {server: agent for server, agent in self._running.items() if server in servers}
            for server, name in servers.items():
                if name in self._invited:  # else it was asked for before this Almanac came
                    self._live(server, *self._invited[name])

    def _live(self, server: str, node: str, join_token: str) -> None:
        if node in self.mute:
            return
        agent = self._running.get(server)
        try:
            if agent is None:
                agent = _Agent(f"almn_{secrets.token_urlsafe(32)}")
                self._nodes.join(join_token, agent.token, "10.77.0.9", {"cores": 2})
                self._running[server] = agent
            self._report(agent, node)
        except NotSignedIn:
            return  # its cluster has ended, or another machine has taken its place

    def _report(self, agent: _Agent, node: str) -> None:
        revision, orders = self._nodes.orders(agent.token)
        agent.reports += 1
        state = "ready" if agent.reports > 2 else "starting"
        names = [service["name"] for service in orders["services"]]
        told = Told(
            revision=revision,
            services=dict.fromkeys(names, state),
            doing="Services are starting.",
            finished=bool(orders["stop"]),
            idle=timedelta(0),
        )
        self._nodes.report(agent.token, told)
        self._nodes.save_tails(agent.token, {name: f"{name} on {node}\nis {state}\n" for name in names})
