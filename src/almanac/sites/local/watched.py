"""One supervised service: started when its turn comes, found ready, started again with a back-off when it ends.

Standard library only: the keeper loads this module.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from almanac.sites.local import processes

_LONGEST_PAUSE = 30.0
_FORGIVEN_AFTER = 60.0
_KILL_FIRST = 500
_ODDITIES = ("Exception", "Error", "error", "FATAL", "Traceback", "refused", "denied", "in use")


class PortTaken(Exception):
    """Another program listens on a port that a service needs."""


@dataclass
class Watched:
    """A service and how it fares.

    Attributes:
        definition: a ``spark.service.Service`` as JSON.
        prefix: what its command line begins with (the drop to the cluster's uid).
        state: ``waiting``, ``starting``, ``ready``, ``down`` (to be started again) or ``ended`` (it was a ``once``).
        settled: whether it has ever been ready.
        since: when ``state`` last changed, seconds since 1970.
    """

    definition: Mapping[str, Any]
    prefix: Sequence[str] = ()
    door: socket.socket | None = None
    state: str = "waiting"
    settled: bool = False
    restarts: int = 0
    since: float = field(default_factory=time.time)
    last_exit: str = ""
    process: subprocess.Popen[bytes] | None = None
    _began: float = 0.0
    _failures: int = 0
    _not_before: float = 0.0

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.definition["name"])

    @property
    def up(self) -> bool:
        """Whether others may rely on it, or nobody does."""
        return self.state in {"ready", "ended"} or not self.definition.get("awaited", True)

    def become(self, state: str) -> None:
        """Note a new state."""
        if state != self.state:
            self.state, self.since = state, time.time()

    def due(self, up: set[str]) -> bool:
        """Whether it is to be started now: what it comes ``after`` is up or it waits for it itself, and it isn't paused."""
        if self.state not in {"waiting", "down"} or time.monotonic() < self._not_before:
            return False
        return self.definition.get("gated", False) or all(name in up for name in self.definition["after"])

    def start(self, tag: str, log: int, prepare: Callable[[Mapping[str, Any]], None]) -> None:
        """Start it.

        Args:
            tag: by which its processes are found.
            log: descriptor that takes its output.
            prepare: writes its files and directories.

        Raises:
            PortTaken: somebody else listens on one of its ports.
            OSError: it can't be run at all.
        """
        if self.door is None:
            for port in self.definition["ports"].values():
                _check_free(self.name, port)
        prepare(self.definition)
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            [*self.prefix, *self.definition["argv"]],
            env={**self.definition["env"], processes.TAG: tag},
            cwd=self.definition["cwd"] or "/",
            stdin=subprocess.DEVNULL if self.door is None else self.door.fileno(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        _prefer_to_kill(self.process.pid)
        self.become("starting")

    def look(self) -> None:
        """Notice that it has become ready."""
        if self.state != "starting" or self.definition["once"]:
            return
        ready = self.definition["ready"]
        if ready is None or answers(self.definition["ports"][ready]):
            self.settled = True
            self.become("ready")

    def ended(self, code: int) -> None:
        """Take note that its process ended; it is started again after a pause that doubles up to half a minute."""
        if self.process is not None:
            self.process.returncode = code
            self.process = None
        self.last_exit = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        if self.definition["once"]:
            self.settled = True
            self.become("ended")
            return
        lasted = time.monotonic() - self._began
        self._failures = 1 if lasted > _FORGIVEN_AFTER else self._failures + 1
        self.pause(min(_LONGEST_PAUSE, 0.25 * 2**self._failures))

    def pause(self, seconds: float) -> None:
        """Start it again, but not before so many seconds have passed."""
        self._not_before = time.monotonic() + seconds
        self.restarts += 1
        self.become("down")

    def signal(self, sig: signal.Signals) -> None:
        """Signal it and what it started in its own session."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                return

    def status(self) -> dict[str, Any]:
        """How it fares, as JSON."""
        return {
            "state": self.state,
            "pid": self.process.pid if self.process else None,
            "restarts": self.restarts,
            "since": self.since,
            "last_exit": self.last_exit,
        }


def answers(port: int) -> bool:
    """Whether something listens on a loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _check_free(name: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"Port {port}, which {name} needs, is taken by another program.") from error


def _prefer_to_kill(pid: int) -> None:
    """When memory runs out, a service goes before its keeper, which then starts it again."""
    try:
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(_KILL_FIRST))
    except OSError:
        return


def telling_line(log: bytes) -> str:
    """The line of a log's end that best says what went wrong; empty when there is none."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if any(sign in line for sign in _ODDITIES) and not line.startswith("at ")]
    return (telling or lines or [""])[-1][:300]
