"""The lines of an event log: one file, or the directory of a rolling one, whole or cut short."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from almanac.diagnosis.codecs import Damaged, opened
from almanac.diagnosis.trouble import BadEventLog

LONGEST_LINE = 32 << 20
"""Bytes; a longer line (the text of an enormous plan) is passed over, so that memory stays bounded."""
PART = re.compile(r"^events_(\d+)_")
LOG = re.compile(r"^(eventlog_v2_|app-|local-|application_|spark-)")


@dataclass(slots=True)
class Lines:
    """The lines of a log, to be iterated once.

    Attributes:
        parts: its files, in order.
        truncated: whether the log ended in the middle of something. Known when all lines were read.
        notes: what else a reader should know, as sentences.
    """

    parts: tuple[Path, ...]
    truncated: bool = False
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.truncated = False  # only the end of the last part is the log's end
            yield from self._of(part)

    def _of(self, part: Path) -> Iterator[bytes]:
        import zstandard

        try:
            with part.open("rb") as raw, opened(raw) as stream:
                yield from self._split(stream)
        except EOFError:
            self.truncated = True
        except (
            Damaged,
            zlib.error,
            zstandard.ZstdError,
            ValueError,
            OSError,
        ) as error:  # the last two are pyarrow's too
            if isinstance(error, OSError) and error.errno is not None:
                raise BadEventLog(f"{part} can't be read: {error.strerror}.", hint="Check its permissions.") from None
            self.truncated = True
            self.notes.append(f"{part.name} is damaged: what follows the damage is not in this diagnosis.")

    def _split(self, stream: BinaryIO) -> Iterator[bytes]:
        while line := stream.readline(LONGEST_LINE):
            if line.endswith(b"\n"):
                yield line
            elif len(line) < LONGEST_LINE:
                self.truncated = True  # a whole event ends its line; the half of one is of no use
            else:
                self._pass_over(stream)

    def _pass_over(self, stream: BinaryIO) -> None:
        while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        self.notes.append(f"An event of more than {LONGEST_LINE >> 20} MiB was passed over.")


def lines_of(path: Path) -> Lines:
    """The lines of the log at a path: a file, a rolling log's directory, or a directory that holds just one log.

    Raises:
        BadEventLog: there is none, or there are several.
    """
    try:
        return _lines_of(path)
    except PermissionError:
        raise BadEventLog(f"{path} may not be read.", hint="Check its permissions, and its directories'.") from None


def _lines_of(path: Path) -> Lines:
    if not path.exists():
        raise BadEventLog(f"There is no {path}.", hint="Name an event log, or the directory of a rolling one.")
    if not path.is_dir():
        return Lines((path,))
    if parts := _parts(path):
        return _rolling(parts)
    logs = sorted(entry for entry in path.iterdir() if LOG.match(entry.name))
    if len(logs) == 1:
        return _lines_of(logs[0])
    if not logs:
        raise BadEventLog(f"There is no event log in {path}.", hint="Was spark.eventLog.enabled on, and has it begun?")
    names = ", ".join(entry.name for entry in logs[:5]) + (", ..." if len(logs) > 5 else "")
    raise BadEventLog(f"There are {len(logs)} event logs in {path}.", hint=f"Name one of them: {names}.")


def _parts(directory: Path) -> dict[int, Path]:
    """The parts of a rolling log by number; what was compacted stands in for all before it."""
    found = [(int(match[1]), entry) for entry in directory.iterdir() if (match := PART.match(entry.name))]
    compacted = max((number for number, entry in found if entry.suffix == ".compact"), default=0)
    kept = [(n, entry) for n, entry in found if n > compacted or (n == compacted and entry.suffix == ".compact")]
    return dict(sorted(kept))


def _rolling(parts: dict[int, Path]) -> Lines:
    lines = Lines(tuple(parts.values()))
    numbers = list(parts)
    if next(iter(parts.values())).suffix == ".compact":
        lines.notes.append("The log was compacted: jobs that had ended by then are not in this diagnosis.")
    elif numbers[0] != 1 or numbers[-1] - numbers[0] >= len(numbers):
        lines.notes.append("Parts of the log are missing: what they held is not in this diagnosis.")
    return lines
