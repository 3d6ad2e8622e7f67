"""Event logs, read in processes apart: few at a time, each within limits of time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict

from almanac.diagnosis.diagnose import Diagnosis
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.trouble import BadEventLog
from almanac.diagnosis.written import loaded

AT_ONCE = 2
LONGEST_S = 300.0
_READER = (sys.executable, "-P", "-m", "almanac.diagnosis.apart")
"""-P: what lies in the working directory is none of Almanac's modules."""


class EventLogReader:
    """Reads logs one after the other, so that many at once don't take the machine from everybody else."""

    def __init__(self, at_once: int = AT_ONCE, longest_s: float = LONGEST_S) -> None:
        self._room = threading.Semaphore(at_once)
        self._longest_s = longest_s

    def diagnose(self, parts: Mapping[str, int], platform: Platform) -> Diagnosis:
        """The diagnosis of a log.

        Args:
            parts: its files, open: names and descriptors.
            platform: what is known of where it ran.

        Raises:
            BadEventLog: it is none, or larger than what can be read here.
        """
        asked = json.dumps({"parts": dict(parts), "platform": asdict(platform)}).encode()
        with self._room:
            try:
                done = subprocess.run(
                    _READER,
                    input=asked,
                    capture_output=True,
                    pass_fds=tuple(parts.values()),
                    timeout=self._longest_s,
                    env={"PATH": os.environ.get("PATH", os.defpath), "OPENBLAS_NUM_THREADS": "1"},
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise _too_large(f"Reading the event log took longer than {self._longest_s:.0f} s.") from None
        if done.returncode != 0:
            raise _too_large("The event log is too large to be read here, or damaged beyond reading.")
        told = json.loads(done.stdout)
        if "trouble" in told:
            message, hint = told["trouble"]
            raise BadEventLog(message, hint=hint)
        return loaded(told["diagnosis"])


def _too_large(message: str) -> BadEventLog:
    return BadEventLog(message, hint="Copy it to where there is more room, and diagnose the copy: almanac diagnose LOG")
