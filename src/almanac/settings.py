"""Settings: ``almanac.toml`` in the state directory, overridden by ``ALMANAC_*`` environment variables.

Secrets (a database password, the key) come from the environment only.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from almanac.core.errors import BadRequest
from almanac.services.profile_file import duration

Duration = Annotated[timedelta, BeforeValidator(lambda v: v if isinstance(v, timedelta) else duration(v))]


def default_state() -> Path:
    """``$ALMANAC_STATE``, else ``~/.local/state/almanac``."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(os.environ.get("ALMANAC_STATE") or f"{home}/almanac").expanduser()


def default_cache() -> Path:
    """``$ALMANAC_CACHE``, else ``~/.cache/almanac``."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("ALMANAC_CACHE") or f"{home}/almanac").expanduser()


class LocalSettings(BaseModel):
    """This machine as a site.

    Attributes:
        name: the site's name.
        enabled: whether this machine is a site at all.
        cpu_allocation_ratio: virtual cores per core (Nova's word); clusters share cores fairly above 1.
        memory_reserve_mib: left to the machine itself.
        network: ``closed``: clusters reach nothing but themselves (needs root); ``open``: the machine's network.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(default="local", pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")
    enabled: bool = True
    cpu_allocation_ratio: float = Field(default=4.0, ge=0.5, le=64)
    memory_reserve_mib: int = Field(default=1024, ge=0)
    network: Literal["closed", "open"] = "closed"


class SimulatedSettings(BaseModel):
    """A site that only pretends, on the real clock: for trying Almanac's doors without Spark.

    Attributes:
        build_s: start-up time of a cluster, in seconds.
    """

    model_config = ConfigDict(extra="forbid")
    name: str = Field(default="simulated", pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")
    hosts: int = Field(default=4, ge=1, le=10_000)
    cores: int = Field(default=32, ge=1)
    memory_mib: int = Field(default=131_072, ge=1024)
    disk_gib: int = Field(default=1000, ge=0)
    gpus: int = Field(default=0, ge=0)
    build_s: float = Field(default=2.0, ge=0)


class Settings(BaseSettings):
    """Everything that an operator can set.

    Attributes:
        state: where everything of this Almanac lies.
        cache: what can be made again (Spark's class-data archive); may be shared by several Almanacs.
        database: SQLAlchemy URL; empty means SQLite in the state directory.
        catalogue: the profiles' TOML file; empty means the built-in ones only.
        offer_held_for: how long an offer is held.
        require_grants: whether a project without a grant at a site may book there.
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
    require_grants: bool = False
    tick_s: float = Field(default=1.0, gt=0, le=10)
    local: LocalSettings = LocalSettings()
    simulated: SimulatedSettings | None = None

    @field_validator("state", "cache")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

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


def load(**given: object) -> Settings:
    """The settings, with ``given`` ones first.

    Raises:
        BadRequest: a setting isn't right; the message names each and what is allowed.
    """
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise BadRequest(f"The settings are not right: {lines}.", hint="See docs/reference/settings.md.") from None
    except ValueError as error:  # a TOML syntax error
        raise BadRequest(f"almanac.toml can't be read: {error}.", hint="It is a TOML file.") from None
