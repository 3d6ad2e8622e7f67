"""The composition root: settings in, a whole Almanac out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from almanac.core.catalogue import Profile
from almanac.core.ports import Site
from almanac.mail.smtp import MailServer
from almanac.monitoring.event_log_reader import EventLogReader
from almanac.services.access import Access
from almanac.services.accounts import Accounts
from almanac.services.addresses import Addresses
from almanac.services.approvals import Approvals
from almanac.services.bookings import Bookings
from almanac.services.calendars import Calendars
from almanac.services.carrying import Carrying
from almanac.services.catalogue import Catalogue
from almanac.services.changes import Changes
from almanac.services.choosing import Chooser
from almanac.services.conditions import Conditions
from almanac.services.demand import DemandHistory
from almanac.services.devices import Devices
from almanac.services.diagnoses import Diagnoses
from almanac.services.dials import Dials
from almanac.services.door import Door
from almanac.services.duties import Duties
from almanac.services.feeds import Feeds
from almanac.services.finding import Finder
from almanac.services.hands import Hands, InOrder, SideBySide
from almanac.services.health import Healthcheck
from almanac.services.institution import Institution
from almanac.services.kept_dials import KeptDials
from almanac.services.leads import Leads
from almanac.services.ledger import Ledger
from almanac.services.letters import LetterWriter
from almanac.services.live import Live
from almanac.services.making import Maker
from almanac.services.monitoring import Monitoring
from almanac.services.nodes import Nodes
from almanac.services.notices import Notices
from almanac.services.oidc import Provider
from almanac.services.overseeing import Overseeing
from almanac.services.particulars import AllParticulars
from almanac.services.plan_desk import PlanDesk
from almanac.services.planning import Planning
from almanac.services.post import Post
from almanac.services.profile_file import ProfileFile, check_data, merged, read
from almanac.services.projects import Projects
from almanac.services.receipts import Receipts
from almanac.services.reconcile import Reconciler
from almanac.services.reminders import Reminders
from almanac.services.routes import Routes
from almanac.services.rules import Rules
from almanac.services.savings import Savings
from almanac.services.series import SeriesDesk
from almanac.services.sessions import Sessions
from almanac.services.showing import Showing
from almanac.services.sign_in import SignIn
from almanac.services.standby import Standby
from almanac.services.starting import Starting
from almanac.services.telling import Teller
from almanac.services.trials import Trials
from almanac.services.vault import Vault
from almanac.services.waiting import WaitingList
from almanac.services.warm import WarmPool
from almanac.services.wishes import Wishes
from almanac.settings import Settings
from almanac.simulation.rivals import rivals
from almanac.siting import Sites, built_in, shapes, storage_of
from almanac.storage.database import Database

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_HANDS = 8
"""Builds and teardowns that one Almanac does side by side: they wait for sites and disks, not for this process."""


def wall_clock() -> datetime:
    """Now, aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Almanac:
    """The services of one Almanac, composed.

    Attributes:
        clock: the present, aware UTC; simulated in tests.
        wake: set by services when the loop should look at once.
        history: what was asked for, hour by hour.
        plan_desk: the plan as operators see it.
        planning: None while the operator has it turned off.
        nodes: where machines in clouds get their orders; None when no site has such.
        institution: where people may sign in; None when there is none.
        public_url: where people reach this Almanac, if an operator has said so.
        post: takes notices to the mail server; None when there is none.
        door: the front door; None when there is none.
    """

    database: Database
    catalogue: Catalogue
    accounts: Accounts
    sign_in: SignIn
    sessions: Sessions
    devices: Devices
    particulars: AllParticulars
    projects: Projects
    ledger: Ledger
    finder: Finder
    starting: Starting
    overseeing: Overseeing
    bookings: Bookings
    trials: Trials
    series: SeriesDesk
    waiting: WaitingList
    approvals: Approvals
    changes: Changes
    access: Access
    feeds: Feeds
    receipts: Receipts
    notices: Notices
    reminders: Reminders
    addresses: Addresses
    routes: Routes
    warm: WarmPool
    health: Healthcheck
    reconciler: Reconciler
    clock: Clock
    wake: threading.Event
    history: DemandHistory
    plan_desk: PlanDesk
    monitoring: Monitoring
    live: Live
    diagnoses: Diagnoses
    planning: Planning | None = None
    nodes: Nodes | None = None
    institution: Institution | None = None
    public_url: str = ""
    post: Post | None = None
    door: Door | None = None


def compose(
    database: Database,
    vault: Vault,
    sites: Sequence[Site],
    profiles: Sequence[Profile],
    rules: Rules,
    clock: Clock = wall_clock,
    hands: Callable[[Callable[[], None]], Hands] = lambda _: InOrder(),
    nodes: Nodes | None = None,
) -> Almanac:
    """Put the services together on a migrated database and given sites.

    Args:
        database: migrated.
        vault: for the clusters' secrets.
        sites: in the order of preference.
        profiles: the catalogue.
        rules: the operator's rules on booking.
        clock: the present, aware UTC.
        hands: makes what does a tick's work, given what to call when some of it is done.
        nodes: the desk of the sites' machines, which those sites were given; None when no site has such.
    """
    wake = threading.Event()
    catalogue = Catalogue(database, sites, profiles, rules)
    calendars = Calendars(database, catalogue)
    leads = Leads(database, catalogue)
    chooser = Chooser(database, catalogue, rules)
    history = DemandHistory(database, catalogue)
    dials = _dials(database, catalogue, rules.plan)
    turned, enabled = lambda: dials.now().dials, rules.plan is not None
    standby = Standby(database, history, leads, turned if enabled else None)
    warm = WarmPool(database, catalogue, calendars, chooser, standby)
    carrying = Carrying(database, catalogue, calendars)
    finder = Finder(catalogue, calendars, leads, chooser)
    showing = Showing(catalogue, leads)
    maker = Maker(catalogue, calendars, warm, carrying, finder, showing, rules)
    bookings = Bookings(
        database, catalogue, calendars, maker, showing, Wishes(database, catalogue, finder), rules, wake.set
    )
    waiting = WaitingList(database, catalogue, calendars, finder, maker, rules, wake.set)
    duties = Duties(database, catalogue, calendars, warm, carrying, waiting.look)
    savings = Savings(database, catalogue, leads, rivals)
    planning = Planning(database, catalogue, leads, history, turned, savings=savings)
    teller = Teller(mailing=False)
    database.follow(teller.follow)
    monitoring = Monitoring(database, vault, nodes.numbers if nodes else None)
    accounts, sessions = Accounts(database), Sessions(database)
    return Almanac(
        database=database,
        catalogue=catalogue,
        accounts=accounts,
        sign_in=SignIn(database),
        sessions=sessions,
        devices=Devices(vault),
        particulars=AllParticulars(database),
        projects=Projects(database, catalogue.site),
        ledger=Ledger(database),
        finder=finder,
        starting=Starting(database, catalogue, finder, leads),
        overseeing=Overseeing(database, catalogue, bookings),
        bookings=bookings,
        trials=Trials(catalogue, calendars, maker),
        series=SeriesDesk(database, catalogue, calendars, maker, bookings, wake.set),
        waiting=waiting,
        approvals=Approvals(database, calendars, bookings, showing, wake.set),
        changes=Changes(database, catalogue, calendars, vault, leads, rules, wake.set),
        access=Access(database, catalogue, vault, leads),
        feeds=Feeds(database, showing),
        receipts=Receipts(database, bookings),
        notices=Notices(database),
        reminders=Reminders(database, teller),
        addresses=Addresses(database, vault),
        routes=Routes(database, vault, accounts, sessions),
        warm=warm,
        health=Healthcheck(database, metrics=monitoring.trouble),
        reconciler=Reconciler(database, catalogue, vault, duties, hands(wake.set), clock),
        clock=clock,
        wake=wake,
        history=history,
        plan_desk=PlanDesk(database, planning, history, dials, enabled=enabled),
        planning=planning if enabled else None,
        monitoring=monitoring,
        live=Live(database, monitoring),
        diagnoses=Diagnoses(
            database, catalogue, EventLogReader(), Conditions(monitoring), nodes.storage if nodes else None
        ),
        nodes=nodes,
    )


def fronted(app: Almanac, door: Door) -> Almanac:
    """The same Almanac behind a front door, whose addresses people are given instead of loopback's."""
    access = app.access.through(door.addresses)
    health = Healthcheck(app.database, door, app.monitoring.trouble)
    return replace(app, access=access, health=health, door=door)


def _dials(database: Database, catalogue: Catalogue, first: Dials | None) -> KeptDials:
    """The plan's dials, which begin with the settings'.

    Raises:
        UnknownProfile: a floor or a ceiling of a profile that there isn't.
    """
    first = first or Dials()
    for name in (*first.floor, *first.ceiling):
        catalogue.profile(name)
    return KeptDials(database, first, catalogue.profile)


def build(settings: Settings, clock: Clock = wall_clock, door: Door | None = None) -> Almanac:
    """A whole Almanac from its settings: database migrated, sites found, catalogue read.

    Args:
        settings: what the operator wants.
        clock: the present, aware UTC.
        door: the front door of this process, if it has one.

    Raises:
        BadRequest: the catalogue or a setting isn't right.
        StorageTrouble: the database doesn't answer.
        SiteTrouble: this machine lacks something that its site can't do without.
    """
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = read(settings.catalogue) if settings.catalogue else ProfileFile()
    database = Database(settings.database_url)
    database.migrate()
    if not settings.planning.enabled:
        with database.write() as unit:
            unit.plans.clear()
    vault = Vault.at(settings.state / "secret.key")
    nodes = Nodes(database, vault, clock, storage_of(settings))
    made = Sites(settings, file, nodes, clock).make()
    terms = {site.name: site.terms for site in settings.sites}
    rules = Rules(
        settings.offer_held_for,
        settings.require_grants,
        terms,
        shapes(made),
        settings.waiting_held_for,
        settings.approval_held_for,
        settings.planning.dials,
    )
    sites, profiles = [each.site for each in made], merged(built_in(made), file)
    check_data(profiles, frozenset().union(*(known.data for known in terms.values())))
    app = compose(database, vault, sites, profiles, rules, clock, partial(SideBySide, _HANDS), nodes)
    public_url = settings.public_url.rstrip("/")
    app = replace(app, institution=_institution(settings, database, vault), public_url=public_url)
    app = app if door is None else fronted(app, door)
    return app if settings.mail is None else with_mail(app, vault, settings.mail.server)


def with_mail(app: Almanac, vault: Vault, server: MailServer) -> Almanac:
    """The same with a mail server: what is told from now on is mailed, too."""
    teller = Teller(mailing=True)
    app.database.follow(teller.follow)
    addresses = Addresses(app.database, vault, teller)
    post = Post(app.database, server, LetterWriter(addresses, app.public_url), app.clock)
    return replace(app, reminders=Reminders(app.database, teller), addresses=addresses, post=post)


def _institution(settings: Settings, database: Database, vault: Vault) -> Institution | None:
    if settings.oidc is None:
        return None
    provider = Provider(settings.oidc.registration, vault)
    return Institution(database, provider, replace(settings.oidc.policy, public_url=settings.public_url.rstrip("/")))
