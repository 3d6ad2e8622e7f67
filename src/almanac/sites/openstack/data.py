"""Shared data for a cloud's machines: what each is told to mount, with the secrets that only its orders carry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from almanac.core.ports import Permanent, Temporary
from almanac.sites.openstack.cloud import Cloud
from almanac.sites.openstack.settings import Mount, MountType
from almanac.spark.layout import data_path

_SERVICES = ("sharev2", "shared-file-system")
"""What catalogs call Manila."""
_PROTOCOLS = {"NFS": "nfs", "CEPHFS": "ceph"}
_KEY = re.compile(r"^\s*key\s*=\s*(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Found:
    """What ``mount`` is to be told. ``kind`` is the file system's type."""

    kind: str
    what: str
    user: str = ""
    secret: str = ""


class Data:
    """The data of one cloud.

    Args:
        cloud: the project, asked for its shares.
        mounts: the operator's, by label.
    """

    def __init__(self, cloud: Cloud, mounts: Mapping[str, Mount]) -> None:
        self._cloud = cloud
        self._mounts = mounts

    @property
    def places(self) -> dict[str, str]:
        """Label -> where machines find it."""
        return {label: data_path(label) for label in self._mounts}

    def orders(self, labels: Iterable[str]) -> list[dict[str, Any]]:
        """What a machine is told to mount (``almanac.node.orders.Mount``): those that are known here.

        Raises:
            Temporary: a secret can't be read, or the cloud is in trouble.
            Permanent: there is no such share, or nobody may mount it.
        """
        return [self._order(label) for label in labels if label in self._mounts]

    def _order(self, label: str) -> dict[str, Any]:
        mount = self._mounts[label]
        found = self._found(label, mount)
        options = [mount.options, f"name={found.user}" if found.user else "", "_netdev,nosuid,nodev"]
        return {
            "label": label,
            "path": data_path(label),
            "what": found.what,
            "type": found.kind,
            "options": ",".join([*filter(None, options), "rw" if mount.write else "ro"]),
            "secret": found.secret,
        }

    def _found(self, label: str, mount: Mount) -> _Found:
        if mount.type is MountType.MANILA:
            return self._share(label, mount)
        return _Found(mount.type.value, mount.source, mount.user, _secret(label, mount))

    def _share(self, label: str, mount: Mount) -> _Found:
        service = next((name for name in _SERVICES if self._cloud.has(name)), None)
        if service is None:
            raise _refused(label, f"the cloud '{self._cloud.name}' has no Manila")
        # Public shares are other projects', such as an archive's.
        shares = self._cloud.call(service, "GET", "/shares/detail", "list shares", is_public="True")["shares"]
        found = [share for share in shares if mount.source in {share["id"], share["name"]}]
        if len(found) != 1:
            raise _refused(label, f"there {'are several shares' if found else 'is no share'} {mount.source}")
        (share,) = found
        protocol = str(share["share_proto"]).upper()
        if protocol not in _PROTOCOLS:
            raise _refused(label, f"{mount.source} is a share of type {protocol}; machines mount NFS and CephFS")
        what = self._location(service, label, share["id"])
        if protocol == "NFS":
            return _Found("nfs", what)
        user, secret = (
            (mount.user, _secret(label, mount)) if mount.secret_file else self._key(service, label, share, mount)
        )
        return _Found("ceph", what, user, secret)

    def _location(self, service: str, label: str, share: str) -> str:
        path = f"/shares/{share}/export_locations"
        told = self._cloud.call(service, "GET", path, "look where a share is")["export_locations"]
        ours = [one for one in told if not one.get("is_admin_only")]
        best = sorted(ours, key=lambda one: not one.get("preferred"))
        if not best:
            raise _refused(label, "its share has no address yet")
        return str(best[0]["path"])

    def _key(self, service: str, label: str, share: Mapping[str, Any], mount: Mount) -> tuple[str, str]:
        """The user and key of the share's rules."""
        told = self._cloud.call(
            service, "GET", "/share-access-rules", "list who may mount a share", share_id=str(share["id"])
        )["access_list"]
        for rule in told:
            known = rule["access_type"] == "cephx" and rule.get("access_key")
            if known and mount.user in {"", rule["access_to"]}:
                return str(rule["access_to"]), str(rule["access_key"])
        raise _refused(label, f"no rule lets {mount.user or 'anybody'} mount the share {mount.source}")


def _refused(label: str, why: str) -> Permanent:
    return Permanent(f"{label} can't be mounted: {why}.")


def _secret(label: str, mount: Mount) -> str:
    """The key in the secret's file, which may be a keyring."""
    if mount.secret_file is None:
        return ""
    try:
        text = mount.secret_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Temporary(f"{label} can't be mounted: the secret in {mount.secret_file} can't be read: {why}.") from None
    found = _KEY.search(text)
    key = found[1] if found else text.strip()
    if not key or len(key.split()) > 1:
        raise Permanent(f"{label} can't be mounted: {mount.secret_file} holds neither a key nor a keyring with one.")
    return key
