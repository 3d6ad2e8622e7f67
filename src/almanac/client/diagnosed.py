"""What the server answers about why a booking took as long as it did, typed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from almanac.diagnosis.comparing import Comparison
from almanac.diagnosis.diagnose import Diagnosis


@dataclass(frozen=True)
class BookingDiagnosis:
    """A booking's diagnosis.

    Attributes:
        application: the Spark application that it is of. applications: all that ran in the booking, the oldest first.
        live: whether the booking goes on, so that a later look may tell more.
        at: when its event log was read.
        against: what changed since the other run that was named.
    """

    booking: str
    application: str
    applications: tuple[str, ...]
    live: bool
    at: datetime
    diagnosis: Diagnosis
    against: Comparison | None = None
