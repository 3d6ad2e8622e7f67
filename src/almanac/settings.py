"""Settings: ``almanac.toml`` in the state directory, overridden by ``ALMANAC_*`` environment variables.

Secrets (a database password, the key) come from the environment only.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from almanac.core.choosing import Terms
from almanac.core.errors import BadRequest
from almanac.core.local_time import whole_days, zone_named
from almanac.forecasting.terms import Term
from almanac.mail.smtp import MailServer, Security
from almanac.mount_settings import CloudMountSettings, LocalMountSettings, MountLabel
from almanac.services.caller import Role
from almanac.services.dials import Dials
from almanac.services.groups import GroupRole
from almanac.services.institution import Newcomers, Policy
from almanac.services.oidc import Registration
from almanac.services.profile_file import duration
from almanac.sites.openstack.settings import LeaseKind, OpenStackSettings

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
URL = r"^(https?://[^\s/]+/?)?$"

Duration = Annotated[timedelta, BeforeValidator(lambda v: v if isinstance(v, timedelta) else duration(v))]


def default_state() -> Path:
    """``$ALMANAC_STATE``, else ``~/.local/state/almanac``."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.environ.get("ALMANAC_STATE") or f"{home}/almanac").expanduser()


def default_cache() -> Path:
    """``$ALMANAC_CACHE``, else ``~/.cache/almanac``."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("ALMANAC_CACHE") or f"{home}/almanac").expanduser()


Label = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SiteSettings(BaseModel):
    """What every kind of site has.

    Attributes:
        name: the site's name.
        price_per_hour: price of a node for an hour, by flavor, in a unit of the operator's that is the same at all sites.
        price_per_core_hour: price of a core for an hour, for flavors without a price.
        data: labels of the data that lies there.
        zone: its time zone, such as ``America/Santiago``: the portal tells times on its clock too where that differs.
    """

    model_config = ConfigDict(extra="forbid")
    name: Label
    price_per_hour: dict[str, Price] = {}
    price_per_core_hour: Price = 0.0
    data: tuple[Label, ...] = ()
    zone: str = ""

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value:
            try:
                zone_named(value)
            except BadRequest as error:
                raise ValueError(f"{error.message} {error.hint}") from None
        return value

    @property
    def terms(self) -> Terms:
        """As the core knows them."""
        return Terms(self.price_per_hour, self.price_per_core_hour, frozenset((*self.data, *self.mounted)), self.zone)

    @property
    def mounted(self) -> tuple[str, ...]:
        """Labels of the data that can be mounted there."""
        return ()


class LocalSettings(SiteSettings):
    """This machine as a site.

    Attributes:
        enabled: whether this machine is a site at all.
        cpu_allocation_ratio: virtual cores per core (Nova's word); clusters share cores fairly above 1.
        memory_reserve_mib: left to the machine itself.
        network: ``closed``: clusters reach nothing but themselves (needs root); ``open``: the machine's network.
        mounts: directories that clusters see at ``/data/<label>`` where their profile asks for that data.
    """

    name: Label = "local"
    enabled: bool = True
    cpu_allocation_ratio: float = Field(default=4.0, ge=0.5, le=64)
    memory_reserve_mib: int = Field(default=1024, ge=0)
    network: Literal["closed", "open"] = "closed"
    mounts: dict[MountLabel, LocalMountSettings] = {}

    @property
    def mounted(self) -> tuple[str, ...]:
        """Labels of the data that can be mounted there."""
        return tuple(self.mounts)


class SimulatedSettings(SiteSettings):
    """A site that only pretends, on the real clock: for trying Almanac's doors without Spark.

    Attributes:
        build_s: start-up time of a cluster, in seconds.
        reserved: whether it pretends that its capacity is truly held ahead of time.
    """

    name: Label = "simulated"
    hosts: int = Field(default=4, ge=1, le=10_000)
    cores: int = Field(default=32, ge=1)
    memory_mib: int = Field(default=131_072, ge=1024)
    disk_gib: int = Field(default=1000, ge=0)
    gpus: int = Field(default=0, ge=0)
    build_s: float = Field(default=2.0, ge=0)
    reserved: bool = True


class CloudSettings(SiteSettings):
    """An OpenStack cloud as a site; see ``sites.openstack.settings`` for what isn't explained here.

    Attributes:
        public_url: where the cloud's machines reach this Almanac, if that isn't the ``public_url`` of all.
    """

    public_url: str = Field(default="", pattern=URL)
    cloud: str = Field(min_length=1)
    image: str = Field(min_length=1)
    clouds_file: Path | None = None
    region: str = ""
    network: str = ""
    floating_network: str = ""
    flavors: tuple[str, ...] = ()
    lease_kind: LeaseKind = LeaseKind.AUTO
    door_cidrs: tuple[IPvAnyNetwork, ...] = ()
    key_name: str = ""
    availability_zone: str = ""
    volume_gib: int = Field(default=20, ge=1)
    gpu_property: str = "gpus"
    early: Duration = timedelta(seconds=20)
    join_within: Duration = timedelta(minutes=20)
    drain: Duration = timedelta(minutes=2)
    silent_after: Duration = timedelta(seconds=30)
    lost_after: Duration = timedelta(minutes=5)
    build: Duration = timedelta(minutes=4)
    look_every: Duration = timedelta(seconds=10)
    ca_file: Path | None = None
    mounts: dict[MountLabel, CloudMountSettings] = {}

    @property
    def mounted(self) -> tuple[str, ...]:
        """Labels of the data that can be mounted there."""
        return tuple(self.mounts)

    @property
    def site(self) -> OpenStackSettings:
        """As the site knows them."""
        of_every_site = {*SiteSettings.model_fields, "public_url"}
        facts = {name: getattr(self, name) for name in type(self).model_fields if name not in of_every_site}
        mounts = {label: wanted.mount for label, wanted in self.mounts.items()}
        return OpenStackSettings(**facts | {"door_cidrs": tuple(map(str, self.door_cidrs)), "mounts": mounts})


class DoorSettings(BaseModel):
    """The front door; see docs/explanation/front-door.md.

    Attributes:
        enabled: whether there is one; None: where Caddy is installed.
        host: the address that it listens at.
        port: of the entrance; 0: the one of the last start, else 8480 (unless Almanac itself takes any port), else any that is
            free.
        platforms_port: of notebooks and Spark UIs; 0: alike, 8481.
        url: how people reach the entrance, such as ``https://almanac.example.org``; by default on ``localhost``.
        platforms_url: how they reach their platforms; by default the same host at the other port.
        certificate: of the host, with those above it, in PEM.
        key: the certificate's, in PEM.
        tls: TLS with a certificate of the door's own making, where there are no files.
    """

    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=65535)
    platforms_port: int = Field(default=0, ge=0, le=65535)
    url: str = Field(default="", pattern=URL)
    platforms_url: str = Field(default="", pattern=URL)
    certificate: Path | None = None
    key: Path | None = None
    tls: bool = False

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls or self.certificate is not None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key go together: set both, door.certificate and door.key")
        if self.port and self.port == self.platforms_port:
            raise ValueError("two ports are needed: what people run is kept apart from the portal by its origin")
        scheme = "https://" if self.secure else "http://"
        for name in ("url", "platforms_url"):
            address: str = getattr(self, name)
            if address and not address.startswith(scheme):
                raise ValueError(
                    f"{name} must begin with {scheme}; for TLS set door.certificate and door.key, or door.tls"
                )
        if self.host not in _LOOPBACK and not (self.secure and self.url):
            raise ValueError(
                "beyond loopback it needs TLS and a name: set door.certificate, door.key "
                'and door.url, such as url = "https://almanac.example.org"'
            )
        return self


class GroupSettings(BaseModel):
    """Who is in the institution's group has the role in the project."""

    model_config = ConfigDict(extra="forbid")
    group: str = Field(min_length=1)
    project: Label
    role: Literal["member", "lead"] = "member"


class OidcSettings(BaseModel):
    """An institution whose people sign in by OpenID Connect; see ``services.institution.Policy`` for the rest.

    The client's secret comes from the environment: ``ALMANAC_OIDC_CLIENT_SECRET``.

    Attributes:
        issuer: the provider's URL, exactly as it calls itself: ``https``, or ``http`` on loopback.
        client_id: what Almanac is registered as.
    """

    model_config = ConfigDict(extra="forbid")
    title: str = Field(default="your institution", min_length=1, max_length=80)
    issuer: str = Field(pattern=r"^(https://[^\s/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/\S*)?$")
    client_id: str = Field(min_length=1)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    groups_claim: str = Field(default="groups", min_length=1)
    groups: tuple[GroupSettings, ...] = ()
    newcomers: Newcomers = Newcomers.MAPPED
    link_by_email: bool = False

    @field_validator("scopes")
    @classmethod
    def _openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Without it a provider speaks OAuth only, and says nothing of who it is."""
        return value if "openid" in value else ("openid", *value)

    @property
    def registration(self) -> Registration:
        """As the provider knows Almanac."""
        return Registration(self.issuer, self.client_id, os.environ.get("ALMANAC_OIDC_CLIENT_SECRET", ""), self.scopes)

    @property
    def policy(self) -> Policy:
        """As the services know it."""
        mapping = tuple(GroupRole(each.group, each.project, Role(each.role)) for each in self.groups)
        return Policy(self.title, mapping, self.groups_claim, self.newcomers, self.link_by_email)


class MailSettings(BaseModel):
    """The mail server to which notices go; see ``mail.smtp.MailServer`` for what isn't explained here.

    The password comes from the environment: ``ALMANAC_MAIL_PASSWORD``.

    Attributes:
        security: ``starttls``, ``tls``, or ``none``: then without a password.
    """

    model_config = ConfigDict(extra="forbid")
    host: str = Field(min_length=1, pattern=r"^[^\s/@]+$")
    port: int = Field(default=587, ge=1, le=65535)
    sender: str = Field(max_length=254, pattern=r"^[A-Za-z0-9._+\-]+@[A-Za-z0-9.\-]+$")
    security: Security = Security.STARTTLS
    user: str = ""
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=30))] = timedelta(seconds=20)
    ca_file: Path | None = None

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.security is Security.NONE and self.user:
            raise ValueError("with security = none a password would be read along: use starttls or tls, or no user")
        return self

    @property
    def server(self) -> MailServer:
        """As the mail adapter knows it."""
        facts = {name: getattr(self, name) for name in type(self).model_fields}
        return MailServer(**facts, password=os.environ.get("ALMANAC_MAIL_PASSWORD", ""))


class TermSettings(BaseModel):
    """Days with a demand of their own, both included, such as a term, holidays or a closure.

    Attributes:
        kind: what it is; those of one kind are taken to be alike.
        factor: demand compared with usual weeks, as far as one knows beforehand.
    """

    model_config = ConfigDict(extra="forbid")
    kind: str = Field(pattern=r"^[a-z0-9][a-z0-9.\-]{0,39}$")
    first: date
    last: date
    factor: float = Field(default=1.0, gt=0, le=1000)

    def term(self, zone: str) -> Term:
        """As the forecast knows it.

        Raises:
            BadRequest: an unknown time zone, or the last day before the first.
        """
        return Term(whole_days(self.first, self.last, zone_named(zone)), self.kind, self.factor)


class PlanningSettings(BaseModel):
    """Capacity held ahead for those who don't book; see ``services.dials`` for what isn't explained here.

    Attributes:
        enabled: whether capacity is bought by the plan at all. Demand is written down in any case.
        zone: the time zone that people's weeks follow, such as ``Europe/Madrid``.
    """

    model_config = ConfigDict(extra="forbid")
    enabled: bool = False
    missing: float = Field(default=30.0, gt=1, le=10_000)
    at_once: float = Field(default=0.995, gt=0, lt=1)
    floor: dict[str, Annotated[int, Field(ge=0)]] = {}
    ceiling: dict[str, Annotated[int, Field(ge=0)]] = {}
    zone: str = "UTC"
    terms: list[TermSettings] = []

    @property
    def dials(self) -> Dials | None:
        """As the services know them; None while it isn't enabled.

        Raises:
            BadRequest: a floor above its ceiling, an unknown time zone, a term that ends before it begins.
        """
        if not self.enabled:
            return None
        terms = tuple(each.term(self.zone) for each in self.terms)
        return Dials(self.missing, self.at_once, self.floor, self.ceiling, self.zone, terms)


class MonitoringSettings(BaseModel):
    """Live metrics, by a Prometheus that Almanac runs beside itself.

    Attributes:
        enabled: whether it runs.
        every: between two looks at a target.
        keep: how long numbers are kept; they outlive their booking.
        most_gib: disk space that they may take; then the oldest go earlier.
    """

    model_config = ConfigDict(extra="forbid")
    enabled: bool = True
    every: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=1))] = timedelta(seconds=5)
    keep: Annotated[Duration, Field(ge=timedelta(hours=1), le=timedelta(days=366))] = timedelta(days=30)
    most_gib: float = Field(default=4.0, ge=0.1, le=1000)


class Settings(BaseSettings):
    """Everything that an operator can set.

    Attributes:
        state: where everything of this Almanac lies.
        cache: what can be made again (Spark's class-data archive); may be shared by several Almanacs.
        database: SQLAlchemy URL; empty means SQLite in the state directory.
        catalogue: the profiles' TOML file; empty means the built-in ones only.
        offer_held_for: how long an offer is held.
        waiting_held_for: how long an offer to somebody on the waiting list is held.
        approval_held_for: how long what needs an approval is held for it, at most until its start (an hour at least).
        require_grants: whether a project without a grant at a site may book there.
        oidc: an institution whose people may sign in.
        mail: the mail server to which notices go; none: they are in the portal only.
        door: the front door.
        public_url: where machines in clouds reach this Almanac, such as ``https://almanac.example.org``.
        tick_s: seconds between two looks of the loop when nothing asks for an earlier one.
    """

    model_config = SettingsConfigDict(env_prefix="ALMANAC_", env_nested_delimiter="__", extra="forbid")

    state: Path = Field(default_factory=default_state)
    cache: Path = Field(default_factory=default_cache)
    host: str = "127.0.0.1"
    port: int = Field(default=8484, ge=0, le=65535)
    database: str = Field(default="", repr=False)
    catalogue: Path | None = None
    offer_held_for: Duration = timedelta(minutes=10)
    waiting_held_for: Duration = timedelta(minutes=30)
    approval_held_for: Duration = timedelta(days=2)
    require_grants: bool = False
    public_url: str = Field(default="", pattern=URL)
    tick_s: float = Field(default=1.0, gt=0, le=10)
    local: LocalSettings = LocalSettings()
    planning: PlanningSettings = PlanningSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    simulated: tuple[SimulatedSettings, ...] = ()
    openstack: tuple[CloudSettings, ...] = ()
    oidc: OidcSettings | None = None
    mail: MailSettings | None = None
    door: DoorSettings = DoorSettings()

    @field_validator("state", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("simulated", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        """One table (or ``ALMANAC_SIMULATED__...``) is a list of one."""
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _sites_are_told_apart_and_reachable(self) -> Self:
        names = [site.name for site in self.sites]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two sites have the name {twice[0]}: give each its own")
        for cloud in self.openstack:
            if not self.url_for(cloud):
                raise ValueError(
                    f"the machines of {cloud.name} don't know where Almanac is: "
                    'set public_url, such as public_url = "https://almanac.example.org"'
                )
        return self

    @model_validator(mode="after")
    def _data_is_apart_from_almanacs_own_files(self) -> Self:
        for label, wanted in self.local.mounts.items():
            if wanted.overlaps(self.state):
                raise ValueError(
                    f"local.mounts.{label}: Almanac's own files ({self.state}) would be seen through {wanted.source}: "
                    "name a directory that neither holds them nor lies among them"
                )
        return self

    @property
    def sites(self) -> tuple[SiteSettings, ...]:
        """All sites, in the operator's order of preference."""
        local = (self.local,) if self.local.enabled else ()
        return (*local, *self.openstack, *self.simulated)

    def url_for(self, cloud: CloudSettings) -> str:
        """Where a cloud's machines reach this Almanac; empty if nobody has said it."""
        return (cloud.public_url or self.public_url).rstrip("/")

    @property
    def database_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database or f"sqlite:///{self.state / 'almanac.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        chosen = init_settings.init_kwargs.get("state") if hasattr(init_settings, "init_kwargs") else None
        path = Path(chosen or default_state()) / "almanac.toml"
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, path))


def state_directory(named: Path | None) -> Path:
    """The state directory that is meant: the one named, else the default."""
    return (named or default_state()).expanduser().absolute()


def load(**given: object) -> Settings:
    """The settings, with ``given`` ones first.

    Raises:
        BadRequest: a setting isn't right; the message names each and what is allowed.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = "; ".join(
            ": ".join(filter(None, (".".join(map(str, e["loc"])), _said(e["msg"])))) for e in error.errors()
        )
        raise BadRequest(f"The settings are not right: {lines}.", hint="See docs/reference/settings.md.") from None
    except ValueError as error:  # a TOML syntax error
        raise BadRequest(f"almanac.toml can't be read: {error}.", hint="It is a TOML file.") from None


def _said(message: str) -> str:
    """What a validator of ours says, without pydantic's heading."""
    return message.removeprefix("Value error, ")
