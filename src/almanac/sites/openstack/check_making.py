"""The part of a check that really makes things: a port in a security group, and a lease. What it makes, it removes.

What an earlier check left behind, because it was broken off, is removed first.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta

from almanac.core.ports import NoRoom, Permanent, Temporary
from almanac.core.resources import Flavor
from almanac.core.windows import Window
from almanac.sites.openstack.blazar import Blazar, UnknownKind, Wanted
from almanac.sites.openstack.checking import ADMINISTRATOR, AUTOMATIC, INSTANCE, Finding, Outcome, Step, Trial
from almanac.sites.openstack.cloud import Account
from almanac.sites.openstack.network import Network
from almanac.sites.openstack.settings import LeaseKind

LEASE_PREFIX = f"almanac/{INSTANCE}/"
_AHEAD = timedelta(hours=1)
_LENGTH = timedelta(minutes=10)


class Making:
    """Makes things in a cloud."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._blazar = Blazar(trial.cloud)

    def steps(self) -> Iterator[Step]:
        """What is made, in order."""
        yield Step("network", self._network)
        yield Step("lease", self._lease)

    def _network(self) -> Finding:
        network = Network(self._trial.cloud, self._trial.settings, INSTANCE)
        for left in network.clusters():
            _remove(network, left)
        name = secrets.token_hex(4)
        try:
            port = network.port(name, "head", network.group(name, ()))
            outside = network.floating(port)
        except Permanent as refused:
            return Finding(Outcome.FAILED, str(refused), self._network_mend())
        finally:
            _remove(network, name)
        says = f"A machine would get the address {port.address}"
        return Finding(Outcome.OK, f"{says}, reached from outside at {outside}." if outside else f"{says}.")

    def _network_mend(self) -> str:
        outside = self._trial.settings.floating_network
        router = f" Does a router join it to '{outside}'?" if outside else ""
        return f"You: is 'network' the one that machines are to be in?{router} Otherwise {ADMINISTRATOR.lower()}."

    def _lease(self) -> Finding:
        if not self._trial.reserved:
            return Finding(Outcome.SKIPPED, "Nothing is reserved here: best effort.")
        for left in self._blazar.leases(self._trial.clock()):
            if left.name.startswith(LEASE_PREFIX):
                self._blazar.delete(left.id)
        flavor, window = self._trial.used()[0], self._ahead()
        try:
            kind = self._make_lease(flavor, window)
        except NoRoom as full:
            return Finding(
                Outcome.NOTE,
                f"There is no room for one {flavor.name} in an hour: {full.reason}",
                f"Nobody, if the cloud is just full; otherwise {ADMINISTRATOR.lower()} can give Blazar more hosts.",
            )
        except Temporary as trouble:
            return self._without_trust() or Finding(
                Outcome.FAILED, trouble.reason, f"{ADMINISTRATOR} finds the cause in Blazar's log."
            )
        return Finding(Outcome.OK, f"A lease of one {flavor.name} was made and ended (kind {kind}).")

    def _ahead(self) -> Window:
        return Window.lasting(self._trial.clock().replace(second=0, microsecond=0) + _AHEAD, _LENGTH)

    def _make_lease(self, flavor: Flavor, window: Window) -> LeaseKind:
        """Make and end a lease of the first kind that Blazar knows."""
        automatic = self._trial.settings.lease_kind is LeaseKind.AUTO
        kinds = AUTOMATIC if automatic else (self._trial.settings.lease_kind,)
        size, name = flavor.resources, f"{LEASE_PREFIX}{secrets.token_hex(4)}"
        for kind in kinds:
            wanted = Wanted(kind, self._flavor_id(flavor.name), size.cores, size.memory_mib, size.disk_gib)
            try:
                made = self._blazar.create(name, window, wanted, 1, self._trial.clock())
            except UnknownKind:
                continue
            self._blazar.delete(made.id)
            return kind
        raise Permanent(
            f"Blazar has no reservations of kind {' or '.join(kinds)}. {ADMINISTRATOR} can enable its plugins."
        )

    def _flavor_id(self, name: str) -> str:
        found = self._trial.cloud.call("compute", "GET", "/flavors/detail", "list flavors")["flavors"]
        return next(str(flavor["id"]) for flavor in found if flavor["name"] == name)

    def _without_trust(self) -> Finding | None:
        """Blazar acts for the account by a trust, and says only "Internal Server Error" when Keystone refuses one."""
        account = self._trial.cloud.account()
        answer = self._trial.cloud.ask("identity", "POST", "/OS-TRUST/trusts", {"trust": _to_itself(account)})
        if answer.ok:
            self._trial.cloud.remove("identity", f"/OS-TRUST/trusts/{answer.body['trust']['id']}", "end a trust")
            return None
        if answer.status != 403:
            return None
        says = f"Blazar needs a trust to act for the account later, and Keystone refuses one: {answer.message}"
        if account.delegated:
            return Finding(
                Outcome.FAILED,
                f"{says} (The entry '{self._trial.cloud.name}' is an application credential.)",
                "You: put an account with a password into clouds.yaml, made for Almanac alone. "
                "An unrestricted application credential does where Keystone still lets those make trusts.",
            )
        return Finding(Outcome.FAILED, says, f"{ADMINISTRATOR} can allow the role 'member' to make trusts.")


def _remove(network: Network, cluster: str) -> None:
    for port in network.ports(cluster).values():
        network.remove_port(port)
    network.remove_group(cluster)


def _to_itself(account: Account) -> Mapping[str, object]:
    """A trust that means nothing: the account trusts itself."""
    return {
        "trustor_user_id": account.user_id,
        "trustee_user_id": account.user_id,
        "project_id": account.project_id,
        "impersonation": False,
        "roles": [{"id": role} for role in account.roles],
    }
