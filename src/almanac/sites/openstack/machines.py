"""Servers of this Almanac: found by their metadata, made in a reservation, deleted for sure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from almanac.core.ports import SiteError, Temporary
from almanac.core.resources import Resources
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.errors import error
from almanac.sites.openstack.flavors import RESERVED_PREFIX
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

_FINE = {"BUILD", "ACTIVE", "REBOOT", "HARD_REBOOT", "REBUILD", "PASSWORD", "MIGRATING", "RESIZE", "VERIFY_RESIZE"}
_REFUSAL = "No valid host"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Machine:
    """A server of ours.

    Attributes:
        cluster, node: whose, by its metadata.
        status: Nova's word.
        fault: what Nova says went wrong; empty when nothing did.
        leaving: whether it is being deleted.
        reservation: that it stands in; empty for none.
    """

    id: str
    cluster: str
    node: str
    status: str
    fault: str
    leaving: bool
    created_at: datetime
    reservation: str
    resources: Resources

    @property
    def broken(self) -> str:
        """Why it will never do its work (again), in words; empty when it may."""
        if self.status in _FINE:
            return ""
        said = f": {self.fault}" if self.fault else ""
        return f"Nova shows the machine {self.node} in {self.status}{said}".rstrip(" .") + "."

    @property
    def refused(self) -> bool:
        """Whether Nova found no host for it."""
        return self.status == "ERROR" and _REFUSAL in self.fault


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new machine stands.

    Attributes:
        flavor: Nova's id of the flavor, or the reservation's, which has one of the same id.
        reservation: empty for none.
        kind: of the reservation.
        volume_gib: size of the volume to boot from; 0: it boots from its own disk.
    """

    flavor: str
    reservation: str
    kind: LeaseKind
    volume_gib: int = 0


class Machines:
    """The servers that one Almanac has in one project.

    Args:
        cloud: the project.
        settings: the operator's.
        instance: this Almanac's short name.
    """

    def __init__(self, cloud: Cloud, settings: OpenStackSettings, instance: str) -> None:
        self._cloud = cloud
        self._settings = settings
        self._instance = instance
        self._image_id = ""

    def all(self) -> list[Machine]:
        """Every server that carries our tag."""
        found: list[Mapping[str, Any]] = []
        query = {"limit": str(_PAGE)}
        while True:
            page = self._cloud.call("compute", "GET", "/servers/detail", "list servers", **query)["servers"]
            found += page
            if len(page) < _PAGE:
                return [parse(one) for one in found if one.get("metadata", {}).get("almanac") == self._instance]
            query["marker"] = str(page[-1]["id"])

    def create(self, cluster: str, node: str, port: str, user_data: str, place: Place) -> None:
        """Ask for a server. Look for it before: an error doesn't mean that it wasn't made.

        Raises:
            NoRoom: no host, or no quota, for it.
            SiteError: otherwise.
        """
        tags = {"almanac": self._instance, "almanac_cluster": cluster, "almanac_node": node}
        server: dict[str, Any] = {
            "name": f"{cluster}-{node}",
            "flavorRef": place.flavor,
            "networks": [{"port": port}],
            "user_data": b64encode(user_data.encode()).decode(),
            "metadata": tags | {"almanac_reservation": place.reservation},
        } | self._disk(place)
        if self._settings.key_name:
            server["key_name"] = self._settings.key_name
        if self._settings.availability_zone:
            server["availability_zone"] = self._settings.availability_zone
        body: dict[str, Any] = {"server": server}
        if place.kind is LeaseKind.HOST:
            body["os:scheduler_hints"] = {"reservation": place.reservation}
        answer = self._cloud.ask("compute", "POST", "/servers", body)
        if answer.ok:
            return
        raise self._why_not(answer.message) or error(answer, "compute", "make a machine", self._cloud.name)

    @staticmethod
    def _why_not(said: str) -> SiteError | None:
        """What Nova calls a bad request and is only a matter of time."""
        if "still in use" in said or "already in use" in said:
            return Temporary("An earlier machine still has the address of this one.")
        if said.startswith("Flavor") and "could not be found" in said:
            return Temporary("The reservation can't be used yet.")
        return None

    def delete(self, machine: Machine) -> None:
        """Ask for a server to be deleted; gone already is fine."""
        self._cloud.remove("compute", f"/servers/{machine.id}", "delete a machine")

    def _disk(self, place: Place) -> dict[str, Any]:
        if not place.volume_gib:
            return {"imageRef": self._image()}
        volume = {
            "boot_index": 0,
            "uuid": self._image(),
            "source_type": "image",
            "destination_type": "volume",
            "volume_size": place.volume_gib,
            "delete_on_termination": True,
        }
        return {"block_device_mapping_v2": [volume]}

    def _image(self) -> str:
        """The image's id, by its id or its name; the newest of several."""
        if not self._image_id:
            self._image_id = find_image(self._cloud, self._settings.image)
        return self._image_id


def find_image(cloud: Cloud, wanted: str) -> str:
    """An image's id, by its id or its name; the newest of several.

    Raises:
        Temporary: there is none: an operator can upload it, and it goes on.
    """
    found = cloud.call("image", "GET", "/images", "list images", name=wanted, status="active", sort="created_at:desc")
    images = found["images"]
    if not images and cloud.ask("image", "GET", f"/images/{wanted}").ok:
        return wanted
    if not images:
        raise Temporary(
            f"The cloud '{cloud.name}' has no active image {wanted}; upload it, or name another in the settings."
        )
    return str(images[0]["id"])


def parse(server: Mapping[str, Any]) -> Machine:
    """A server of ours from Nova's JSON."""
    tags, flavor = server["metadata"], server["flavor"]
    original = str(flavor.get("original_name", ""))
    inside = original.removeprefix(RESERVED_PREFIX) if original.startswith(RESERVED_PREFIX) else ""
    return Machine(
        id=str(server["id"]),
        cluster=str(tags.get("almanac_cluster", "")),
        node=str(tags.get("almanac_node", "")),
        status=str(server["status"]),
        fault=str(server.get("fault", {}).get("message", "")).strip(),
        leaving=server.get("OS-EXT-STS:task_state") in {"deleting", "soft-deleting"} or server["status"] == "DELETED",
        created_at=datetime.fromisoformat(server["created"]),
        reservation=str(tags.get("almanac_reservation") or inside),
        resources=Resources(int(flavor["vcpus"]), int(flavor["ram"]), int(flavor["disk"])),
    )
