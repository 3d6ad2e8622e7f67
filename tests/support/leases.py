"""Leases through Blazar's API, as a member asks for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import requests
from tests.support.cloud import Project

PATIENCE_S = 400.0


def create_lease(project: Project, start: datetime, end: datetime) -> dict:
    answer = ask_for_lease(project, start, end)
    while "Failed to create resource class" in answer.text:  # its creation collided with another test's
        answer = ask_for_lease(project, start, end)
    assert answer.status_code == 201, answer.text
    return answer.json()["lease"]


def ask_for_lease(project: Project, start: datetime, end: datetime, amount: int = 1) -> requests.Response:
    flavor = project.connection.compute.find_flavor("m.small").id
    wanted = {"resource_type": "flavor:instance", "flavor_id": flavor, "amount": amount, "affinity": "None"}
    minutes = "%Y-%m-%d %H:%M"
    body = {"name": "lease", "start_date": start.strftime(minutes), "end_date": end.strftime(minutes)}
    return reservation_call(project, "POST", "/leases", {**body, "reservations": [wanted], "events": []})


def show_lease(project: Project, lease: dict) -> dict:
    return reservation_call(project, "GET", f"/leases/{lease['id']}").json()["lease"]


def reservation_call(project: Project, method: str, path: str, body: dict | None = None) -> requests.Response:
    where = {"service_type": "reservation"}
    return project.connection.session.request(path, method, json=body, endpoint_filter=where, raise_exc=False)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.5)
