"""What operators ask of demand and the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from almanac.client import plan_models as m
from almanac.client.transport import Transport, part, read


class PlanCalls:
    """The plan, its dials, and the demand that it stands on."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def look(self) -> m.Plans:
        """What is held ahead, and why."""
        return read(m.Plans, self._transport.call("GET", "/plan"))

    def what_if(self, *, terms: Iterable[m.Term] | None = None, **dials: object) -> m.Plans:
        """The plans that other dials would make; those left out, or None, are as they are."""
        return read(m.Plans, self._transport.call("POST", "/plan/what-if", json=dials | _bodies(terms)))

    def turn(self, *, terms: Iterable[m.Term] | None = None, **dials: object) -> m.Plans:
        """Change some dials; those left out, or None, stay as they are. Terms given replace all others."""
        return read(m.Plans, self._transport.call("PUT", "/plan/dials", json=dials | _bodies(terms)))

    def sources(self) -> tuple[m.DemandSource, ...]:
        """Where demand is known from."""
        return read(tuple[m.DemandSource, ...], self._transport.call("GET", "/demand"))

    def put(
        self, source: str, profile: str, start: datetime, demand: Mapping[str, Sequence[int | None]]
    ) -> m.DemandSource:
        """Demand from elsewhere, by the hour, in place of what the source told before.

        Args:
            source: a name for it.
            profile: in whose places it is counted.
            start: the first hour.
            demand: by kind, ``walk_in`` or ``booked``; None where it isn't known.
        """
        body = {"profile": profile, "start": start, **demand}
        return read(m.DemandSource, self._transport.call("PUT", f"/demand/{part(source)}", json=body))

    def forget(self, source: str) -> None:
        """Let go of imported demand."""
        self._transport.call("DELETE", f"/demand/{part(source)}")


def _bodies(terms: Iterable[m.Term] | None) -> dict[str, object]:
    """As the API takes them; none at all is told, too."""
    return {} if terms is None else {"terms": tuple(each.body for each in terms)}
