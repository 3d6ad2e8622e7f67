"""The lines of an event log: one file, or the directory of a rolling one, whole or cut short."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from almanac.diagnosis.codecs import Damaged, opened
from almanac.diagnosis.trouble import BadEventLog

LONGEST_LINE = 32 << 20
"""Bytes; a longer line (the text of an enormous plan) is passed over, so that memory stays bounded."""
PART = re.compile(r"^events_(\d+)_")
LOG = re.compile(r"^(eventlog_v2_|app-|local-|application_|spark-)")


class Part(Protocol):
    """A file of a log."""

    @property
    def name(self) -> str:
        """Its name, by which parts are put in order."""

    def open(self, mode: Literal["rb"], /) -> io.BufferedReader:
        """Its bytes."""


@dataclass(slots=True)
class Lines:
    """The lines of a log, to be iterated once.

    Attributes:
        parts: its files, in order.
        most: plain bytes that are read of it; None: all.
        truncated: whether the log ended in the middle of something. Known when all lines were read.
        notes: what else a reader should know, as sentences.
    """

    parts: tuple[Part, ...]
    most: int | None = None
    truncated: bool = False
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[bytes]:
        left = self.most
        for part in self.parts:
            self.truncated = False  # only the end of the last part is the log's end
            for line in self._of(part):
                if left is not None and (left := left - len(line)) < 0:
                    self.notes.append(f"Only the first {(self.most or 0) / 2**30:.3g} GiB of the log were read.")
                    return
                yield line

    def _of(self, part: Part) -> Iterator[bytes]:
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
    if lines := rolling(path.iterdir()):
        return lines
    logs = sorted(entry for entry in path.iterdir() if LOG.match(entry.name))
    if len(logs) == 1:
        return _lines_of(logs[0])
    if not logs:
        raise BadEventLog(f"There is no event log in {path}.", hint="Was spark.eventLog.enabled on, and has it begun?")
    names = ", ".join(entry.name for entry in logs[:5]) + (", ..." if len(logs) > 5 else "")
    raise BadEventLog(f"There are {len(logs)} event logs in {path}.", hint=f"Name one of them: {names}.")


def rolling(files: Iterable[Part]) -> Lines | None:
    """The lines of a rolling log, of which these are the files; None: none of them is a part of one.

    What was compacted stands in for all before it.
    """
    found = [(int(match[1]), part) for part in files if (match := PART.match(part.name))]
    compacted = max((number for number, part in found if _is_compact(part)), default=0)
    kept = [(n, part) for n, part in found if n > compacted or (n == compacted and _is_compact(part))]
    if not kept:
        return None
    numbers = dict(sorted(kept, key=lambda each: each[0]))
    lines, last = Lines(tuple(numbers.values())), max(numbers)
    if compacted:
        lines.notes.append("The log was compacted: jobs that had ended by then are not in this diagnosis.")
    elif len(numbers) < last:
        lines.notes.append("Parts of the log are missing: what they held is not in this diagnosis.")
    return lines


def _is_compact(part: Part) -> bool:
    return part.name.endswith(".compact")
