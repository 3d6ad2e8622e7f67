"""Keystone's content: services, endpoints, projects and users."""

from __future__ import annotations

from scripts.cloud import processes
from scripts.cloud.api import Api, Json, login
from scripts.cloud.configuration import FILES
from scripts.cloud.stack import MEMBERS, REGION, SERVICES, Stack

_ENDPOINTS = (
    ("nova", "compute", "/v2.1"),
    ("placement", "placement", ""),
    ("glance", "image", ""),
    ("neutron", "network", ""),
    ("blazar", "reservation", "/v1"),
)


def bootstrap(stack: Stack) -> None:
    """Make the administrator, the roles and Keystone's own endpoints."""
    url = f"{stack.identity_url}/v3/"
    options = [f"--bootstrap-{kind}-url={url}" for kind in ("admin", "internal", "public")]
    processes.run(
        stack,
        stack.program("keystone-manage"),
        f"--config-file={stack.etc / 'keystone' / FILES['keystone']}",
        "bootstrap",
        f"--bootstrap-region-id={REGION}",
        *options,
        extra={"OS_BOOTSTRAP_PASSWORD": stack.secrets["admin"]},
    )


def fill(stack: Stack) -> None:
    """Make everything else."""
    admin = login(stack)
    roles = {role["name"]: role["id"] for role in _get(admin, "/roles")["roles"]}
    service = _make(admin, "project", name="service", domain_id="default")
    for name in SERVICES:
        who = user(admin, name)
        for role in ("admin", "service"):
            grant(admin, service, who, roles[role])
    for name in MEMBERS:
        project = _make(admin, "project", name=name, domain_id="default")
        grant(admin, project, user(admin, name), roles["member"])
    for name, kind, path in _ENDPOINTS:
        made = _make(admin, "service", name=name, type=kind)
        for interface in ("public", "internal", "admin"):
            where = {"interface": interface, "region_id": REGION, "url": f"{stack.url(name)}{path}"}
            _make(admin, "endpoint", service_id=made, **where)


def grant(admin: Api, project: str, who: str, role: str) -> None:
    """Give a user a role in a project, all by id."""
    admin.call("PUT", "keystone", f"/identity/v3/projects/{project}/users/{who}/roles/{role}")


def user(admin: Api, name: str) -> str:
    """Make a user with the stack's password for that name; the id."""
    return _make(admin, "user", name=name, password=admin.stack.secrets[name], domain_id="default")


def find_project(admin: Api, name: str) -> str:
    """The id of a project."""
    found: str = _get(admin, f"/projects?name={name}")["projects"][0]["id"]
    return found


def _get(admin: Api, path: str) -> Json:
    return admin.call("GET", "keystone", f"/identity/v3{path}")


def _make(admin: Api, kind: str, **values: object) -> str:
    made: str = admin.call("POST", "keystone", f"/identity/v3/{kind}s", {kind: values})[kind]["id"]
    return made
