"""What operators (and, for members, project leads) ask of the HTTP API."""

from __future__ import annotations

from datetime import datetime

from almanac.client import models as m
from almanac.client.transport import Transport, part, read


class Admin:
    """People, projects, grants and sites."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def people(self) -> tuple[m.Person, ...]:
        """All accounts."""
        return read(tuple[m.Person, ...], self._transport.call("GET", "/people"))

    def add_person(self, name: str, *, operator: bool = False) -> m.Person:
        """A new account; ``invite`` lets the person in."""
        return read(m.Person, self._transport.call("POST", "/people", json={"name": name, "operator": operator}))

    def invite(self, name: str) -> m.Invitation:
        """A one-time token for a person."""
        return read(m.Invitation, self._transport.call("POST", f"/people/{part(name)}/invite"))

    def disable_person(self, name: str) -> None:
        """End an account's tokens and let it in no more."""
        self._transport.call("DELETE", f"/people/{part(name)}")

    def projects(self) -> tuple[m.Project, ...]:
        """The projects that one may see."""
        return read(tuple[m.Project, ...], self._transport.call("GET", "/projects"))

    def add_project(
        self, name: str, *, title: str = "", max_nodes: int | None = None, max_bookings_per_person: int | None = None
    ) -> m.Project:
        """A new project; None leaves a quota open."""
        body = {
            "name": name,
            "title": title,
            "max_nodes": max_nodes,
            "max_bookings_per_person": max_bookings_per_person,
        }
        return read(m.Project, self._transport.call("POST", "/projects", json=body))

    def set_quotas(self, project: str, *, max_nodes: int | None, max_bookings_per_person: int | None) -> m.Project:
        """Other quotas for a project; None is no limit."""
        body = {"max_nodes": max_nodes, "max_bookings_per_person": max_bookings_per_person}
        return read(m.Project, self._transport.call("PUT", f"/projects/{part(project)}/quotas", json=body))

    def set_member(self, project: str, person: str, role: str) -> None:
        """Make a person a member or lead of a project."""
        self._transport.call("PUT", f"/projects/{part(project)}/members/{part(person)}", json={"role": role})

    def remove_member(self, project: str, person: str) -> None:
        """Take a person out of a project."""
        self._transport.call("DELETE", f"/projects/{part(project)}/members/{part(person)}")

    def grants(self, project: str) -> tuple[m.Grant, ...]:
        """A project's grants."""
        return read(tuple[m.Grant, ...], self._transport.call("GET", f"/projects/{part(project)}/grants"))

    def add_grant(self, project: str, site: str, node_hours: float, start: datetime, end: datetime) -> m.Grant:
        """Give node-hours to a project at a site over ``[start, end)``."""
        body = {"site": site, "node_hours": node_hours, "start": start, "end": end}
        return read(m.Grant, self._transport.call("POST", f"/projects/{part(project)}/grants", json=body))

    def drain(self, site: str) -> None:
        """No new bookings at a site; those that are stay."""
        self._transport.call("POST", f"/sites/{part(site)}/drain")

    def undrain(self, site: str) -> None:
        """Take bookings at a site again."""
        self._transport.call("POST", f"/sites/{part(site)}/undrain")
