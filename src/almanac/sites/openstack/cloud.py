"""One connection to one cloud: every call goes through here, and what comes back is an Answer or a SiteError."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from almanac.core.ports import Permanent, Temporary
from almanac.sites.openstack.errors import Answer, error, expired, parse, title
from almanac.sites.openstack.settings import OpenStackSettings

TIMEOUT_S = 75.0
"""Blazar's API itself answers 500 after 60 s when its manager is down; then we know more than after a time-out."""
_PROXIES = {"block-storage": "block_storage"}
_COMPUTE = "2.61"
"""Shows the reserved flavor inside a server (since Rocky)."""


class Cloud:
    """A cloud as one project's account sees it. Safe to use from several threads.

    Args:
        settings: which cloud.
    """

    def __init__(self, settings: OpenStackSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    @property
    def name(self) -> str:
        """The entry in ``clouds.yaml``."""
        return self._settings.cloud

    @property
    def project(self) -> str:
        """The project's id.

        Raises:
            SiteError: as for ``call``.
        """
        with _explained(self, "identity", "sign in"):
            return str(self._connect().current_project_id)

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
            try:
                found = self._connect().endpoint_for(service)
            except (keystone.EndpointNotFound, sdk.NotFoundException):
                return None
            return str(found) if found else None

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
        with _explained(self, service, f"answer {method} {path}"):
            adapter = getattr(self._connect(), _PROXIES.get(service, service))
            extra: dict[str, Any] = {"microversion": _COMPUTE} if service == "compute" else {}
            if service == "reservation":
                extra["endpoint_override"] = self._blazar()
            if body is not None:
                extra["json"] = body
            got = adapter.request(path, method, raise_exc=False, timeout=TIMEOUT_S, params=query, **extra)
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
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> Connection:
        with self._lock:
            if self._connection is None:
                self._connection = self._made()
            return self._connection

    def _made(self) -> Connection:
        wanted = self._settings
        files = [str(wanted.clouds_file)] if wanted.clouds_file else None
        region: dict[str, Any] = {"region_name": wanted.region} if wanted.region else {}
        config = OpenStackConfig(config_files=files, load_envvars=False, app_name="almanac")
        return Connection(config=config.get_one(cloud=wanted.cloud, **region))

    def _blazar(self) -> str:
        """Blazar's catalog entry may lack the version, and discovery would pick version 2, which nobody finished."""
        found = self._connect().endpoint_for("reservation")
        if not found:
            raise keystone.EndpointNotFound
        base = str(found).rstrip("/")
        return base if base.endswith("/v1") else f"{base}/v1"


@contextmanager
def _explained(cloud: Cloud, service: str, doing: str) -> Iterator[None]:
    """Turn the libraries' exceptions into what a site may raise."""
    try:
        yield
    except keystone.Unauthorized as raised:
        cloud.close()
        raise expired(cloud.name) from raised
    except (keystone.EndpointNotFound, keystone.EmptyCatalog) as raised:
        raise Permanent(f"The cloud '{cloud.name}' has no {title(service)} endpoint in its catalog.") from raised
    except (sdk.ConfigException, keystone.AuthPluginException) as raised:
        raise Permanent(f"The entry '{cloud.name}' in clouds.yaml can't be used: {raised}") from raised
    except keystone.RetriableConnectionFailure as raised:
        raise Temporary(f"{title(service)} of '{cloud.name}' does not answer.", timedelta(seconds=5)) from raised
    except (keystone.ClientException, sdk.SDKException) as raised:
        raise Temporary(f"{title(service)} of '{cloud.name}' could not {doing}: {raised}") from raised
