"""A diagnosis made in a process apart (``python -m almanac.diagnosis.apart``), with limits that no log gets past.

Event logs are written by people's own programs: one that is enormous, or made to be, costs this process and no other.
Standard input tells the descriptors of the log's files, which the process was given, and what is known of the platform;
standard output takes the diagnosis, or what is wrong with the log.
"""

from __future__ import annotations

import ctypes
import io
import os
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from almanac.diagnosis.diagnose import diagnose, shortened
from almanac.diagnosis.files import Lines, rolling
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import run_of
from almanac.diagnosis.trouble import BadEventLog

MOST_MEMORY = 4 << 30
MOST_BYTES = 8 << 30
"""Of a log, uncompressed."""
MOST_STAGES = 200
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A file of a log that is open already."""

    name: str
    number: int

    def open(self, mode: Literal["rb"], /) -> io.BufferedReader:
        """Its bytes."""
        return os.fdopen(self.number, mode)


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a question: a diagnosis, or a trouble with a message and a hint."""
    parts = tuple(Descriptor(name, number) for name, number in asked["parts"].items())
    lines = rolling(parts) or Lines(parts)
    lines.most = MOST_BYTES
    try:
        found = diagnose(run_of(lines, "The event log"), Platform(**asked["platform"]))
    except BadEventLog as bad:
        return {"trouble": [bad.message, bad.hint]}
    except MemoryError:
        return {"trouble": ["The event log is too large to be read here.", "Copy it, and diagnose the copy."]}
    return {"diagnosis": shortened(found, MOST_STAGES)}


def main() -> None:
    """Answer the question on standard input."""
    # Whoever asked waits for the answer: when they are gone, nobody does.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked = orjson.loads(sys.stdin.buffer.read())
    sys.stdout.buffer.write(orjson.dumps(answer(asked)))


if __name__ == "__main__":
    main()
