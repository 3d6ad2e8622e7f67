"""The Prometheus that Almanac runs: nobody else gets at it, and it answers bounded questions only."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import bcrypt
import httpx2
import yaml

from almanac.core.errors import AlmanacError, SiteTrouble
from almanac.monitoring.configuration import Collection, configuration
from almanac.monitoring.daemon import LOOPBACK, Daemon
from almanac.monitoring.promql import BadQuery
from almanac.monitoring.rules import rules

QUERY_SECONDS = 10
_LOOK_S = 5
MOST_SAMPLES = 10_000_000
MOST_AT_ONCE = 8
_USER = "almanac"
_COST = 4
"""Of the password's hash: the password is 256 random bits, so guessing isn't made harder by more rounds."""


class NoMetrics(AlmanacError):
    """Prometheus doesn't run, so there are no live metrics; bookings go on."""

    code = "no_metrics"
    status = 409


class Prometheus:
    """Configured, run and asked.

    Args:
        directory: for its files and data; made, mode 0700.
        collection: what it collects.
        log_file: takes its output.
        token: by which Almanac knows it.
    """

    def __init__(self, directory: Path, collection: Collection, log_file: Path, token: str) -> None:
        self._directory = directory
        self._collection = collection
        self._token = token
        self._password = secrets.token_urlsafe(32)
        self._http = httpx2.Client(
            auth=httpx2.BasicAuth(_USER, self._password), timeout=QUERY_SECONDS + 5, trust_env=False
        )
        self.daemon = Daemon("prometheus", "prometheus", self._arguments, self._write, log_file, self._ready)

    def start(self) -> None:
        """Run it, and go on running it."""
        self.daemon.start()

    def stop(self) -> None:
        """End it."""
        self.daemon.stop()
        self._http.close()

    @property
    def trouble(self) -> str:
        """Why it can't be asked, in a sentence; empty when it can."""
        return self.daemon.trouble

    def until_ready(self, seconds: float = 15) -> bool:
        """Wait until it answers; whether it does."""
        until = time.monotonic() + seconds
        while self.trouble and time.monotonic() < until:
            time.sleep(0.05)
        return not self.trouble

    def _ready(self, port: int) -> bool:
        """Whether it has read what it kept and takes questions."""
        try:
            return self._http.get(f"http://{LOOPBACK}:{port}/-/ready", timeout=_LOOK_S).status_code == 200
        except httpx2.HTTPError:
            return False

    def ask(self, path: str, parameters: Mapping[str, str | Sequence[str]]) -> Any:  # noqa: ANN401 - JSON
        """The ``data`` of an answer of its HTTP interface.

        Args:
            path: below ``/api/v1/``, such as ``query``.
            parameters: of the question.

        Raises:
            NoMetrics: it doesn't run or doesn't answer.
            BadQuery: it can't answer that, or not in time.
        """
        try:
            told = self._told(f"{self.daemon.url}/api/v1/{path}", path, dict(parameters))
        except SiteTrouble as trouble:
            raise NoMetrics(trouble.message, hint="Bookings go on; live metrics come back with it.") from None
        except (httpx2.HTTPError, ValueError) as error:
            raise NoMetrics("Prometheus doesn't answer.", hint="Try again in a moment.") from error
        if told.get("status") != "success":
            raise BadQuery(
                f"Prometheus can't answer that: {str(told.get('error', 'it says not why'))[:300]}.",
                hint="Ask for less: a shorter range, a longer step, fewer series.",
            )
        return told["data"]

    def _told(self, url: str, path: str, parameters: dict[str, str | Sequence[str]]) -> dict[str, Any]:
        """Long questions go in a body; the values of a label can't."""
        if path.startswith("label/"):
            told: dict[str, Any] = self._http.get(url, params=parameters).json()
        else:
            told = self._http.post(url, data=parameters).json()
        return told

    def _write(self) -> None:
        """Its files, anew at each start: the address of Almanac may have changed."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        token, rule_file = self._directory / "token", self._directory / "rules.yml"
        hashed = bcrypt.hashpw(self._password.encode(), bcrypt.gensalt(_COST)).decode()
        _private(token, self._token)
        _private(rule_file, yaml.safe_dump(rules(), sort_keys=False))
        _private(self._directory / "web.yml", json.dumps({"basic_auth_users": {_USER: hashed}}))
        config = configuration(self._collection, str(token), (str(rule_file),))
        _private(self._directory / "prometheus.yml", yaml.safe_dump(config, sort_keys=False))

    def _arguments(self, port: int) -> Sequence[str]:
        return (
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--web.config.file={self._directory / 'web.yml'}",
            f"--web.listen-address={LOOPBACK}:{port}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--storage.tsdb.retention.time={round(self._collection.kept.total_seconds())}s",
            f"--storage.tsdb.retention.size={round(self._collection.most_gib * 1024)}MB",
            f"--query.timeout={QUERY_SECONDS}s",
            f"--query.max-samples={MOST_SAMPLES}",
            f"--query.max-concurrency={MOST_AT_ONCE}",
            "--log.level=warn",
        )


def _private(path: Path, text: str) -> None:
    """Replace a file, mode 0600, whole or not at all."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)
