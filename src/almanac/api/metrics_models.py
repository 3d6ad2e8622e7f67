"""What the API tells of metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from almanac.api import fields as f
from almanac.api.models import Out

TIME = r"^(\d{1,12}(\.\d{1,9})?|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+\-]\d\d:\d\d))$"
STEP = r"^(\d{1,9}(\.\d{1,6})?|(\d{1,6}(ms|s|m|h|d))+)$"
PromQl = Annotated[str, Field(min_length=1, max_length=4096, description="PromQL.", examples=["up"])]
Time = Annotated[
    str, Field(pattern=TIME, max_length=40, description="Seconds since 1970, or ISO 8601.", examples=["1803895200"])
]
Step = Annotated[str, Field(pattern=STEP, max_length=40, description="Seconds, or such as 15s.", examples=["15s"])]


class InstantQuery(BaseModel):
    """A question about one moment."""

    model_config = ConfigDict(extra="forbid")
    query: PromQl
    time: Time | None = None

    def parameters(self) -> dict[str, str]:
        """As Prometheus wants them."""
        return self.model_dump(exclude_none=True)


class RangeQuery(BaseModel):
    """A question about a range of time; up to 11,000 points a series."""

    model_config = ConfigDict(extra="forbid")
    query: PromQl
    start: Time
    end: Time
    step: Step

    def parameters(self) -> dict[str, str]:
        """As Prometheus wants them."""
        return self.model_dump()


class GrafanaInstant(InstantQuery):
    """As Grafana sends it: what else it sends is left out."""

    model_config = ConfigDict(extra="ignore")


class GrafanaRange(RangeQuery):
    """As Grafana sends it: what else it sends is left out."""

    model_config = ConfigDict(extra="ignore")


class PanelsQuery(BaseModel):
    """What is shown of a booking."""

    model_config = ConfigDict(extra="forbid")
    span_s: Annotated[int, Field(ge=60, le=92 * 24 * 3600, description="How far back.")] = 900
    until: f.Instant | None = Field(default=None, description="Until now, or until it ended, if not given.")

    @property
    def span(self) -> timedelta:
        """How far back."""
        return timedelta(seconds=self.span_s)


class Data(BaseModel):
    """What Prometheus found."""

    resultType: Literal["vector", "matrix", "scalar", "string"]  # noqa: N815 - Prometheus' own name
    result: list[Any] = Field(description="Series with their labels; see Prometheus' HTTP API.")


class Answer(BaseModel):
    """In the shape of Prometheus' own HTTP API, so that its clients understand it."""

    status: Literal["success"] = "success"
    data: Data


class MetricsLine(Out):
    """A line of a chart."""

    name: str
    points: list[tuple[f.Moment, float]]


class MetricsPanel(Out):
    """A chart."""

    key: str
    title: str
    unit: str = Field(description="percentunit, bytes, Bps, s or short: Grafana's names.", examples=["percentunit"])
    about: str = Field(description="What to read from it.")
    lines: list[MetricsLine]


class Metrics(Out):
    """All charts of a booking."""

    booking: str
    start: f.Moment
    end: f.Moment
    step_s: float
    panels: list[MetricsPanel]
