"""How a metric's number is written, for the terminal and for pages: one table, one scale for all numbers of a panel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from almanac.monitoring.panels import Unit


@dataclass(frozen=True, slots=True)
class Scale:
    """What a number is multiplied by, how many decimals are kept at most, and what follows it."""

    factor: float
    digits: int
    suffix: str

    def said(self, value: float) -> str:
        """A number as people read it, such as ``1.5 GiB/s``."""
        number = f"{value * self.factor:.{self.digits}f}"
        return f"{number.rstrip('0').rstrip('.') if '.' in number else number}{self.suffix}"


_SCALES = {
    Unit.SHARE: Scale(100, 1, " %"),
    Unit.SECONDS_PER_SECOND: Scale(1, 2, " s/s"),
    Unit.COUNT: Scale(1, 1, ""),
}
_BYTES = tuple(
    Scale(1024.0**-power, min(power, 1), f" {name}") for power, name in enumerate(("B", "KiB", "MiB", "GiB", "TiB"))
)


def scale_of(unit: str, values: Iterable[float]) -> Scale:
    """The scale in which all these numbers of one unit are written: that of the largest.

    Args:
        unit: one of ``panels.Unit``.
        values: of all lines of a panel.
    """
    if unit not in {Unit.BYTES, Unit.BYTES_PER_SECOND}:
        return _SCALES[Unit(unit)]
    most = max(map(abs, values), default=0.0)
    fitting = next((scale for scale in _BYTES if most * scale.factor < 1024), _BYTES[-1])
    return Scale(fitting.factor, fitting.digits, f"{fitting.suffix}{'/s' if unit == Unit.BYTES_PER_SECOND else ''}")
