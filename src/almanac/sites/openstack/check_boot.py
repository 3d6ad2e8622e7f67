"""The part of a check that boots a machine, as a booking would, and waits until it has reported back.

It goes through the site itself, under a short name of its own: no running Almanac takes its things for its own, and a later
check ends what one that was broken off has left.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

from almanac.core.ports import (
    ClusterSecrets,
    ClusterSpec,
    LeaseOrder,
    LeaseState,
    NodeDesk,
    NodeReport,
    PlacedNode,
    Seat,
    Site,
    SiteError,
    Temporary,
)
from almanac.core.windows import Window
from almanac.sites.openstack.checking import ADMINISTRATOR, Finding, Outcome, Step, Trial

T = TypeVar("T")

_LENGTH = timedelta(hours=1)
_ACTIVE_S = 180.0
_END_S = 300.0
_LOOK_S = 1.0


class Booting:
    """Boots a machine.

    Args:
        trial: what is tried out.
        site: the cloud as a site, with a state directory of its own.
        desk: the site's.
    """

    def __init__(self, trial: Trial, site: Site, desk: NodeDesk) -> None:
        self._trial = trial
        self._site = site
        self._desk = desk

    def steps(self) -> Iterator[Step]:
        """What is booted."""
        yield Step("boot", self._boot)

    def _boot(self) -> Finding:
        self._end_all()
        key, began = secrets.token_hex(4), time.monotonic()
        node = PlacedNode("head", "head", self._trial.used()[0], self._trial.seen.hosts[0].name)
        with self._ending():
            order = LeaseOrder(f"l-{key}", Window.lasting(self._trial.clock(), _LENGTH), (node,))
            _insist(lambda: list(self._site.hold(order)), _ACTIVE_S)
            if not self._active(f"l-{key}"):
                return Finding(
                    Outcome.FAILED,
                    f"A lease for now was made but isn't active after {_ACTIVE_S:g} s.",
                    f"{ADMINISTRATOR} finds the cause in the log of Blazar's manager.",
                )
            spec = _spec(key, node, tuple(self._trial.settings.mounts))
            _insist(lambda: list(self._site.start(spec)), _ACTIVE_S)
            report = self._joined(spec.id)
        if isinstance(report, Finding):
            return report
        facts = ", ".join(f"{name}: {value}" for name, value in report.facts.items() if value)
        took = round(time.monotonic() - began)
        return Finding(
            Outcome.OK, f"A machine ({node.flavor.name}) booted and reported back after {took} s. {facts}".strip()
        )

    def _active(self, lease: str) -> bool:
        end_by = time.monotonic() + _ACTIVE_S
        while time.monotonic() < end_by:
            seen = {one.id: one.state for one in _insist(self._site.observe, _ACTIVE_S).leases}
            if seen.get(lease) is LeaseState.ACTIVE:
                return True
            time.sleep(_LOOK_S)
        return False

    def _joined(self, cluster: str) -> NodeReport | Finding:
        """What the machine told, or why it never did."""
        patience = self._trial.settings.join_within
        end_by = time.monotonic() + patience.total_seconds()
        while time.monotonic() < end_by:
            for report in self._desk.reports():
                if report.cluster != cluster or report.seen_at is None:
                    continue
                if "can't be mounted" in report.trouble:
                    return Finding(Outcome.FAILED, report.trouble, _SERVER)
                if "data" in report.facts or not self._trial.settings.mounts:
                    return report
            for seen in _insist(self._site.observe, _ACTIVE_S).clusters:
                if seen.id == cluster and seen.reason:
                    return Finding(Outcome.FAILED, f"The machine doesn't come up: {seen.reason}", _WHO)
            time.sleep(_LOOK_S)
        return Finding(
            Outcome.FAILED,
            f"A machine was booted but hasn't called {self._trial.url} within {patience.total_seconds():g} s.",
            "You: can machines reach that address from their network, does the image have cloud-init and Python 3.9 "
            "or newer, is a longer join_within needed? The machine's console shows what it did.",
        )

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._end_all()

    def _end_all(self) -> None:
        """End everything that carries the check's name.

        Raises:
            Temporary: something doesn't go.
        """
        end_by = time.monotonic() + _END_S
        while True:
            try:
                seen = self._site.observe()
                for cluster in seen.clusters:
                    for _ in self._site.stop(cluster.handle):
                        pass
                for lease in seen.leases:
                    self._site.give_back(lease.handle)
                left = self._site.observe()
            except SiteError:
                if time.monotonic() > end_by:
                    raise
            else:
                if not left.clusters and not left.leases:
                    return
                if time.monotonic() > end_by:
                    raise Temporary("What the check has made doesn't go; the next check tries again.")
            time.sleep(_LOOK_S)


def _insist(work: Callable[[], T], patience_s: float) -> T:
    """Do it, again and again while the cloud is in trouble that may pass.

    Raises:
        SiteError: it doesn't pass, or never will.
    """
    end_by = time.monotonic() + patience_s
    while True:
        try:
            return work()
        except Temporary:
            if time.monotonic() > end_by:
                raise
        time.sleep(_LOOK_S)


_SERVER = (
    "You, if the settings' mounts are wrong; otherwise whoever runs the server: machines must reach it and be let in."
)
_WHO = f"You, if the image or the flavor is wrong; otherwise {ADMINISTRATOR.lower()}."


def _spec(key: str, node: PlacedNode, data: tuple[str, ...]) -> ClusterSpec:
    """A notebook that nobody will see."""
    ui_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return ClusterSpec(
        id=f"c-{key}",
        lease=f"l-{key}",
        profile="check",
        nodes=(node,),
        seats=(Seat("seat-1", secrets.token_urlsafe(24)),),
        secrets=ClusterSecrets(secrets.token_urlsafe(24), secrets.token_urlsafe(24), ui_key),
        data=data,
    )
