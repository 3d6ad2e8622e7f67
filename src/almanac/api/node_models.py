"""What machines send, each field bounded: a machine is in the hands of whoever uses it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict

from almanac.services.nodes import Told

MOST_NUMBERS = 2**19
"""Bytes; a machine of 200 cores has a fifth of that."""
Words = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]
ServiceName = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
Age = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Fact = Annotated[int, Strict(), Field(ge=0, le=2**53)] | Annotated[bool, Strict()] | Words
Facts = Annotated[dict[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")], Fact], Field(max_length=20)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class JoinBody(_Body):
    """A machine that comes with its join token, and brings the token that it will have."""

    join_token: str = Field(min_length=1, max_length=100, repr=False)
    own_token: str = Field(min_length=1, max_length=100, repr=False)
    facts: Facts = {}


class ReportBody(_Body):
    """What a machine tells of itself."""

    revision: Annotated[int, Strict(), Field(ge=0, le=2**31 - 1)] = 0
    services: dict[ServiceName, Literal["starting", "ready", "ended", "failed"]] = Field(default={}, max_length=2000)
    doing: Words = ""
    trouble: Words = ""
    facts: Facts = {}
    finished: bool = False
    idle_s: Age | None = None
    saved_s: Age | None = None

    def told(self) -> Told:
        """As the service takes it."""
        plain: dict[str, Any] = self.model_dump(exclude={"idle_s", "saved_s"})
        return Told(**plain, idle=_age(self.idle_s), saved=_age(self.saved_s))


def _without_nul(text: str) -> str:
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")  # PostgreSQL keeps none


Tail = Annotated[str, Field(max_length=20_000), AfterValidator(_without_nul)]


class TailsBody(_Body):
    """The last lines of logs, by service."""

    tails: dict[ServiceName, Tail] = Field(max_length=2000)


class NumbersBody(_Body):
    """What a machine's node exporter tells, in Prometheus' text format."""

    text: str = Field(max_length=MOST_NUMBERS)


def _age(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
