"""A diagnosis in words: numbers with their units, as people read them."""

from __future__ import annotations

from collections.abc import Mapping

from almanac.diagnosis.diagnose import Cause, Diagnosis
from almanac.diagnosis.spent import Spent

PARTS: Mapping[str, str] = {
    "cpu": "processors",
    "gc": "garbage collection",
    "fetch": "waiting for shuffled data",
    "write": "writing shuffles",
    "rest": "disks, storage, Python, waiting",
}
"""What tasks spend their time on: fields of ``Spent``, as people call them."""


def length(seconds: float) -> str:
    """A length in two units at most: 3.2 s, 4 min 10 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(value: float) -> str:
    """Bytes: 12 B, 1.5 MiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:,.0f} {unit}" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def fact(name: str, value: float | str) -> tuple[str, str]:
    """What a number of the evidence is called, and the number with the unit that its name ends with."""
    for ending, shown in (("_bytes_per_s", _rate), ("_share", _share), ("_bytes", size), ("_s", length)):
        if name.endswith(ending) and not isinstance(value, str):
            named = name if ending == "_share" else name.removesuffix(ending)  # often beside the seconds of the same
            return named.replace("_", " "), shown(value)
    return name.replace("_", " "), f"{value:,}" if isinstance(value, int) else str(value)


def saving(cause: Cause) -> str:
    """What a run would take less without a cause."""
    return f"saves {length(cause.saved_s)} ({cause.saved_share:.0%})"


def verdict(found: Diagnosis) -> str:
    """A diagnosis in one sentence."""
    if not found.spent.run:
        return "There is nothing to judge yet: no task has ended."
    if found.causes:
        first = found.causes[0]
        more = f", and {len(found.causes) - 1} more" if len(found.causes) > 1 else ""
        return f"{first.title}: {saving(first)}{more}."
    return "Nothing is wrong with it."


def changed(before: float, after: float) -> str:
    """A change in percent; empty where there was nothing before."""
    return f"{after / before - 1:+.0%}" if before else ""


def shares(spent: Spent) -> dict[str, float]:
    """What tasks spent their time on, as shares of it."""
    return {part: spent.share(getattr(spent, part)) for part in PARTS}


def _share(value: float) -> str:
    return f"{value:.1%}"


def _rate(value: float) -> str:
    return f"{size(value)}/s"
