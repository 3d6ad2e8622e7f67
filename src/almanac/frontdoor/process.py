"""Caddy as a child: started, started again when it dies, ended with Almanac however that ends."""

from __future__ import annotations

import json
import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from almanac.frontdoor import ports
from almanac.frontdoor.configuration import Plan, configuration

log = logging.getLogger(__name__)

_READY_WITHIN_S = 10.0
_GRACE_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_LOG_BYTES = 1_000_000


def find_program() -> str | None:
    """Caddy, where it is installed."""
    return shutil.which("caddy")


class Proxy:
    """The proxy of one Almanac.

    Args:
        program: Caddy's path.
        plan: what it is to be.
        said: the file for what it says.
        held: by port, what holds it for the proxy already; it is the proxy's from now on.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        program: str,
        plan: Plan,
        said: Path,
        held: Mapping[int, socket.socket] = MappingProxyType({}),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._program = program
        self._plan = plan
        self._said = said
        self._held = dict(held)
        self._monotonic = monotonic
        self._process: subprocess.Popen[bytes] | None = None
        self._pause = 0.0
        self._not_before = 0.0
        self._certificate: tuple[int, ...] = ()
        self._trouble = ""

    @property
    def pid(self) -> int | None:
        """Its process, while that lives."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def keep(self) -> str:
        """See that it runs, with the certificate that there is now. To be called from a thread that stays.

        Returns:
            Why it doesn't run, in words; empty when it does.
        """
        if self.pid is not None and self._stamp() != self._certificate:
            log.info("the front door's certificate has changed")
            self.stop()
        if self.pid is not None:
            self._pause, self._trouble = 0.0, ""
        else:
            self._trouble = self._open()
        return self._trouble

    def _open(self) -> str:
        """Start it, unless that was tried just now; returns why it doesn't run."""
        if self._process is not None:
            log.warning("the front door's proxy ended with %s", self._process.returncode)
            self._process = None
        if self._monotonic() < self._not_before:
            return self._trouble or self._why()
        self._pause = min(_LONGEST_PAUSE_S, 2 * self._pause or _FIRST_PAUSE_S)
        self._not_before = self._monotonic() + self._pause
        taken = [address for address in self._listening if not self._hold(address)]
        if taken:
            return f"The front door can't listen at {' and '.join(taken)}: another program does."
        self._start()
        return "" if self._listens() else self._why()

    def stop(self) -> None:
        """End it: open requests get a moment."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process, self._not_before = None, 0.0

    def close(self) -> None:
        """End it, and let go of its ports."""
        self.stop()
        while self._held:
            self._held.popitem()[1].close()

    def _hold(self, address: str) -> bool:
        """Whether its port is the proxy's alone: Caddy itself would share it with whoever has it."""
        host, port = _parts(address)
        if port not in self._held:
            try:
                self._held[port] = ports.hold(host, port)
            except OSError:
                return False
        return True

    @property
    def _listening(self) -> tuple[str, str]:
        return self._plan.listen, self._plan.listen_platforms

    def _start(self) -> None:
        """The kernel ends it with the thread that started it: no door without Almanac."""
        directory = self._plan.directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        orders = directory / "caddy.json"
        orders.touch(mode=0o600)
        orders.write_text(json.dumps(configuration(self._plan), indent=1))
        self._certificate = self._stamp()
        home = str(directory)
        with self._open_log() as said:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", self._program, "run", "--config", str(orders)],
                env={"PATH": "/usr/bin:/bin", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home},
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def _open_log(self) -> BinaryIO:
        """Begun anew once it has grown long."""
        self._said.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._said.touch(mode=0o600)
        return self._said.open("wb" if self._said.stat().st_size > _LOG_BYTES else "ab")

    def _listens(self) -> bool:
        """Whether it comes to listen."""
        end_by = time.monotonic() + _READY_WITHIN_S
        while self.pid is not None and time.monotonic() < end_by:
            if all(map(_answers, self._listening)):
                return self.pid is not None
            time.sleep(0.02)
        return False

    def _stamp(self) -> tuple[int, ...]:
        """Tells one certificate from another."""
        files = self._plan.certificate
        if files is None:
            return ()
        try:
            return tuple(file.stat().st_mtime_ns for file in (files.certificate, files.key))
        except OSError:
            return self._certificate  # it is being replaced

    def _why(self) -> str:
        lines = self._said.read_text(errors="replace").strip().splitlines()[-1:] if self._said.exists() else []
        return f"The front door's proxy doesn't run. {f'It said last: {lines[0][-300:]}' if lines else ''}".strip()


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _answers(address: str) -> bool:
    host, port = _parts(address)
    near = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    try:
        socket.create_connection((near, port), 1).close()
    except OSError:
        return False
    return True
