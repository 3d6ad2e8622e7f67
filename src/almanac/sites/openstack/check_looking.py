"""The part of a check that only looks: the account, the services, and what there is to book."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta

import httpx2

from almanac.core.capacity import Calendar
from almanac.core.catalogue import Profile
from almanac.core.ports import Temporary
from almanac.core.resources import Resources
from almanac.core.windows import Window
from almanac.sites.openstack.capacity import QUOTA, UNLIMITED
from almanac.sites.openstack.checking import ADMINISTRATOR, Finding, Outcome, Step, Trial
from almanac.sites.openstack.errors import title
from almanac.sites.openstack.settings import LeaseKind

_LENGTH = timedelta(minutes=10)
_PATIENCE_S = 10.0
_ENTRY = "You: the entry's 'auth_url', name and password must be right, and this machine must reach that address."


class Looking:
    """Looks at a cloud."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial

    def steps(self) -> Iterator[Step]:
        """What is looked at, in order."""
        yield Step("credentials", self._credentials, needed=True)
        yield Step("services", self._services, needed=True)
        yield Step("capacity", self._capacity, needed=True)
        yield Step("flavors", self._flavors)
        yield Step("profiles", self._profiles)
        yield Step("quota", self._quota)
        yield Step("image", self._image)
        yield Step("address", self._address)

    # --- the account -----------------------------------------------------------------------------------------------------

    def _credentials(self) -> Finding:
        try:
            account = self._trial.cloud.account()
        except Temporary as trouble:
            return Finding(Outcome.FAILED, str(trouble), _ENTRY)
        roles = ", ".join(sorted(account.roles.values()))
        says = f"Signed in as {account.user} to the project {account.project}, with the roles {roles}."
        if "admin" in account.roles.values():
            return Finding(
                Outcome.NOTE,
                f"{says} The role admin is more than Almanac needs.",
                "Give it an account with 'member' only.",
            )
        return Finding(Outcome.OK, says)

    def _services(self) -> Finding:
        wanted = ("compute", "network", "image")
        missing = [title(service) for service in wanted if not self._trial.cloud.has(service)]
        if missing:
            return Finding(
                Outcome.FAILED,
                f"The catalog has no {' and no '.join(missing)}.",
                f"You: is it another region (setting 'region')? Otherwise {ADMINISTRATOR.lower()}.",
            )
        there = ", ".join(title(service) for service in wanted)
        if self._trial.settings.lease_kind is LeaseKind.NONE:
            return Finding(
                Outcome.NOTE,
                f'{there} are there. lease_kind is "none": best effort, not reserved.',
                'You: set lease_kind = "auto" to reserve.',
            )
        if not self._trial.reserved:
            return Finding(
                Outcome.NOTE,
                f"{there} are there. There is no Blazar endpoint: bookings work here, but best effort, not reserved.",
                f"{ADMINISTRATOR} can install Blazar.",
            )
        return Finding(Outcome.OK, f"{there} and Blazar are there.")

    # --- what there is ---------------------------------------------------------------------------------------------------

    def _capacity(self) -> Finding:
        hosts = self._trial.seen.hosts
        total = sum((host.resources for host in hosts), Resources())
        size = f"{_count(total.cores)} cores, {_count(total.memory_mib, 1024)} GiB of memory"
        if [host.name for host in hosts] != [QUOTA]:
            return Finding(Outcome.OK, f"{len(hosts)} hosts can be reserved: {size}.")
        says = f"The project's quota counts as one big host: {size}."
        if self._trial.reserved:
            says += " (Its hosts can't be listed by the account, as is usual, or are more than that.)"
            says += " Whether there is room is known when a lease is asked for."
        return Finding(Outcome.OK, says)

    def _flavors(self) -> Finding:
        flavors = self._trial.seen.flavors
        fast = [flavor.name for flavor in flavors if flavor.nvme]
        gpus = [flavor.name for flavor in flavors if flavor.resources.gpus]
        says = f"Offered: {', '.join(flavor.name for flavor in flavors)}."
        says += f" With GPUs: {', '.join(gpus)}." if gpus else ""
        if fast:
            return Finding(Outcome.OK, f"{says} With node-local NVMe: {', '.join(fast)}.")
        return Finding(
            Outcome.NOTE,
            f"{says} None says that it has node-local NVMe: Spark's scratch goes to the root disk, which is slower.",
            f"{ADMINISTRATOR} can offer a flavor whose trait, extra spec or name says NVMe.",
        )

    def _profiles(self) -> Finding:
        said = {profile.name: self._carried(profile) for profile in self._trial.needs.profiles}
        carried = [f"{name} ({on})" for name, (on, why_not) in said.items() if not why_not]
        lacking = "; ".join(f"{name}: {why_not}" for name, (_, why_not) in said.items() if why_not)
        mend = f"{ADMINISTRATOR} can raise the quota or offer larger flavors; you can change the catalogue."
        if not carried:
            return Finding(Outcome.FAILED, f"No profile can be booked here. {lacking}.", mend)
        says = f"Can be booked: {', '.join(carried)}."
        return Finding(Outcome.NOTE, f"{says} Not: {lacking}.", mend) if lacking else Finding(Outcome.OK, says)

    def _carried(self, profile: Profile) -> tuple[str, str]:
        """What its smallest booking runs on, and why it can't be had (empty when it can)."""
        try:
            groups = self._trial.groups(profile)
        except KeyError as missing:
            return "", f"no flavor has {self._size(str(missing.args[0]))}"
        on = " + ".join(f"{group.count} x {group.flavor.name}" for group in groups)
        room = Calendar(self._trial.seen.hosts, []).place(groups, Window.lasting(self._trial.clock(), _LENGTH))
        return on, "" if room is not None else f"{on} is more than there is"

    def _size(self, name: str) -> str:
        """What a shape has, in words."""
        of = next((shape.resources for shape in self._trial.needs.shapes if shape.name == name), None)
        if of is None:
            return f"the name {name}"
        gpus = f" and {of.gpus} GPU{'s' if of.gpus > 1 else ''}" if of.gpus else ""
        return f"{of.cores} core{'s' if of.cores > 1 else ''}, {of.memory_mib / 1024:.3g} GiB of memory{gpus}"

    def _quota(self) -> Finding:
        told = self._trial.cloud.call("compute", "GET", "/limits", "show the quota")["limits"]["absolute"]
        network = self._trial.cloud.ask("network", "GET", f"/quotas/{self._trial.cloud.project}").body.get("quota", {})
        nodes = max((1 + profile.workers for profile in self._trial.needs.profiles), default=1)
        limits = {
            "instances": (told["maxTotalInstances"], nodes),
            "ports": (network.get("port", -1), nodes),
            "security groups": (network.get("security_group", -1), 1),
        }
        short = [
            f"{most} {what} where the largest profile takes {need}"
            for what, (most, need) in limits.items()
            if 0 <= most < need
        ]
        if short:
            return Finding(Outcome.FAILED, f"The quota allows {' and '.join(short)}.", f"{ADMINISTRATOR} can raise it.")
        room = ", ".join(f"{'any number of' if most < 0 else most} {what}" for what, (most, _) in limits.items())
        return Finding(Outcome.OK, f"Besides cores and memory: {room}.")

    def _image(self) -> Finding:
        wanted = self._trial.settings.image
        found = self._trial.cloud.call("image", "GET", "/images", "list images", status="active", limit="500")["images"]
        chosen = [image for image in found if wanted in {image["id"], image["name"]}]
        if not chosen:
            names = ", ".join(sorted({str(image["name"]) for image in found})) or "none"
            return Finding(
                Outcome.FAILED, f"There is no active image '{wanted}'.", f"You: set 'image' to one of these: {names}."
            )
        if len(chosen) > 1:
            return Finding(
                Outcome.FAILED, f"{len(chosen)} images are called '{wanted}'.", "You: set 'image' to an image's id."
            )
        image = chosen[0]
        small = [
            flavor.name
            for flavor in self._trial.used()
            if flavor.resources.disk_gib < image["min_disk"] or flavor.resources.memory_mib < image["min_ram"]
        ]
        if small:
            return Finding(
                Outcome.FAILED,
                f"The image '{wanted}' is too large for {', '.join(small)}: "
                f"it wants {image['min_disk']} GiB of disk and {image['min_ram']} MiB of memory.",
                "You: choose a smaller image, or leave these flavors out (setting 'flavors').",
            )
        return Finding(Outcome.OK, f"'{wanted}' is there.")

    def _address(self) -> Finding:
        url = self._trial.url
        host = httpx2.URL(url).host
        if host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback):
            return Finding(
                Outcome.FAILED,
                f"Machines would look for Almanac at {url}, which is this machine only from here.",
                "You: let Almanac listen where machines reach it (setting 'host'), or put a proxy there, "
                "and set public_url to that.",
            )
        try:
            answer = httpx2.get(f"{url}/api/v1/health", timeout=_PATIENCE_S)
            told = answer.json() if answer.is_success else {}
        except (httpx2.HTTPError, ValueError):
            told = {}
        if not isinstance(told, dict) or "version" not in told:
            return Finding(
                Outcome.FAILED,
                f"No Almanac answers at {url}, where machines would look for it.",
                "You: start it (almanac up), or set public_url to where it is.",
            )
        return Finding(Outcome.OK, f"Almanac answers at {url}, as seen from here; from a machine: --boot.")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _count(amount: int, unit: int = 1) -> str:
    return "unlimited" if amount >= UNLIMITED else str(amount // unit)
