"""Live metrics of bookings: which targets there are, what each tells, and who may ask for what of it."""

from __future__ import annotations

import hmac
import itertools
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from almanac.core.addresses import notebook_path
from almanac.core.bookings import Booking, Phase
from almanac.core.errors import AlmanacError
from almanac.monitoring.configuration import SCRAPE
from almanac.monitoring.prometheus import NoMetrics
from almanac.monitoring.promql import quoted, scoped
from almanac.monitoring.samples import BadMetrics, Sample, written
from almanac.monitoring.targets import Reader, Target, notebook_target, spark_target
from almanac.services.caller import Caller, not_found
from almanac.services.health import Healthcheck
from almanac.services.lookup import visible
from almanac.services.machine_numbers import MachineNumbers
from almanac.services.vault import Sealed, Vault
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow

NODE = "node"
"""The endpoint of the machine that all clusters of a site share."""
MACHINE = "machine:"
"""What the endpoint of a machine of one cluster begins with, before its name."""
_SCRAPED = ("ui:", "notebook:")


class Metrics(Protocol):
    """What is asked: a Prometheus."""

    def ask(self, path: str, parameters: Mapping[str, str | Sequence[str]]) -> Any:  # noqa: ANN401 - JSON
        """The data of an answer; see ``monitoring.prometheus.Prometheus.ask``."""


class Supervised(Protocol):
    """A program on which metrics depend."""

    @property
    def trouble(self) -> str:
        """Why it can't be used now, in a sentence; empty when it can."""


class TargetTrouble(AlmanacError):
    """A target tells no numbers now."""

    code = "target_trouble"
    status = 502


class Monitoring:
    """Between Prometheus, the clusters and the people.

    Args:
        database: migrated.
        vault: opens the clusters' secrets.
        numbers: what machines in clouds tell of themselves.

    Attributes:
        token: by which the Prometheus that Almanac runs is known.
    """

    def __init__(self, database: Database, vault: Vault, numbers: MachineNumbers | None = None) -> None:
        self._database = database
        self._vault = vault
        self._health = Healthcheck(database)
        self._numbers = numbers or MachineNumbers()
        self._reader = Reader()
        self._metrics: Metrics | None = None
        self._programs: Sequence[Supervised] = ()
        self._questions = itertools.count(1)
        self._asked = 0
        self._machines: Mapping[str, Callable[[], str]] = {}
        self.token = secrets.token_urlsafe(32)

    def use(
        self, metrics: Metrics, machines: Mapping[str, Callable[[], str]], programs: Sequence[Supervised] = ()
    ) -> None:
        """Ask this Prometheus from now on.

        Args:
            metrics: it.
            machines: site -> where the node exporter is of the machine that its clusters run on.
            programs: without which numbers are missing.
        """
        self._metrics, self._machines, self._programs = metrics, machines, programs

    def trouble(self) -> str | None:
        """Why numbers are missing now, in sentences; empty when none are, None when nothing is collected."""
        if self._metrics is None:
            return None
        troubles = [trouble for program in self._programs if (trouble := program.trouble)]
        return " ".join((*troubles, "Bookings go on; live metrics come back with it.")) if troubles else ""

    def close(self) -> None:
        """Close connections."""
        self._reader.close()

    def is_ours(self, token: str) -> bool:
        """Whether a token is that of the Prometheus that Almanac runs."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    # What Prometheus asks

    def targets(self, address: str) -> list[dict[str, Any]]:
        """Everything that tells numbers now, as Prometheus' HTTP discovery wants it.

        Args:
            address: Almanac's, such as ``127.0.0.1:8484``: targets are read through it.
        """
        with self._database.read() as unit:
            clusters = [row for row in unit.clusters.unfinished() if row.phase is Phase.READY and row.booking_id]
            bookings = unit.bookings.some([row.booking_id for row in clusters if row.booking_id])
        self._reader.keep_only(frozenset(row.id for row in clusters))
        return [
            {"targets": [address], "labels": _labels(row, bookings.get(row.booking_id or ""), endpoint)}
            for row in clusters
            for endpoint in self._endpoints(row)
        ]

    def scrape(self, cluster_id: str, endpoint: str, now: datetime) -> str:
        """What a target tells now, in Prometheus' text format.

        Raises:
            NotFound: there is no such target.
            TargetTrouble: it doesn't answer as it should.
        """
        with self._database.read() as unit:
            cluster = unit.clusters.get(cluster_id)
        if cluster is None or endpoint not in self._endpoints(cluster):
            raise not_found(f"target {endpoint} of {cluster_id}")
        try:
            return written(self._samples(cluster, endpoint, now))
        except BadMetrics as bad:
            raise TargetTrouble(str(bad), hint="The cluster's log says more: almanac logs") from bad

    def own(self, now: datetime) -> str:
        """What Almanac tells of itself, in Prometheus' text format."""
        with self._database.read() as unit:
            clusters = unit.clusters.unfinished()
        phases = {phase: sum(row.phase is phase for row in clusters) for phase in Phase if phase is not Phase.GONE}
        told = [Sample("almanac_clusters", float(count), {"phase": str(phase)}) for phase, count in phases.items()]
        alive = self._health.check(now).loop.alive
        told.append(Sample("almanac_loop_alive", float(alive), {}))
        told.append(Sample("almanac_prometheus_questions_total", float(self._asked), {}))
        told.append(Sample("almanac_warm_clusters", float(sum(row.booking_id is None for row in clusters)), {}))
        return written(told)

    # What people ask

    def ask(self, caller: Caller, booking_id: str, path: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """An answer of Prometheus' about one booking alone.

        Args:
            caller: who asks; somebody who sees the booking.
            booking_id: the booking's.
            path: ``query``, ``query_range``, ``series``, ``labels`` or ``label/<name>/values``.
            parameters: of the question; ``query`` is PromQL.

        Raises:
            NotFound: there is none, or the caller doesn't see it.
            BadQuery: the query isn't PromQL, or asks for too much.
            NoMetrics: there is no Prometheus now.
        """
        with self._database.read() as unit:
            booking = visible(unit, caller, booking_id)
        return self.answer(booking.id, path, parameters)

    def answer(self, booking_id: str, path: str, parameters: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
        """The same for somebody whose right has been seen to."""
        own = {"booking": booking_id}
        question: dict[str, str | Sequence[str]] = dict(parameters)
        if "query" in parameters:
            question["query"] = scoped(parameters["query"], own)
        else:
            asked = parameters.get("match[]")
            question["match[]"] = [scoped(asked, own) if asked else f"{{booking={quoted(booking_id)}}}"]
        self._asked = next(self._questions)
        return self._prometheus.ask(path, question)

    @property
    def _prometheus(self) -> Metrics:
        if self._metrics is None:
            raise NoMetrics("There are no live metrics here: no Prometheus runs.", hint="See docs/how-to/operator.md.")
        return self._metrics

    def _endpoints(self, cluster: ClusterRow) -> list[str]:
        machines = [NODE] if cluster.site in self._machines else []
        machines += [f"{MACHINE}{node}" for node in self._numbers.nodes(cluster.id)]
        return machines + [endpoint for endpoint in cluster.endpoints if endpoint.startswith(_SCRAPED)]

    def _samples(self, cluster: ClusterRow, endpoint: str, now: datetime) -> list[Sample]:
        if endpoint.startswith(MACHINE):
            return self._numbers.samples(cluster.id, endpoint.removeprefix(MACHINE), now)
        return self._reader.samples(cluster.id, endpoint, self._target(cluster, endpoint))

    def _target(self, cluster: ClusterRow, endpoint: str) -> Target:
        if endpoint == NODE:
            return Target(self._machines[cluster.site](), {})
        sealed: Sealed = self._vault.open(cluster.secrets or "")
        url = cluster.endpoints[endpoint]
        if endpoint.startswith("notebook:"):
            seat = endpoint.removeprefix("notebook:")
            if seat not in sealed.seats:  # given up a moment ago: its notebook is still there, and its secret has gone
                raise not_found(f"target {endpoint} of {cluster.id}")
            return notebook_target(url + notebook_path(cluster.id, seat).rstrip("/"), sealed.seats[seat])
        return spark_target(url, sealed.cluster.ui_key)


def _labels(cluster: ClusterRow, booking: Booking | None, endpoint: str) -> dict[str, str]:
    kind, _, service = endpoint.partition(":")
    alone = service.startswith("worker") or f"{kind}:" == MACHINE
    return {
        "__metrics_path__": f"{SCRAPE}/{cluster.id}/{endpoint}",
        "instance": f"{cluster.id}/{endpoint}",
        "site": cluster.site,
        "project": booking.project if booking else "",
        "booking": cluster.booking_id or "",
        "cluster": cluster.id,
        "profile": cluster.profile,
        "node": service if alone else NODE if endpoint == NODE else "head",
        "endpoint": endpoint,
    }
