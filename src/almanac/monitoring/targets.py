"""Reading one target of a cluster: with the cluster's own secret, in bounded time and size, and only what is allowed."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx2
from joserfc import jwt
from joserfc.jwk import OctKey

from almanac.monitoring import sources
from almanac.monitoring.samples import BadMetrics, Sample
from almanac.monitoring.stages import StageSums
from almanac.node import gpus

PATIENCE_S = 4.0
MOST_BYTES = 8 * 2**20
_AS_IT_IS = {"Accept-Encoding": "identity"}
"""Compressed, a few bytes could stand for gigabytes."""

Read = Callable[[str], str]
"""Path -> the text that the target answers with."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that tells numbers.

    Attributes:
        url: its address, without a path.
        headers: by which it knows that we may read.
    """

    url: str
    headers: Mapping[str, str]


def spark_target(url: str, ui_key: str) -> Target:
    """A web page of Spark's, behind its JWSFilter.

    Args:
        url: the page's address.
        ui_key: the cluster's key, URL-safe base64.
    """
    token = jwt.encode({"alg": "HS256", "typ": "JWT"}, {"sub": "almanac"}, OctKey.import_key(urlsafe_b64decode(ui_key)))
    return Target(url, {"Authorization": f"Bearer {token}"})


def notebook_target(url: str, token: str) -> Target:
    """A JupyterLab."""
    return Target(url, {"Authorization": f"token {token}"})


class Reader:
    """Reads targets, and remembers of drivers what their pages forget."""

    def __init__(self) -> None:
        self._sums: dict[str, StageSums] = {}

    @cached_property
    def _http(self) -> httpx2.Client:
        """Made when it is needed: it loads all certificates, which takes as long as the rest of Almanac's composition."""
        return httpx2.Client(timeout=PATIENCE_S, trust_env=False, follow_redirects=False)

    def close(self) -> None:
        """Close its connections."""
        if "_http" in vars(self):
            self._http.close()

    def keep_only(self, clusters: frozenset[str]) -> None:
        """Forget the drivers of all other clusters."""
        for gone in [cluster for cluster in self._sums if cluster not in clusters]:
            self._sums.pop(gone, None)

    def samples(self, cluster: str, endpoint: str, target: Target) -> list[Sample]:
        """What an endpoint of a cluster tells now.

        Args:
            cluster: its id.
            endpoint: such as ``ui:master``, ``ui:connect``, ``ui:worker-1``, ``notebook:seat-1`` or ``node``.
            target: where it is.

        Raises:
            BadMetrics: it doesn't answer, answers with too much, or with something else.
        """
        until = time.monotonic() + PATIENCE_S

        def read(path: str) -> str:
            return self._text(target, path, until)

        if endpoint == "ui:connect":
            return list(self._driver(cluster, read))
        if endpoint == "ui:master":
            return list(sources.MASTER.taken(read("/metrics/master/prometheus/")))
        if endpoint == "node":
            return list(sources.NODE.taken(read("/metrics") + gpus.numbers()))
        if endpoint.startswith("notebook:"):
            return list(sources.JUPYTER.taken(read("/metrics")))
        return list(sources.WORKER.taken(read("/metrics/prometheus/")))

    def _driver(self, cluster: str, read: Read) -> Iterator[Sample]:
        yield from sources.EXECUTORS.taken(read("/metrics/executors/prometheus"))
        yield from sources.DRIVER.taken(read("/metrics/prometheus/"))
        applications = _json(read("/api/v1/applications"))
        if not applications:
            return
        application = str(applications[0].get("id", ""))
        sums = self._sums.get(cluster)
        if sums is None or sums.application != application:
            sums = self._sums[cluster] = StageSums(application)
        with suppress(BadMetrics):  # a list that is too long takes nothing from the rest
            sums.feed(_json(read(f"/api/v1/applications/{application}/stages")))
        yield from sums.samples()

    def _text(self, target: Target, path: str, until: float) -> str:
        """The answer, in time whoever drips it: a person of the cluster may have put a server of theirs there."""
        try:
            with self._http.stream("GET", target.url + path, headers={**target.headers, **_AS_IT_IS}) as answer:
                if answer.status_code != 200:
                    raise BadMetrics(f"The target answers {answer.status_code}.")
                return b"".join(_bounded(answer.iter_raw(), until)).decode(errors="replace")
        except httpx2.HTTPError as error:
            raise BadMetrics(f"The target doesn't answer ({type(error).__name__}).") from error


def _bounded(chunks: Iterator[bytes], until: float) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES or time.monotonic() > until:
            raise BadMetrics("The target answers with too much, or too slowly.")
        yield chunk


def _json(text: str) -> list[dict[str, Any]]:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise BadMetrics("The driver's answer isn't JSON.") from error
    if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
        raise BadMetrics("The driver's answer isn't a list.")
    return told
