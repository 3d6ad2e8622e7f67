"""One tick: rules in time, then look at the sites, decide, act, and write down each step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from almanac.core.bookings import Phase
from almanac.core.errors import SiteTrouble
from almanac.core.ports import (
    ClusterSpec,
    ClusterState,
    Handle,
    NoRoom,
    Observation,
    Permanent,
    SeenCluster,
    SiteError,
    Temporary,
)
from almanac.core.reconcile import (
    Action,
    Desired,
    EndOrphan,
    GiveBack,
    Hold,
    Prepare,
    Record,
    Start,
    Stop,
    WantedCluster,
    WantedLease,
    decide,
    look_soon,
)
from almanac.services.asking import Asking, NoAnswerYet
from almanac.services.catalogue import Catalogue
from almanac.services.duties import Duties
from almanac.services.hands import Hands
from almanac.services.pace import Pace
from almanac.services.records import Plan, load_order
from almanac.services.vault import Vault
from almanac.storage.database import Database
from almanac.storage.rows import ClusterRow, LeaseRow

log = logging.getLogger(__name__)

NO_ROOM_TRIES = 6
"""A site that says "no room" for what we know to be free is asked this often (a teardown may be slow) before we give up."""


LOOK_S = 1.0
"""How long a tick waits for what a site sees; what a slower one sees counts in a later tick, so that others needn't wait."""


def backoff(attempts: int, asked: timedelta | None) -> timedelta:
    """How long to wait after the ``attempts``-th trouble in a row: what the site asked for, else 1 s doubling to 60 s."""
    return asked if asked is not None else timedelta(seconds=min(60, 2 ** min(attempts, 6)))


class Reconciler:
    """Brings the sites to what the database wants. One at a time (the loop is elected)."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        vault: Vault,
        duties: Duties,
        hands: Hands,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._catalogue = catalogue
        self._vault = vault
        self._duties = duties
        self._hands = hands
        self._clock = clock
        self._asking: Asking[Observation] = Asking(LOOK_S)
        self._pace = Pace()

    def tick(self) -> bool:
        """One look and what follows from it.

        Returns:
            Whether something is under way (a build, a teardown), so that the next look should come soon.
        """
        self._duties.perform(self._clock())
        # What is worked on when the look begins may look half-done: it is left for the next tick.
        busy = self._hands.busy()
        observed = self._observe(self._due())
        now = self._clock()
        leases, clusters = self._rows()
        desired = self._desired(leases.values(), clusters.values(), observed, now)
        actions = [action for action in decide(desired, observed, now) if _subject(action) not in busy]
        for action in actions:
            if isinstance(action, Record):
                self._record(clusters[action.cluster], action.seen)
            else:
                site, work = _site(action, leases, clusters), partial(self._do, action, leases, clusters)
                self._hands.do(site, _subject(action), work)
        news = any(self._is_news(action, clusters) for action in actions)
        return bool(busy) or news or look_soon(desired, observed, now)

    def close(self) -> None:
        """Wait for what is being done."""
        self._hands.close()

    def _rows(self) -> tuple[dict[str, LeaseRow], dict[str, ClusterRow]]:
        with self._database.read() as unit:
            leases = {row.id: row for row in unit.leases.unfinished()}
            return leases, {row.id: row for row in unit.clusters.unfinished()}

    def _due(self) -> list[str]:
        """The sites to look at now."""
        now = self._clock()
        names, limits = self._catalogue.names, self._catalogue.limits
        due = {name for name in names if self._pace.is_due(name, limits(name, now).look_every, now)}
        if len(due) < len(names):
            leases, clusters = self._rows()
            due |= self._pace.stirred([*leases.values(), *clusters.values()], now)
        return [name for name in names if name in due]

    def _observe(self, due: Iterable[str]) -> dict[str, Observation]:
        observed: dict[str, Observation] = {}
        for name in due:
            try:
                # A site that hasn't told its capacity since we started is like one that doesn't answer.
                self._catalogue.capacity(name, self._clock())
                observed[name] = self._asking.ask(name, self._catalogue.site(name).observe)
            except NoAnswerYet as silence:
                if silence.hangs:
                    self._catalogue.heard(name, str(silence))
            except SiteError as error:
                self._catalogue.heard(name, str(error))
            except SiteTrouble as trouble:
                log.debug("nothing is known of %s yet: %s", name, trouble.message)
            else:
                self._catalogue.heard(name, None)
                self._pace.looked(name, observed[name].began)
        return observed

    def _desired(
        self,
        leases: Iterable[LeaseRow],
        clusters: Iterable[ClusterRow],
        observed: Mapping[str, Observation],
        now: datetime,
    ) -> Desired:
        told = {site: self._catalogue.capacity(site, now) for site in observed}
        return Desired(
            leases=[_wanted_lease(row) for row in leases],
            clusters=[self._wanted_cluster(row) for row in clusters],
            room={(site, host.name): host.resources for site, one in told.items() for host in one.hosts},
            prepares={site for site, one in told.items() if one.limits.prepares},
        )

    def _wanted_cluster(self, row: ClusterRow) -> WantedCluster:
        return WantedCluster(
            id=row.id,
            site=row.site,
            lease=row.lease_id,
            wanted=row.target == "running",
            phase=row.phase,
            handle=row.handle,
            spec_applied=row.spec_applied,
            build_at=row.build_at,
            takes=_plan(row.spec).takes if row.build_at <= self._clock() or row.phase is not Phase.ABSENT else {},
            changed_at=row.changed_at,
            not_before=row.not_before,
        )

    @staticmethod
    def _is_news(action: Action, clusters: Mapping[str, ClusterRow]) -> bool:
        """Whether an action is more than the routine look at a ready cluster."""
        return not isinstance(action, Record) or clusters[action.cluster].phase is not Phase.READY

    def _do(self, action: Action, leases: Mapping[str, LeaseRow], clusters: Mapping[str, ClusterRow]) -> None:
        match action:
            case Hold(lease, why):
                self._hold(leases[lease], why)
            case GiveBack(lease, handle, again):
                self._give_back(leases[lease], handle, again=again)
            case Prepare(cluster):
                self._prepare(cluster)
            case Start(cluster, why):
                self._start(cluster, why)
            case Stop(cluster, handle):
                self._stop(clusters[cluster], handle)
            case EndOrphan():
                self._end_orphan(action)

    # Each step below saves what it knows before the next risky call, so that a crash between two is mended by a later tick.

    def _hold(self, row: LeaseRow, why: str) -> None:
        site = self._catalogue.site(row.site)
        if why:
            row = self._duties.lost(row, why, self._clock())
        self._lease(row.id, phase=Phase.STARTING)
        try:
            for handle in site.hold(load_order(row.id, row.window, row.order)):
                self._lease(row.id, handle=dict(handle))
        except SiteError as error:
            self._lease_trouble(row, error)
        else:
            self._duties.held(row, self._clock())

    def _give_back(self, row: LeaseRow, handle: Handle | None, *, again: bool) -> None:
        try:
            if handle is not None:
                self._catalogue.site(row.site).give_back(handle)
        except SiteError as error:
            self._lease_trouble(row, error)
        else:
            self._lease(row.id, phase=Phase.ABSENT if again else Phase.GONE, handle=None, attempts=row.attempts + again)

    def _new_secrets(self, row: ClusterRow) -> str:
        """Secrets are made at build, and saved before anything uses them."""
        return self._vault.seal(self._vault.make(tuple(_plan(row.spec).seats)))

    def _whole(self, row: ClusterRow) -> ClusterSpec:
        """What the site is asked to run; raises SiteTrouble where the secrets can't be read."""
        return _plan(row.spec).spec(row.id, row.lease_id, row.profile, self._vault.open(row.secrets or ""))

    def _prepare(self, cluster: str) -> None:
        row = self._duties.preparing(cluster, self._new_secrets, self._clock())
        if row is None:
            return
        try:
            for handle in self._catalogue.site(row.site).prepare(self._whole(row)):
                self._cluster(row.id, handle=dict(handle))
        except (SiteError, SiteTrouble) as trouble:  # whatever is in the way, the start meets it too, and deals with it
            log.info("%s could not be prepared at %s: %s", cluster, row.site, trouble)

    def _start(self, cluster: str, why: str) -> None:
        row = self._duties.starting(cluster, why, self._new_secrets, self._clock())
        if row is None:
            return
        try:
            for handle in self._catalogue.site(row.site).start(self._whole(row)):
                self._cluster(row.id, handle=dict(handle))
        except SiteTrouble as trouble:  # another key: the operator can put the right one back
            self._cluster_trouble(row, Temporary(trouble.message))
        except SiteError as error:
            self._cluster_trouble(row, error)
        else:
            self._cluster(row.id, if_spec=row.spec, spec_applied=True, attempts=0, not_before=None)

    def _stop(self, row: ClusterRow, handle: Handle | None) -> None:
        failed = row.phase is Phase.FAILED
        if not failed:
            self._cluster(row.id, phase=Phase.STOPPING)
        try:
            if handle is not None:
                for checkpoint in self._catalogue.site(row.site).stop(handle):
                    self._cluster(row.id, handle=dict(checkpoint))
        except SiteError as error:
            self._cluster_trouble(row, error, may_fail=False)
        else:
            self._duties.gone(row, Phase.FAILED if failed else Phase.GONE, self._clock())

    def _record(self, row: ClusterRow, seen: SeenCluster) -> None:
        phase = row.phase
        if seen.state is ClusterState.READY and row.spec_applied and phase is Phase.STARTING:
            phase = Phase.READY
        facts = {
            "done": seen.done,
            "total": seen.total,
            "doing": seen.doing,
            "endpoints": dict(seen.endpoints),
            "last_active": seen.last_active or row.last_active,
            "last_error": seen.reason or None,
            "phase": phase,
        }
        changed = {name: value for name, value in facts.items() if getattr(row, name) != value}
        if changed.get("phase") is Phase.READY:
            self._duties.ready(row, changed, self._clock())
        elif changed:
            self._cluster(row.id, **changed)

    def _end_orphan(self, action: EndOrphan) -> None:
        site = self._catalogue.site(action.site)
        log.warning("ending an orphan at %s: %s %s", action.site, "lease" if action.lease else "cluster", action.id)
        try:
            if action.lease:
                site.give_back(action.handle)
            else:
                for _ in site.stop(action.handle):
                    pass
        except SiteError as error:
            log.warning("the orphan %s at %s could not be ended yet: %s", action.id, action.site, error)

    def _lease_trouble(self, row: LeaseRow, error: SiteError) -> None:
        attempts = row.attempts + 1
        # Until its window begins there is time: what is in the way may be a lease whose teardown takes long.
        hopeless = isinstance(error, NoRoom) and attempts >= NO_ROOM_TRIES and row.window.start <= self._clock()
        if isinstance(error, Permanent) or hopeless:
            self._duties.fail_lease(row, error, self._clock())
            return
        self._duties.not_held(row, error, attempts, self._later(attempts, error), self._clock())

    def _cluster_trouble(self, row: ClusterRow, error: SiteError, *, may_fail: bool = True) -> None:
        attempts = row.attempts + 1
        if may_fail and (isinstance(error, Permanent) or (isinstance(error, NoRoom) and attempts >= NO_ROOM_TRIES)):
            self._duties.fail_cluster(row, str(error), self._clock())
            return
        self._cluster(row.id, attempts=attempts, not_before=self._later(attempts, error), last_error=str(error))

    def _later(self, attempts: int, error: SiteError) -> datetime:
        return self._clock() + backoff(attempts, error.retry_after if isinstance(error, Temporary) else None)

    def _lease(self, lease: str, **facts: Any) -> None:  # noqa: ANN401 - values of any column
        with self._database.write() as unit:
            unit.leases.record(lease, self._clock(), **facts)

    def _cluster(self, cluster: str, **facts: Any) -> None:  # noqa: ANN401 - values of any column
        with self._database.write() as unit:
            unit.clusters.record(cluster, self._clock(), **facts)


def _wanted_lease(row: LeaseRow) -> WantedLease:
    return WantedLease(
        row.id, row.site, row.target == "held", row.phase, row.window, row.handle, row.changed_at, row.not_before
    )


@lru_cache(maxsize=4096)
def _plan(spec: str) -> Plan:
    return Plan.loads(spec)


def _subject(action: Action) -> str:
    match action:
        case Hold(subject) | GiveBack(subject) | Prepare(subject) | Start(subject) | Stop(subject) | Record(subject):
            return subject
        case EndOrphan():
            return action.id


def _site(action: Action, leases: Mapping[str, LeaseRow], clusters: Mapping[str, ClusterRow]) -> str:
    match action:
        case Hold(lease) | GiveBack(lease):
            return leases[lease].site
        case Prepare(cluster) | Start(cluster) | Stop(cluster) | Record(cluster):
            return clusters[cluster].site
        case EndOrphan():
            return action.site
