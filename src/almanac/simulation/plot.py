"""The plot of held against used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from almanac.core.errors import BadRequest
from almanac.simulation.result import Result

_WEEK_MIN = 7 * 24 * 60
FORMATS = (".png", ".svg", ".pdf")


def check(path: Path) -> None:
    """See, before anything is played, that a picture can be saved there.

    Raises:
        BadRequest: a format that isn't drawn, or a folder that isn't there.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadRequest(f"{path.name} is no picture that can be drawn.", hint=f"Name it *{', *'.join(FORMATS)}.")
    if not path.resolve().parent.is_dir():
        raise BadRequest(f"There is no folder {path.resolve().parent}.", hint="Make it, or save the picture elsewhere.")


def save(results: Mapping[str, Result], origin: datetime, path: Path) -> None:
    """Draw the last week but one: slots used, and held by each policy.

    Args:
        results: by name.
        origin: of the trace.
        path: of the picture; its suffix says the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    used = results["clairvoyant"].used
    last = max(len(used) - _WEEK_MIN, min(len(used), _WEEK_MIN))
    span = slice(max(0, last - _WEEK_MIN), last)
    begin = np.datetime64(origin.replace(tzinfo=None), "m")
    times: Any = begin + np.arange(span.start, span.stop)
    axes.fill_between(times, used[span], color="#c7d4e2", label="used", linewidth=0)
    for name, result in results.items():
        if name != "static_peak" or np.max(result.held) < 3 * np.max(used[span]):
            label = f"{result.policy}: {result.slot_hours:,.0f} slot-hours, {result.at_once:.2%} at once"
            axes.plot(times, result.held[span], linewidth=1, label=label)
    axes.set_xlabel("UTC")
    axes.set_ylabel("slots")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", fontsize="small")
    figure.autofmt_xdate()
    figure.savefig(path, dpi=120)
