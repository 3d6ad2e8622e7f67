"""Blazar's leases, typed. One reservation per lease: with two, Blazar counts each as if the other weren't there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stamina

from almanac.core.ports import Permanent, Temporary
from almanac.core.windows import Window
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.errors import error
from almanac.sites.openstack.settings import LeaseKind

STUCK_AFTER = timedelta(minutes=3)
"""Blazar passes through its transitional states in seconds; its manager was killed in the middle of this one."""
HALF_MADE_AFTER = timedelta(minutes=1)
"""A creation takes as long as its request, and that no longer than 60 s."""
_TRANSITIONAL = {"CREATING", "STARTING", "UPDATING", "TERMINATING", "DELETING"}
_GONE = {"TERMINATING", "TERMINATED", "DELETING"}
_CLOCKS_DIFFER = "Start date must be later than current date"
"""The cloud's clock is ahead of ours, so that what we ask to begin this minute is past there."""
_IN_BETWEEN = "Invalid lease status"
_UNKNOWN_KIND = "resource type is not supported"
_CLASS = re.compile(r"create resource class .CUSTOM_RESERVATION_([0-9A-F]{8}(?:_[0-9A-F]{4}){3}_[0-9A-F]{12})")
"""Placement's resource class of a reservation, whose id is in it."""
_COLLISIONS = 4


@dataclass(frozen=True, slots=True)
class BlazarLease:
    """A lease as Blazar shows it.

    Attributes:
        window: whole minutes.
        status: Blazar's word.
        reservation: its reservation's id; by it machines find in. Empty when it has none (half-made).
        kind: of the reservation.
        amount: nodes (or hosts) that it holds.
        started: whether its capacity is usable now: Blazar has set it up, and it hasn't ended.
        whole: False when its creation was cut off: no events, so it neither starts nor ends nor can be deleted.
        trouble: in words, why it isn't what it should be; empty when all is well.
        stuck: whether a change of it was begun and never ended.
    """

    id: str
    name: str
    window: Window
    status: str
    reservation: str
    kind: str
    amount: int
    started: bool
    whole: bool
    trouble: str = ""
    stuck: bool = False

    @property
    def in_making(self) -> bool:
        """Whether Blazar may still be creating it."""
        return not self.whole and not self.trouble

    @property
    def cut_off(self) -> bool:
        """Whether Blazar was killed in the midst of a change of it, and now refuses the next, its deletion too."""
        return self.stuck or (bool(self.trouble) and not self.whole)

    @property
    def hopeless(self) -> bool:
        """Whether it was cut off and holds nothing of use."""
        return self.cut_off and not self.started

    @property
    def over(self) -> bool:
        """Whether it has ended, or is ending."""
        return self.status in _GONE

    @property
    def usable(self) -> bool:
        """Whether it holds, or will hold, what it says."""
        return self.whole and not self.over and not self.broken

    @property
    def broken(self) -> bool:
        """Whether it will never (again) do what it should, so that another has to take its place."""
        return bool(self.trouble) and not self.started


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one lease is to hold.

    Attributes:
        kind: of reservation; not AUTO or NONE.
        flavor_id: Nova's.
        cores, memory_mib, disk_gib: of that flavor.
    """

    kind: LeaseKind
    flavor_id: str
    cores: int
    memory_mib: int
    disk_gib: int

    def reservation(self, amount: int) -> dict[str, Any]:
        """The request's line for so many nodes."""
        if self.kind is LeaseKind.FLAVOR:
            shape: dict[str, Any] = {"flavor_id": self.flavor_id, "amount": amount, "affinity": None}
        elif self.kind is LeaseKind.INSTANCE:
            size = {"vcpus": self.cores, "memory_mb": self.memory_mib, "disk_gb": self.disk_gib}
            shape = size | {"amount": amount, "affinity": None, "resource_properties": ""}
        else:
            large = f'["and", [">=", "$vcpus", "{self.cores}"], [">=", "$memory_mb", "{self.memory_mib}"]]'
            shape = {"min": amount, "max": amount, "hypervisor_properties": large, "resource_properties": ""}
        return {"resource_type": self.kind.value} | shape


class UnknownKind(Permanent):
    """This Blazar has no plugin for a kind of reservation."""


class Busy(Temporary):
    """Blazar is at it just now."""


class Collided(Temporary):
    """Placement failed Blazar in mid-creation, which took the lease back but not what it had made in Nova.

    That happens to creations at the same moment on MySQL: Placement counts its resource classes itself, and takes the
    database's word that a number is taken (``PRIMARY``) for a name that is (as of Placement 16).
    """


class Blazar:
    """The reservation API of one project. Leases are told apart by name, which Blazar doesn't keep unique.

    Args:
        cloud: the project.
        left: is told of every reservation that Blazar gave up without removing its flavor and its aggregate.
    """

    def __init__(self, cloud: Cloud, left: Callable[[str], object] = lambda _: None) -> None:
        self._cloud = cloud
        self._left = left

    def leases(self, now: datetime) -> tuple[BlazarLease, ...]:
        """All of the project's leases."""
        found = self._cloud.call("reservation", "GET", "/leases", "list leases")
        return tuple(parse(lease, now) for lease in found["leases"])

    def lease(self, lease: str, now: datetime) -> BlazarLease:
        """One lease, as it is now."""
        return parse(self._cloud.call("reservation", "GET", f"/leases/{lease}", "show a lease")["lease"], now)

    def create(self, name: str, window: Window, wanted: Wanted, amount: int, now: datetime) -> BlazarLease:
        """Make a lease; one whose creation collided with another's is asked for again.

        Raises:
            UnknownKind: no plugin for this kind of reservation.
            NoRoom: not enough hosts for the whole window.
            SiteError: otherwise; the lease may exist all the same.
        """
        calling = stamina.RetryingCaller(attempts=_COLLISIONS, wait_initial=0.2, wait_max=1.0)
        return calling(Collided, self._create, name, window, wanted, amount, now)

    def _create(self, name: str, window: Window, wanted: Wanted, amount: int, now: datetime) -> BlazarLease:
        body = {
            "name": name,
            "start_date": "now" if window.start <= now else minute(window.start),
            "end_date": minute(window.end),
            "reservations": [wanted.reservation(amount)],
            "events": [],
        }
        answer = self._cloud.ask("reservation", "POST", "/leases", body)
        if answer.status == 400 and _CLOCKS_DIFFER in answer.message:
            answer = self._cloud.ask("reservation", "POST", "/leases", body | {"start_date": "now"})
        if not answer.ok:
            if _UNKNOWN_KIND in answer.message:
                raise UnknownKind(f"Blazar has no reservations of kind {wanted.kind}: {answer.message}")
            why = error(answer, "reservation", f"lease {amount} x {name.rpartition('/')[2]}", self._cloud.name)
            if (unfinished := _CLASS.search(answer.message)) is not None:
                self._left(unfinished[1].lower().replace("_", "-"))
                raise Collided(str(why)) from why
            raise why
        return parse(answer.body["lease"], now)

    def move(self, lease: BlazarLease, window: Window, now: datetime) -> BlazarLease:
        """Give a lease another window, and look again: an update may leave it in ERROR, whatever it answered.

        Raises:
            NoRoom: not for that long; the lease is as it was.
            Temporary: it didn't take, or Blazar is still at it.
        """
        dates = {"end_date": minute(window.end)}
        if not lease.started:
            dates["start_date"] = "now" if window.start <= now else minute(window.start)
        answer = self._cloud.ask("reservation", "PUT", f"/leases/{lease.id}", dates)
        if not answer.ok:
            raise error(answer, "reservation", "change a lease's dates", self._cloud.name)
        moved = self.lease(lease.id, now)
        if moved.window.end != window.end or not moved.usable:
            raise Temporary(f"Blazar left a lease in {moved.status} when its dates were changed.")
        return moved

    def delete(self, lease: str) -> None:
        """End a lease and whatever runs in it; gone already is fine.

        Raises:
            Busy: Blazar is starting or ending it just now.
            SiteError: otherwise.
        """
        answer = self._cloud.ask("reservation", "DELETE", f"/leases/{lease}")
        if _IN_BETWEEN in answer.message:
            raise Busy("Blazar is starting or ending a lease just now.", timedelta(seconds=1))
        if not answer.ok and answer.status != 404:
            raise error(answer, "reservation", "end a lease", self._cloud.name)


def parse(lease: Mapping[str, Any], now: datetime) -> BlazarLease:
    """A lease from its JSON."""
    lines: list[Mapping[str, Any]] = lease.get("reservations") or []
    line: Mapping[str, Any] = lines[0] if lines else {}
    status = str(lease.get("status") or "")
    stuck = _is_stuck(lease, status, now)
    return BlazarLease(
        id=str(lease["id"]),
        name=str(lease["name"]),
        window=Window(_instant(lease["start_date"]), _instant(lease["end_date"])),
        status=status,
        reservation=str(line.get("id") or ""),
        kind=str(line.get("resource_type") or ""),
        amount=int(line.get("amount") or line.get("max") or 0),
        started=line.get("status") == "active" and status not in _GONE,
        whole=bool(lease.get("events")) and bool(line.get("resource_id")),
        trouble=f"Blazar has left the lease in {status}." if stuck else _trouble(lease, line, status),
        stuck=stuck,
    )


def _is_stuck(lease: Mapping[str, Any], status: str, now: datetime) -> bool:
    since = str(lease.get("updated_at") or lease.get("created_at") or "")
    patience = HALF_MADE_AFTER if status == "CREATING" else STUCK_AFTER
    return status in _TRANSITIONAL and bool(since) and now - _instant(since) > patience


def _trouble(lease: Mapping[str, Any], line: Mapping[str, Any], status: str) -> str:
    if status == "ERROR" or line.get("status") == "error":
        return "Blazar shows the lease in ERROR."
    if line.get("missing_resources"):
        return "A host of the lease is gone, and Blazar has found no other."
    return "Blazar calls the lease degraded." if lease.get("degraded") else ""


def _instant(text: str) -> datetime:
    """Blazar's times are UTC and don't say so."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minute(instant: datetime) -> str:
    """A whole minute as Blazar wants it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
