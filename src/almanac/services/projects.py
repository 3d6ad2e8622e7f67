"""Projects: members, quotas and grants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from almanac.core.errors import BadRequest, Conflict
from almanac.core.ledger import LineKind
from almanac.core.windows import Window
from almanac.services.caller import Caller, Role, not_found
from almanac.services.names import checked_name
from almanac.storage.database import Database
from almanac.storage.rows import LedgerRow, ProjectRow
from almanac.storage.unit import Unit

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class ProjectView:
    """People who share bookings, quotas and grants."""

    name: str
    title: str
    created_at: datetime
    max_nodes: int | None
    max_bookings_per_person: int | None
    members: dict[str, Role]


@dataclass(frozen=True, slots=True)
class GrantView:
    """Node-hours given to a project at a site over a period."""

    project: str
    site: str
    node_hours: float
    start: datetime
    end: datetime
    granted_at: datetime
    granted_by: str


class Projects:
    """Projects and who is in them. Operators make them; a project's leads manage its members.

    Args:
        database: where they are kept.
        check_site: raises NotFound for a site that this Almanac doesn't have.
    """

    def __init__(self, database: Database, check_site: Callable[[str], object]) -> None:
        self._database = database
        self._check_site = check_site

    def projects(self, caller: Caller) -> list[ProjectView]:
        """The projects that the caller sees, by name."""
        with self._database.read() as unit:
            return [_view(unit, row) for row in unit.people.projects() if caller.sees(row.name)]

    def add_project(
        self,
        caller: Caller,
        name: str,
        now: datetime,
        *,
        title: str = "",
        max_nodes: int | None = None,
        max_bookings_per_person: int | None = None,
    ) -> ProjectView:
        """Make a project, without members yet.

        Raises:
            Forbidden: not an operator.
            BadRequest: not a name.
            Conflict: it is there already.
        """
        caller.can_operate()
        row = ProjectRow(checked_name(name), title, now, max_nodes, max_bookings_per_person)
        with self._database.write() as unit:
            if unit.people.get_project(name) is not None:
                raise Conflict(f"There is a project {name} already.", hint="Choose another name.")
            unit.people.add_project(row)
            return _view(unit, row)

    def set_quotas(
        self, caller: Caller, project: str, *, max_nodes: int | None, max_bookings_per_person: int | None
    ) -> ProjectView:
        """Give a project other quotas; None is no limit. What is booked already stays.

        Raises:
            Forbidden: not an operator.
            NotFound: no such project.
        """
        caller.can_operate()
        with self._database.write() as unit:
            row = _project(unit, project)
            row = replace(row, max_nodes=max_nodes, max_bookings_per_person=max_bookings_per_person)
            unit.people.replace_project(row)
            return _view(unit, row)

    def set_member(self, caller: Caller, project: str, person: str, role: Role) -> ProjectView:
        """Let a person into a project, or change their role in it.

        Raises:
            NotFound: no such project or person, or a project that the caller doesn't see.
            Forbidden: the caller doesn't lead the project.
            BadRequest: operator is nobody's role in a project.
        """
        caller.can_lead(project)
        if role is Role.OPERATOR:
            raise BadRequest("A project has members and leads.", hint="Choose the role member or lead.")
        with self._database.write() as unit:
            row = _project(unit, project)
            if unit.people.get_person(person) is None:
                raise not_found(f"person {person}")
            unit.people.set_member(project, person, role)
            return _view(unit, row)

    def remove_member(self, caller: Caller, project: str, person: str) -> None:
        """Take a person out of a project. Their bookings stay; a lead can end them.

        Raises:
            NotFound: no such project or member, or a project that the caller doesn't see.
            Forbidden: the caller doesn't lead the project.
        """
        caller.can_lead(project)
        with self._database.write() as unit:
            _project(unit, project)
            if person not in unit.people.members(project):
                raise not_found(f"member {person} of {project}")
            unit.people.remove_member(project, person)

    def grants(self, caller: Caller, project: str) -> list[GrantView]:
        """The project's grants, oldest first.

        Raises:
            NotFound: no such project, or the caller doesn't see it.
        """
        caller.can_see(project)
        with self._database.read() as unit:
            _project(unit, project)
            lines = unit.ledger.lines(project=project)
        return [_grant_view(line, line.period) for line in lines if line.period is not None]

    def add_grant(
        self, caller: Caller, project: str, site: str, node_hours: float, period: Window, now: datetime
    ) -> GrantView:
        """Give a project node-hours at a site over a period. From then on the project is metered there.

        Raises:
            Forbidden: not an operator.
            NotFound: no such project or site.
            BadRequest: less than one node-second.
        """
        caller.can_operate()
        self._check_site(site)
        seconds = round(node_hours * HOUR_S)
        if seconds < 1:
            raise BadRequest("A grant is at least one node-second.", hint="Give more node_hours.")
        with self._database.write() as unit:
            _project(unit, project)
            line = LedgerRow(now, period.start, project, site, LineKind.GRANT, seconds, caller.person, period=period)
            unit.ledger.append(line)
        return _grant_view(line, period)


def _project(unit: Unit, name: str) -> ProjectRow:
    row = unit.people.get_project(name)
    if row is None:
        raise not_found(f"project {name}")
    return row


def _view(unit: Unit, row: ProjectRow) -> ProjectView:
    members = {person: Role(role) for person, role in sorted(unit.people.members(row.name).items())}
    return ProjectView(row.name, row.title, row.created_at, row.max_nodes, row.max_bookings_per_person, members)


def _grant_view(line: LedgerRow, period: Window) -> GrantView:
    hours = line.node_seconds / HOUR_S
    return GrantView(line.project, line.site, hours, period.start, period.end, line.at, line.actor)
