"""What something costs, and what is left of the project's grants before and after."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from almanac.portal.reader import Reader


@dataclass(frozen=True, slots=True)
class Cost:
    """What a project pays at a site.

    Attributes:
        left_h: of its grants there, before; None: it isn't metered there.
    """

    project: str
    site: str
    node_hours: float
    left_h: float | None

    @property
    def afterwards_h(self) -> float:
        """What would be left of a metered project's grants."""
        return (self.left_h or 0.0) - self.node_hours


def cost(reader: Reader, project: str, site: str, node_hours: float, at: datetime) -> Cost:
    """What a project would pay at a site for what begins at an instant."""
    return Cost(project, site, node_hours, reader.app.ledger.left(reader.caller, project, site, at))


def left(reader: Reader) -> list[Cost]:
    """What is left now for each of a person's projects at each site where it is metered."""
    sites, projects = reader.app.catalogue.names, sorted(reader.caller.roles)
    found = [cost(reader, project, site, 0.0, reader.now) for project in projects for site in sites]
    return [each for each in found if each.left_h is not None]
