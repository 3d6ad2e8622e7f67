"""Who is asking, and what they may do. Owner and project checks live here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from almanac.core.errors import Forbidden, NotFound


class Role(StrEnum):
    """What a person may do in a project, and the most that a token lets its person do.

    MEMBER: see the project's bookings, change their own. LEAD: change all of the project's, manage its members.
    OPERATOR: everything, everywhere; nobody's role in a project, only a person's standing or a token's cap.
    """

    MEMBER = "member"
    LEAD = "lead"
    OPERATOR = "operator"

    @property
    def rank(self) -> int:
        """Its place in the order member < lead < operator."""
        return list(Role).index(self)

    def capped(self, cap: Role) -> Role:
        """The lesser of the two."""
        return min(self, cap, key=lambda role: role.rank)


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in person, with their token's limits already applied.

    Attributes:
        person: the person's name.
        operator: whether they may do everything, everywhere.
        roles: their role in each project that the token reaches.
        cap: the most that the token lets them do.
        scope: the only project that the token reaches; None for all of theirs.
    """

    person: str
    operator: bool = False
    roles: Mapping[str, Role] = field(default_factory=dict)
    cap: Role = Role.OPERATOR
    scope: str | None = None

    @property
    def projects(self) -> frozenset[str] | None:
        """The projects that they see; None for all."""
        return None if self.operator else frozenset(self.roles)

    def sees(self, project: str) -> bool:
        """Whether the project exists for them."""
        return self.operator or project in self.roles

    def leads(self, project: str) -> bool:
        """Whether they may change everything in the project."""
        return self.operator or self.roles.get(project) is Role.LEAD

    def owns(self, project: str, owner: str) -> bool:
        """Whether something of that project and owner is theirs to change: their own, or any as lead or operator."""
        return self.leads(project) or (project in self.roles and owner == self.person)

    def can_see(self, project: str, what: str = "") -> None:
        """Let pass who sees the project.

        Args:
            project: the project's name.
            what: the thing asked for, for the message, such as ``booking b-7k3m9q2x``; empty for the project itself.

        Raises:
            NotFound: they don't; whether it exists is not told.
        """
        if not self.sees(project):
            raise not_found(what or f"project {project}")

    def can_change(self, project: str, owner: str, what: str) -> None:
        """Let pass who may change ``what``, a thing of that project and owner.

        Raises:
            NotFound: they don't see it.
            Forbidden: they see it, but it is another member's.
        """
        self.can_see(project, what)
        if not self.owns(project, owner):
            raise Forbidden(
                f"The {what} is {owner}'s; you can see it but not change it.",
                hint=f"Ask {owner}, a lead of {project} or an operator.",
            )

    def can_lead(self, project: str) -> None:
        """Let pass the project's leads and operators.

        Raises:
            NotFound: they don't see the project.
            Forbidden: they are a member, or their token is a member's.
        """
        self.can_see(project)
        if not self.leads(project):
            raise Forbidden(f"Only a lead of {project} or an operator may do that.", hint=self._advice("lead"))

    def can_operate(self) -> None:
        """Let pass operators.

        Raises:
            Forbidden: they are none, or their token is not an operator's.
        """
        if not self.operator:
            raise Forbidden("Only an operator may do that.", hint=self._advice("operator"))

    def _advice(self, role: str) -> str:
        if self.cap is not Role.OPERATOR or self.scope is not None:
            return f"This token is limited ({self._limits()}); use one without that limit, or ask a {role}."
        return f"Ask {'an' if role[0] in 'aeiou' else 'a'} {role} to do it."

    def _limits(self) -> str:
        limits = [f"role {self.cap}"] if self.cap is not Role.OPERATOR else []
        return ", ".join(limits + ([f"project {self.scope}"] if self.scope else []))


def not_found(what: str) -> NotFound:
    """The one answer for what doesn't exist and what isn't yours to see."""
    return NotFound(
        f"There is no {what}, or you can't see it.", hint="Check the spelling; `almanac bookings` lists yours."
    )
