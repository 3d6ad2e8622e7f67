"""Diagnoses as JSON and back, for a database, another process or another machine."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from almanac.diagnosis.diagnose import Diagnosis
from almanac.diagnosis.trouble import BadEventLog


def plain(found: Diagnosis) -> dict[str, Any]:
    """JSON-ready facts."""
    facts: dict[str, Any] = orjson.loads(orjson.dumps(found))
    return facts


def loaded(facts: object) -> Diagnosis:
    """A diagnosis from its facts.

    Raises:
        BadEventLog: they are none, as those of a log with numbers that are none.
    """
    try:
        return _adapter().validate_python(facts)
    except ValidationError:
        raise BadEventLog(
            "The numbers of the event log make no sense.",
            hint="It was changed, or written by something else than Spark.",
        ) from None


@cache
def _adapter() -> TypeAdapter[Diagnosis]:
    return TypeAdapter(Diagnosis)
