"""One connection to one cloud: every call goes through here, and what comes back is an Answer or a SiteError."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions as keystone

from almanac.core.ports import Permanent, Temporary
from almanac.sites.openstack.errors import Answer, error, expired, parse, title
from almanac.sites.openstack.settings import OpenStackSettings

if TYPE_CHECKING:
    from keystoneauth1.session import Session
    from openstack.config.cloud_region import CloudRegion

TIMEOUT_S = 75.0
"""Blazar's API itself answers 500 after 60 s when its manager is down; then we know more than after a time-out."""
_VERSIONS = {"identity": "v3", "compute": "v2.1", "network": "v2.0", "image": "v2", "reservation": "v1"}
"""Added where a catalog doesn't say them. Nothing is discovered: of Blazar it would find version 2, which isn't finished."""
_VERSIONED = re.compile(r"/v\d+(\.\d+)?(/[0-9a-f-]{32,36})?$")
_MICROVERSIONS = {"compute": "2.61", "sharev2": "2.51", "shared-file-system": "2.51"}
"""Nova's shows the reserved flavor inside a server (since Rocky), Manila's lists who may mount a share (since Train)."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the cloud takes us for.

    Attributes:
        roles: in the project: id -> name.
        delegated: whether the credential only stands in for somebody's password (an application credential, a trust).
    """

    user: str
    user_id: str
    project: str
    project_id: str
    roles: Mapping[str, str]
    delegated: bool


class Cloud:
    """A cloud as one project's account sees it. Safe to use from several threads.

    Args:
        settings: which cloud.
    """

    def __init__(self, settings: OpenStackSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._opened: tuple[CloudRegion, Session] | None = None

    @property
    def name(self) -> str:
        """The entry in ``clouds.yaml``."""
        return self._settings.cloud

    @property
    def project(self) -> str:
        """The project's id; raises as ``account``."""
        return self.account().project_id

    def account(self) -> Account:
        """Sign in.

        Raises:
            Temporary: nobody answers, or the credential isn't accepted.
            Permanent: ``clouds.yaml`` is not right.
        """
        with _explained(self, "identity", "sign in"):
            _, session = self._open()
            plugin: Any = session.auth
            told = plugin.get_access(session)
        return Account(
            user=str(told.username),
            user_id=str(told.user_id),
            project=str(told.project_name),
            project_id=str(told.project_id),
            roles=dict(zip(told.role_ids, told.role_names, strict=True)),
            delegated=bool(told.trust_scoped or told.application_credential_id),
        )

    def has(self, service: str) -> bool:
        """Whether the catalog has a service.

        Raises:
            SiteError: as for ``call``.
        """
        return self.endpoint(service) is not None

    def endpoint(self, service: str) -> str | None:
        """Where the catalog says that a service is; None when it isn't there.

        Raises:
            SiteError: as for ``call``.
        """
        with _explained(self, "identity", "read the catalog"):
            region, session = self._open()
            try:
                return region.get_endpoint(service) or session.get_endpoint(
                    service_type=service,
                    interface=region.get_interface(service),
                    region_name=region.get_region_name(service),
                )
            except keystone.EndpointNotFound:
                return None

    def ask(self, service: str, method: str, path: str, body: object = None, **query: str) -> Answer:
        """Call a service; any answer but one to a bad credential is returned.

        Args:
            service: its type, such as ``compute``.
            method: the HTTP method.
            path: below the service's versioned endpoint, such as ``/servers``.
            body: JSON.
            query: the query's parameters.

        Raises:
            Temporary: nobody answers, or not in time, or the credential isn't accepted (the next call reads it anew).
            Permanent: the cloud has no such service, or ``clouds.yaml`` is not right.
        """
        url = self._base(service) + path
        with _explained(self, service, f"answer {method} {path}"):
            _, session = self._open()
            extra: dict[str, Any] = {} if body is None else {"json": body}
            if service in _MICROVERSIONS:
                extra |= {"microversion": _MICROVERSIONS[service], "microversion_service_type": service}
            got = session.request(url, method, raise_exc=False, timeout=TIMEOUT_S, params=query, **extra)
            answer = parse(got.status_code, got.text, got.headers)
        if answer.status == 401:  # the session has already tried a new token
            self.close()
            raise expired(self.name)
        return answer

    def call(self, service: str, method: str, path: str, doing: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - JSON is what it is
        """Call a service as ``ask`` does, and return its JSON; ``doing`` says what for, after "to".

        Raises:
            SiteError: what went wrong, by what it means.
        """
        answer = self.ask(service, method, path, body, **query)
        if not answer.ok:
            raise error(answer, service, doing, self.name)
        return answer.body

    def remove(self, service: str, path: str, doing: str) -> bool:
        """Delete something; gone already is fine. Whether it was gone already."""
        answer = self.ask(service, "DELETE", path)
        if not answer.ok and answer.status != 404:
            raise error(answer, service, doing, self.name)
        return answer.status == 404

    def close(self) -> None:
        """Forget the connection; the next call makes a new one from ``clouds.yaml`` as it is then."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].session.close()

    def _open(self) -> tuple[CloudRegion, Session]:
        with self._lock:
            if self._opened is None:
                self._opened = self._made()
            return self._opened

    def _made(self) -> tuple[CloudRegion, Session]:
        from openstack.config import OpenStackConfig  # takes a second, which only those pay who have a cloud
        from openstack.exceptions import SDKException

        wanted = self._settings
        files = [str(wanted.clouds_file)] if wanted.clouds_file else None
        chosen: dict[str, Any] = {"region_name": wanted.region} if wanted.region else {}
        try:
            config = OpenStackConfig(config_files=files, load_envvars=False, app_name="almanac")
            region = config.get_one(cloud=wanted.cloud, **chosen)
            return region, region.get_session()
        except SDKException as raised:
            raise Permanent(f"The entry '{self.name}' in clouds.yaml can't be used: {raised}") from raised

    def _base(self, service: str) -> str:
        """The address below which a service's paths are."""
        found = self.endpoint(service)
        if not found:
            raise Permanent(f"The cloud '{self.name}' has no {title(service)} endpoint in its catalog.")
        base = found.rstrip("/")
        return base if _VERSIONED.search(base) or service not in _VERSIONS else f"{base}/{_VERSIONS[service]}"


@contextmanager
def _explained(cloud: Cloud, service: str, doing: str) -> Iterator[None]:
    """Turn the libraries' exceptions into what a site may raise."""
    try:
        yield
    except keystone.Unauthorized as raised:
        cloud.close()
        raise expired(cloud.name) from raised
    except keystone.AuthPluginException as raised:
        raise Permanent(f"The entry '{cloud.name}' in clouds.yaml can't be used: {raised}") from raised
    except keystone.DiscoveryFailure as raised:
        raise Temporary(
            f"Nothing answers as {title(service)} where '{cloud.name}' in clouds.yaml says that it is.",
            timedelta(seconds=5),
        ) from raised
    except keystone.RetriableConnectionFailure as raised:
        raise Temporary(f"{title(service)} of '{cloud.name}' does not answer.", timedelta(seconds=5)) from raised
    except keystone.ClientException as raised:
        raise Temporary(f"{title(service)} of '{cloud.name}' could not {doing}: {raised}") from raised
