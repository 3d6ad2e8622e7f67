"""From the groups that an institution says somebody is in to their roles in projects. Decides; does nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from almanac.services.caller import Role


@dataclass(frozen=True, slots=True)
class GroupRole:
    """Who is in the group has the role in the project."""

    group: str
    project: str
    role: Role


@dataclass(frozen=True, slots=True)
class Changes:
    """What a sign-in changes.

    Attributes:
        let_in: role by project, to be given.
        taken_out: projects that the person leaves.
        mapped: the roles that are the mapping's from now on, by project.
    """

    let_in: dict[str, Role]
    taken_out: frozenset[str]
    mapped: dict[str, Role]


def roles_of(groups: Collection[str], mapping: Collection[GroupRole], projects: Collection[str]) -> dict[str, Role]:
    """The highest role in each project that the groups give; projects that aren't there are left out."""
    roles: dict[str, Role] = {}
    for entry in mapping:
        if entry.group in groups and entry.project in projects:
            before = roles.get(entry.project, entry.role)
            roles[entry.project] = max(before, entry.role, key=lambda role: role.rank)
    return roles


def changes(wanted: Mapping[str, Role], mapped: Mapping[str, str], present: Mapping[str, str]) -> Changes:
    """What to change so that a person's groups count, and what people decided by hand stays.

    A membership is the mapping's if the mapping made it and nobody has given it another role since.

    Args:
        wanted: roles by the person's groups now.
        mapped: roles that the mapping made before.
        present: the roles that the person has.
    """
    ours = {project for project, role in mapped.items() if present.get(project) == role}
    free = {project: role for project, role in wanted.items() if project in ours or project not in present}
    let_in = {project: role for project, role in free.items() if present.get(project) != role}
    return Changes(let_in, frozenset(ours - set(wanted)), free)
