"""What an operator says of data that sites mount on the nodes of clusters that ask for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from almanac.sites.local.data import Mount as LocalMount
from almanac.sites.openstack.settings import Mount as CloudMount
from almanac.sites.openstack.settings import MountType

_OURS = frozenset({"ro", "rw", "suid", "nosuid", "dev", "nodev"})
_SECRET = frozenset({"secret", "secretfile", "password", "pass"})


def _label(text: str) -> str:
    """It names a directory and an environment variable, so it has neither dots nor slashes."""
    if not text or len(text) > 40 or text.startswith("-") or set(text) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
        raise ValueError(f"{text!r} can't name a mount: lower-case letters, digits and dashes only, up to 40")
    return text


MountLabel = Annotated[str, AfterValidator(_label)]


class LocalMountSettings(BaseModel):
    """A directory of this machine.

    Attributes:
        source: its path; a link to a directory is one, too.
        write: whether clusters may write there; otherwise they only read.
    """

    model_config = ConfigDict(extra="forbid")
    source: Path
    write: bool = False

    @field_validator("source")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        if not value.is_absolute() or ".." in value.parts:
            raise ValueError(f'{value} is no absolute path: write one such as source = "/srv/gaia-dr3"')
        if value == Path("/"):
            raise ValueError(
                'the whole machine can\'t be mounted: name one directory, such as source = "/srv/gaia-dr3"'
            )
        return value

    def overlaps(self, state: Path) -> bool:
        """Whether Almanac's own files would be seen through it."""
        source, own = self.source.resolve(), state.resolve()
        return source == own or source in own.parents or own in source.parents

    @property
    def mount(self) -> LocalMount:
        """As the site knows it."""
        return LocalMount(self.source, self.write)


class CloudMountSettings(BaseModel):
    """What ``mount`` needs on a cloud's machines; see ``sites.openstack.data.Mount``."""

    model_config = ConfigDict(extra="forbid")
    type: MountType
    source: str = Field(pattern=r"^[^\s\x00-\x1f]{1,500}$")
    options: str = Field(default="", pattern=r"^[^\s\x00-\x1f]{0,500}$")
    user: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,80}$")
    secret_file: Path | None = None
    write: bool = False

    @field_validator("options")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        names = {option.partition("=")[0] for option in value.split(",")}
        if names & _SECRET:
            raise ValueError(f"a secret doesn't belong into options ({min(names & _SECRET)}): name a secret_file")
        if names & _OURS:
            raise ValueError(f"leave {min(names & _OURS)} out: 'write' says whether clusters may write")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.type is MountType.NFS and ":" not in self.source:
            raise ValueError('an NFS source is HOST:/PATH, such as source = "10.0.0.5:/export/gaia-dr3"')
        if self.type is MountType.CEPH and (":" not in self.source or not self.user or self.secret_file is None):
            raise ValueError("ceph needs a source MONITORS:/PATH, a user and a secret_file")
        return self

    @property
    def mount(self) -> CloudMount:
        """As the site knows it."""
        return CloudMount(self.type, self.source, self.options, self.user, self.secret_file, self.write)
