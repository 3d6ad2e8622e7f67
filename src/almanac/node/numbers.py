"""What a node exporter and NVIDIA's driver tell of this machine, sent to Almanac every few seconds.

It goes the way of the reports, so no port is opened.
Metrics are worth less than anything else that this machine does: whatever goes wrong here is said once, and stops nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import threading
import time
import urllib.request
from contextlib import suppress
from http.client import HTTPException

from almanac.node import exporter, gpus
from almanac.node.desk import Desk, Later, Refused, Wrong
from almanac.node.errands import Helper
from almanac.node.runtime import install_exporter

log = logging.getLogger(__name__)

_MOST_BYTES = 4 * 2**20
_PATIENCE_S = 4.0
_AGAIN_AFTER_S = 5.0


class Numbers(threading.Thread):
    """Runs a node exporter and passes on what it tells, for ever.

    Attributes:
        may_install: set once everything that people wait for is up: a missing exporter is installed after that.
    """

    def __init__(self, desk: Desk, helper: Helper, every_s: float) -> None:
        super().__init__(name="numbers", daemon=True)
        self._desk = desk
        self._helper = helper
        self._every_s = every_s
        self._complaint = ""
        self.may_install = threading.Event()

    def run(self) -> None:
        """Find or install it, and keep it running."""
        program = exporter.find()
        if program is None:
            self.may_install.wait()
            install_exporter()
            program = exporter.find()
        if program is None:
            log.warning("This image has no node exporter, and none could be installed: its numbers aren't told.")
            return
        while True:
            try:
                self._live(program)
            except OSError as error:
                self._complain(f"The node exporter can't be run: {error}")
            time.sleep(_AGAIN_AFTER_S)

    def _live(self, program: str) -> None:
        """One life of it. This thread is its parent: the kernel ends it when this thread ends, however it does."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        nothing = subprocess.DEVNULL
        process = subprocess.Popen(
            [*self._as_user(), program, *exporter.arguments(port)],
            env={"PATH": os.defpath, "GOMAXPROCS": "1"},
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                time.sleep(self._every_s)
                self._tell(port)
        finally:
            process.kill()
            process.wait()

    def _as_user(self) -> list[str]:
        dying = ["setpriv", "--pdeathsig", "KILL"]
        uid, gid = self._helper.ids()
        if uid != os.geteuid():
            dying += [f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--no-new-privs"]
        return [*dying, "--"]

    def _tell(self, port: int) -> None:
        with suppress(Refused):  # the reporter hears it too
            try:
                self._desk.tell_numbers(exporter.wanted(_read(f"http://127.0.0.1:{port}/metrics")) + gpus.numbers())
            except (Later, Wrong, OSError, HTTPException) as error:
                self._complain(f"This machine's numbers can't be told: {error}")
            else:
                self._complaint = ""

    def _complain(self, about: str) -> None:
        if about != self._complaint:
            log.warning("%s", about)
        self._complaint = about


def _read(url: str) -> str:
    """A page of this machine's, whatever proxies it has for others."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=_PATIENCE_S) as answer:
        text: bytes = answer.read(_MOST_BYTES)
    return text.decode(errors="replace")
