"""A program that runs beside Almanac: started on a free loopback port, found ready, started again when it ends, ended with us."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from almanac.core.errors import SiteTrouble

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LONGEST_LOG = 8 * 2**20
_LONGEST_PAUSE_S = 30.0
_FORGIVEN_AFTER_S = 60.0
_PATIENCE_S = 10.0
_LOOK_S = 0.1
_HEALTH_EVERY_S = 5.0
_SILENCES = 3
"""Looks in a row without an answer before it counts as silent: a busy machine is slow, not in trouble."""
_AGAIN = 3
"""Ends in a row after which it isn't by chance."""


class Daemon:
    """One supervised program. Its absence, death or silence is said in words and stops nothing else.

    Args:
        program: looked for on the PATH.
        package: the Debian package that has it.
        arguments: port -> its arguments.
        prepare: writes its files, before each start.
        log_file: takes its output.
        answers: port -> whether it does its work there.
    """

    def __init__(
        self,
        program: str,
        package: str,
        arguments: Callable[[int], Sequence[str]],
        prepare: Callable[[], None],
        log_file: Path,
        answers: Callable[[int], bool] | None = None,
    ) -> None:
        self.program = program
        self._package = package
        self._arguments = arguments
        self._prepare = prepare
        self._log_file = log_file
        self._answers = answers or _accepts
        self._port: int | None = None
        self._trouble = f"{program} is starting."
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"almanac-{program}", daemon=True)

    @property
    def trouble(self) -> str:
        """Why it can't be used now, in a sentence; empty when it can."""
        return "" if self._port is not None else self._trouble

    @property
    def url(self) -> str:
        """Where it answers.

        Raises:
            SiteTrouble: it doesn't.
        """
        port = self._port
        if port is None:
            raise SiteTrouble(self._trouble, hint="Bookings go on without it; see: almanac status")
        return f"http://{LOOPBACK}:{port}"

    def start(self) -> None:
        """Start it, and go on starting it."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stop.set()
        self._thread.join(3 * _PATIENCE_S)

    def _run(self) -> None:
        """The thread that starts a program is its parent: the kernel ends the program when this thread ends."""
        failures = 0
        while not self._stop.is_set():
            began = time.monotonic()
            self._live(failures)
            failures = 1 if time.monotonic() - began > _FORGIVEN_AFTER_S else failures + 1
            self._stop.wait(min(_LONGEST_PAUSE_S, 0.25 * 2**failures))

    def _live(self, failures: int) -> None:
        """One life of it, after so many that ended early."""
        if shutil.which(self.program) is None:
            self._say(f"{self.program} isn't installed: apt-get install {self._package}; it is started soon after.")
            return
        try:
            self._prepare()
            port = _free_port()
            process = self._spawn(port)
        except OSError as error:
            self._say(f"{self.program} can't be run ({error.strerror}); it is tried again.")
            return
        try:
            self._watch(process, port)
        finally:
            self._port = None
            _end(process)
        if not self._stop.is_set():
            self._say(self._ended(process.returncode, failures + 1))

    def _watch(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Until it ends or is to be ended: whether it answers."""
        due, silences = 0.0, 0
        while process.poll() is None and not self._stop.wait(_LOOK_S):
            if time.monotonic() < due:
                continue
            if self._answers(port):
                if self._port is None:
                    log.info("%s answers at %s:%s", self.program, LOOPBACK, port)
                self._port, silences = port, 0
            elif self._port is not None and (silences := silences + 1) >= _SILENCES:
                self._say(f"{self.program} runs but doesn't answer; see {self._log_file.name}, or end its process.")
                self._port = None
            due = time.monotonic() + (_HEALTH_EVERY_S if self._port is not None else 0)

    def _ended(self, status: int, times: int) -> str:
        how = f"was killed ({signal.Signals(-status).name})" if status < 0 else f"ended with status {status}"
        often = f", {times} times in a row," if times >= _AGAIN else ""
        return f"{self.program} {how}{often} and is started again; see {self._log_file.name} if that doesn't help."

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        command = ["setpriv", "--pdeathsig", "KILL", "--", self.program, *self._arguments(port)]
        with self._log_file.open("ab") as output:
            if output.tell() > _LONGEST_LOG:
                output.truncate(0)
            os.fchmod(output.fileno(), 0o600)
            quiet = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "GOMAXPROCS": "2"}
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=quiet, start_new_session=True
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=0.5).close()
    except OSError:
        return False
    return True
