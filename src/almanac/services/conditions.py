"""What a booking's machines went through while its tasks ran, as far as somebody watched them."""

from __future__ import annotations

from datetime import datetime

from almanac.core.errors import AlmanacError
from almanac.diagnosis.findings import Platform
from almanac.monitoring.conditions import platform, question
from almanac.services.monitoring import Monitoring


class Conditions:
    """Asks for them; without metrics nothing is known, and a diagnosis stands on its event log alone."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring

    def during(self, booking: str, since: datetime, until: datetime) -> Platform:
        """Means over the moments between two, aware UTC, at which the booking's tasks ran."""
        asked = {"query": question(until - since), "time": str(until.timestamp())}
        try:
            return platform(self._monitoring.answer(booking, "query", asked)["result"])
        except AlmanacError:
            return Platform()
