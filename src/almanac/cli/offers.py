"""Windows that fit, drawn on a line of time; and what would fit instead of what was refused, ready to paste."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from almanac.client import words
from almanac.client.errors import ClientError
from almanac.client.models import Refusal, Request, Slot
from almanac.client.transport import read


def bar(start: datetime, end: datetime, begin: datetime, finish: datetime, width: int) -> str:
    """``[start, end)`` on a line of ``width`` characters from ``begin`` to ``finish``; at least one is filled."""
    scale = width / max((finish - begin).total_seconds(), 1)
    first = min(width - 1, max(0, int((start - begin).total_seconds() * scale)))
    last = min(width, max(first + 1, round((end - begin).total_seconds() * scale)))
    full, empty = _ink()
    return empty * first + full * (last - first) + empty * (width - last)


def axis(begin: datetime, finish: datetime, width: int) -> str:
    """The heading above such lines: the clock (or the day, where it spans more than two) at both ends."""
    form = "%H:%M" if finish - begin <= timedelta(days=2) else "%a %d"
    zone = words.local_zone()
    first, last = begin.astimezone(zone).strftime(form), finish.astimezone(zone).strftime(form)
    return first + last.rjust(width - len(first))


def span(slots: Sequence[Slot], now: datetime) -> tuple[datetime, datetime]:
    """From now (or the first start, if that is earlier) to the last end."""
    return min([now, *(s.start for s in slots)]), max(s.end for s in slots)


def with_commands(error: ClientError, request: Request) -> ClientError:
    """A refusal whose hint says what would fit, as commands to paste; any other error as it is."""
    commands = list(alternatives(error.details.get("refusal"), request))
    if not commands:
        return error
    lines = "\n".join(f"  {command}   # {why}" for command, why in commands)
    details = {**error.details, "commands": [command for command, _ in commands]}
    return ClientError(error.code, error.message, f"What would fit:\n{lines}", details, status=error.status)


def alternatives(refusal: object, request: Request) -> Iterator[tuple[str, str]]:
    """Each alternative of a refusal (JSON, or None) as a command and why."""
    known = refusal if isinstance(refusal, Refusal) or refusal is None else read(Refusal, refusal)
    for other in known.alternatives if known else ():
        yield (
            book_command(
                request, start=other.start, length=other.end - other.start, seats=other.seats, site=other.site
            ),
            other.message,
        )


def book_command(request: Request, *, start: datetime, length: timedelta, seats: int, site: str | None) -> str:
    """The command that books a window."""
    parts = ["almanac", "book", request.profile]
    if request.start is not None or start > datetime.now(start.tzinfo):
        parts += ["--at", written(start)]
    parts += ["--for", compact(length)]
    if seats != 1:
        parts += ["--seats", str(seats)]
    chosen = (("--site", site), ("--project", request.project), ("--title", request.title), ("--data", request.data))
    for option, value in chosen:
        parts += [option, value] if value else []
    return shlex.join(parts)


def written(instant: datetime) -> str:
    """An instant as ``--at`` takes it, exactly: local, with its offset."""
    there = instant.astimezone(words.local_zone())
    return there.isoformat(timespec="minutes" if not (there.second or there.microsecond) else "auto")


def compact(length: timedelta) -> str:
    """A length as ``--for`` takes it, such as ``1h30m``."""
    rest = round(length.total_seconds())
    parts = []
    for unit, size in (("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def _ink() -> tuple[str, str]:
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    return ("█", "·") if encoding.startswith("utf") else ("#", ".")
