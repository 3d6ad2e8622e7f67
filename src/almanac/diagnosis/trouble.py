"""What is wrong with an event log, in words that say what would work."""

from __future__ import annotations

from almanac.core.errors import BadRequest


class BadEventLog(BadRequest):
    """There is no event log of Spark there, or none that can be read."""

    code = "bad_event_log"
