"""What of a target's metrics is taken, and under which name: an allow-list, so that no target decides how much is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from almanac.monitoring.promql import quoted

MOST_SAMPLES = 2000
"""Of one target in one scrape."""
LONGEST_LABEL = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one series at one moment."""

    name: str
    value: float
    labels: Mapping[str, str]


class BadMetrics(ValueError):
    """A target answered with something that isn't metrics, or with too much."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What is taken of one kind of target.

    Attributes:
        names: the target's name of a metric -> Almanac's.
        labels: the target's name of a label -> Almanac's; others are dropped.
    """

    names: Mapping[str, str]
    labels: Mapping[str, str]

    def taken(self, text: str) -> Iterator[Sample]:
        """The samples of a target's answer that are taken.

        Raises:
            BadMetrics: it isn't in Prometheus' text format, or holds too many of them.
        """
        lines = [line for line in text.splitlines() if self._name(line) in self.names]
        if len(lines) > MOST_SAMPLES:
            raise BadMetrics(f"The target shows {len(lines)} samples; up to {MOST_SAMPLES} are taken.")
        try:
            families = list(text_string_to_metric_families("\n".join(lines) + "\n"))
        except ValueError as error:
            raise BadMetrics(f"The target's answer isn't metrics: {str(error)[:120]}.") from error
        for family in families:
            for sample in family.samples:
                labels = {
                    self.labels[name]: v[:LONGEST_LABEL] for name, v in sample.labels.items() if name in self.labels
                }
                yield Sample(self.names[sample.name], sample.value, labels)

    @staticmethod
    def _name(line: str) -> str:
        return line.partition("{")[0].partition(" ")[0]


def written(samples: Iterable[Sample]) -> str:
    """Samples in Prometheus' text format."""
    return "".join(f"{sample.name}{_labels(sample.labels)} {sample.value!r}\n" for sample in samples)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return f"{{{','.join(f'{name}={_value(value)}' for name, value in labels.items())}}}"


def _value(value: str) -> str:
    """The text format knows three escapes only; whatever else isn't printable is replaced."""
    return quoted("".join(c if c.isprintable() else "?" for c in value))
