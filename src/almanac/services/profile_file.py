"""The operator's catalogue: profiles and flavors in one TOML file, checked on load with line numbers.

Example::

    [flavors.big]
    cores = 8
    memory_mib = 32768
    disk_gib = 100

    [profiles.spark-big]
    title = "For the whole catalogue"
    head = "head-large"
    worker = "big"
    workers = 4
    max_duration = "12h"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from almanac.core.catalogue import Above, Profile
from almanac.core.errors import BadRequest
from almanac.core.resources import Flavor, Resources

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration(value: object) -> timedelta | None:
    """``"90m"``, ``"1h30m"``, ``"2d"`` or ``"never"`` (None).

    Raises:
        ValueError: anything else.
    """
    if value == "never":
        return None
    parts = re.findall(r"(\d+)\s*([smhd])", value) if isinstance(value, str) else []
    if not parts or re.sub(r"\d+\s*[smhd]|\s", "", str(value)):
        raise ValueError('write a duration such as "90m", "1h30m", "2d" or "never"')
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in parts))


Duration = Annotated[timedelta, BeforeValidator(duration)]
MaybeDuration = Annotated[timedelta | None, BeforeValidator(duration)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,39}$")]


def _one_or_several(value: object) -> object:
    """One label is a list of one; ``""`` is none."""
    if isinstance(value, list) and any(value.count(label) > 1 for label in value):
        raise ValueError("the same label is named twice")
    return ((value,) if value else ()) if isinstance(value, str) else value


class _FlavorEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    cores: int = Field(ge=1, le=4096)
    memory_mib: int = Field(ge=256)
    disk_gib: int = Field(ge=0, default=0)
    gpus: int = Field(ge=0, default=0)
    nvme: bool = False


class _AboveEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seats: int | None = Field(ge=0, default=None)
    hours: float | None = Field(ge=0, allow_inf_nan=False, le=24 * 366, default=None)
    nodes: int | None = Field(ge=0, default=None)

    @property
    def above(self) -> Above:
        length = None if self.hours is None else timedelta(hours=self.hours)
        return Above(self.seats, length, self.nodes)


class _ProfileEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(min_length=1, max_length=200)
    head: Name
    worker: str = ""
    workers: int = Field(ge=0, default=0)
    max_workers: int | None = Field(ge=0, default=None)
    seats_per_worker: int = Field(ge=1, default=1)
    max_seats: int = Field(ge=1, le=500, default=1)
    max_duration: Duration = timedelta(hours=12)
    idle_after: MaybeDuration = timedelta(hours=2)
    no_show_after: MaybeDuration = timedelta(minutes=45)
    warn_before: Duration = timedelta(minutes=10)
    warm: int = Field(ge=0, le=100, default=0)
    sites: tuple[str, ...] = ()
    data: Annotated[tuple[Name, ...], BeforeValidator(_one_or_several)] = ()
    approve_above: _AboveEntry = _AboveEntry()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    flavors: dict[Name, _FlavorEntry] = {}
    profiles: dict[Name, _ProfileEntry] = {}
    warm: dict[Name, Annotated[int, Field(ge=0, le=100)]] = {}


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """What the file says: more flavors, more (or replaced) profiles, and how many of each stand ready."""

    flavors: tuple[Flavor, ...] = ()
    profiles: tuple[Profile, ...] = ()
    warm: Mapping[str, int] | None = None


def read(path: Path) -> ProfileFile:
    """Read and check a catalogue file.

    Raises:
        BadRequest: it can't be read or isn't right; the message names each line and what is allowed there.
    """
    try:
        text = path.read_text(encoding="utf-8")
        parsed = _File.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"The catalogue {path} can't be read: {error}.", hint="Check the path and its permissions."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"{path}: {error}.", hint="The catalogue is a TOML file.") from None
    except ValidationError as error:
        lines = [f"{path}:{_line(text, e['loc'])}: {_where(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise BadRequest("\n".join(lines), hint="Mend these lines and start again.") from None
    return ProfileFile(_flavors(parsed), tuple(_profile(n, e) for n, e in parsed.profiles.items()), parsed.warm)


def merged(profiles: Sequence[Profile], file: ProfileFile) -> tuple[Profile, ...]:
    """The built-in profiles with the file's laid over them.

    Raises:
        BadRequest: ``[warm]`` names a profile that doesn't exist.
    """
    catalogue = {profile.name: profile for profile in profiles} | {profile.name: profile for profile in file.profiles}
    for name, count in (file.warm or {}).items():
        if name not in catalogue:
            raise BadRequest(f"[warm] names {name}, which is no profile.", hint=f"Profiles: {', '.join(catalogue)}.")
        catalogue[name] = replace(catalogue[name], warm=count)
    return tuple(catalogue.values())


def check_data(profiles: Sequence[Profile], known: Collection[str]) -> None:
    """Check that the data that profiles ask for lies somewhere.

    Args:
        profiles: the catalogue.
        known: labels of the data that lies at some site.

    Raises:
        BadRequest: no site has some of it; the hint says what there is, and where to say more.
    """
    there_is = f"There is: {', '.join(sorted(known))}." if known else "No site names any data."
    for profile in profiles:
        lacking = [label for label in profile.data if label not in known]
        if lacking:
            raise BadRequest(
                f"The profile {profile.name} asks for the data {' and '.join(lacking)}, which no site has.",
                hint=f"{there_is} A site's setting 'mounts' (or 'data') says what lies there: docs/reference/settings.md.",
            )


def _flavors(parsed: _File) -> tuple[Flavor, ...]:
    return tuple(
        Flavor(name, Resources(e.cores, e.memory_mib, e.disk_gib, e.gpus), e.nvme) for name, e in parsed.flavors.items()
    )


def _profile(name: str, entry: _ProfileEntry) -> Profile:
    facts = entry.model_dump(exclude={"max_workers", "approve_above"})
    most = max(entry.workers, entry.max_workers or 0)
    return Profile(name=name, max_workers=most, approve_above=entry.approve_above.above, **facts)


def _where(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


def _line(text: str, location: tuple[Any, ...]) -> int:
    """The line of a key (or of its table's header) in the file; 1 if it can't be found."""
    lines = text.splitlines()
    table = ".".join(rf'"?{re.escape(str(part))}"?' for part in location[:2])
    header = next((i for i, line in enumerate(lines) if re.match(rf"\s*\[\s*{table}\s*\]", line)), None)
    if header is None:
        header = next((i for i, line in enumerate(lines) if location and re.match(rf"\s*\[\s*{location[0]}", line)), 0)
    for offset, line in enumerate(lines[header + 1 :], start=header + 2):
        if line.lstrip().startswith("["):
            break
        if len(location) > 1 and re.match(rf'\s*"?{re.escape(str(location[:3][-1]))}"?\s*=', line):
            return offset
    return header + 1
