"""What the API tells of why jobs took as long as they did."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from almanac.api import fields as f
from almanac.api.models import Out
from almanac.services.diagnoses import Which

APPLICATION = r"^[A-Za-z0-9][A-Za-z0-9_\-]{0,99}$"
Application = Annotated[
    str,
    Field(
        max_length=100,
        pattern=rf"{APPLICATION}|^$",
        description="A Spark application of the booking; its newest if not given.",
        examples=["app-20270301100000-0000"],
    ),
]


class DiagnosisQuery(BaseModel):
    """Which run, and which earlier one it is compared with."""

    model_config = ConfigDict(extra="forbid")
    application: Application = ""
    before: Annotated[
        str, Field(alias="with", max_length=40, pattern=rf"{f.ID}|^$", description="A booking to compare with.")
    ] = ""
    before_application: Annotated[Application, Field(alias="with_application")] = ""

    def which(self, booking: str) -> Which:
        """The run that is asked about."""
        return Which(booking, self.application)

    @property
    def earlier(self) -> Which | None:
        """The run that it is compared with."""
        return Which(self.before, self.before_application) if self.before else None


class Spent(Out):
    """What tasks spent their time on: seconds of a slot, of all tasks together."""

    run: float = Field(description="The executors' run time; the next five are its parts.")
    cpu: float
    gc: float = Field(description="Garbage collection.")
    fetch: float = Field(description="Waiting for shuffled data.")
    write: float = Field(description="Writing shuffles.")
    rest: float = Field(description="Disks, storage, Python, waiting.")
    slots: float = Field(description="How long slots were held: run time and the rest of tasks' lives.")
    delay: float = Field(description="Of that, the scheduler's.")


class Cause(Out):
    """Something that made the run longer."""

    kind: str = Field(examples=["skew"])
    title: str
    level: Literal["low", "moderate", "severe", "critical"]
    saved_s: float = Field(description="What the run would take less without it. Causes overlap.")
    saved_share: float = Field(description="Of the run, 0 to 1.")
    evidence: dict[str, int | float | str] = Field(
        description="Names end with the unit: _s, _bytes, _share, _bytes_per_s."
    )
    advice: str = Field(description="What to change.")
    capacity: bool = Field(description="Whether nothing is wrong, and only more machines would remove it.")


class StageTime(Out):
    """A stage in numbers."""

    id: int
    name: str
    job: int
    tasks: int
    failed: int
    wall_s: float
    median_task_s: float
    longest_task_s: float
    read_bytes: float
    spent: Spent


class Estimate(Out):
    """The run on another size, as a range."""

    times: float = Field(description="Its slots as a multiple of the run's.")
    slots: int
    least_s: float
    most_s: float


class Diagnosis(Out):
    """What became of a run's time."""

    app: str
    name: str
    spark: str
    ended: bool
    wall_s: float = Field(description="From the first job to the last, without what was spent waiting for people.")
    slots: int
    executors: int
    busy_share: float
    model_error: float = Field(description="How far the model is off on the run itself, as a share.")
    spent: Spent
    causes: list[Cause] = Field(description="Dearest first; what only more machines remove comes last.")
    what_if: list[Estimate]
    stages: list[StageTime] = Field(description="At most 200, those that took longest.")
    notes: list[str]


class Change(Out):
    """A time in both runs."""

    what: str
    before_s: float
    after_s: float


class Comparison(Out):
    """What changed since the other run."""

    wall: Change
    slots_before: int
    slots_after: int
    parts: list[Change]
    stages: list[Change]
    gone: list[str] = Field(description="Kinds of causes that only the other run has.")
    new: list[str] = Field(description="Kinds of causes that only this run has.")


class BookingDiagnosis(Out):
    """A booking's diagnosis."""

    booking: str
    application: str
    applications: list[str] = Field(description="All that ran in the booking, the oldest first.")
    live: bool = Field(description="Whether the booking goes on, so that a later look may tell more.")
    at: f.Moment = Field(description="When the event log was read.")
    diagnosis: Diagnosis
    against: Comparison | None = Field(description="What changed since the run named by `with`.")
