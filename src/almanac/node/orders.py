"""What a machine is told to do: JSON, written by a site, read by the agent. Holds secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class File:
    """A file that a service needs, written before it starts."""

    path: str
    content: str = field(repr=False)
    mode: int = 0o600


@dataclass(frozen=True)
class Service:
    """One process that is kept running; the attributes are those of ``almanac.spark.service.Service``."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    files: tuple[File, ...] = ()
    dirs: tuple[str, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    ready: str | None = None
    after: tuple[str, ...] = ()
    gated: bool = False
    cwd: str = ""
    memory_mib: int | None = None
    once: bool = False
    awaited: bool = True


@dataclass(frozen=True)
class Seat:
    """One person's place on this machine.

    Attributes:
        home: directory on the machine.
        files: where these files are kept between bookings, relative to the site's storage; None while nobody has it.
    """

    home: str
    files: str | None = None


@dataclass(frozen=True)
class Mount:
    """Shared data that this machine mounts.

    Attributes:
        label: its name.
        path: where, such as ``/data/gaia-dr3``.
        what: the source, as ``mount`` takes it.
        type: the file system's.
        options: separated by commas.
        secret: a key that goes into a file of root's, whose name becomes the option ``secretfile``; empty for none.
    """

    label: str
    path: str
    what: str
    type: str
    options: str = "ro"
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Orders:
    """All that one machine is to do.

    Attributes:
        services: what runs here.
        seats: name -> seat; only on the head.
        logs: where logs are kept at the end, relative to the site's storage; None: nowhere.
        idle_cpu_cores: use below this is idleness.
        stop: end the services, save files and logs, and say so.
        mounts: data that is mounted before anything runs.
    """

    services: tuple[Service, ...] = ()
    seats: Mapping[str, Seat] = field(default_factory=dict)
    logs: str | None = None
    idle_cpu_cores: float = 0.15
    stop: bool = False
    mounts: tuple[Mount, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON-ready mappings, the form in which a desk takes them (``NodeDesk.direct``)."""
        plain: dict[str, Any] = json.loads(self.dumps())
        return plain

    def dumps(self) -> str:
        """As JSON text, the same for the same orders."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Orders:
        """From JSON text; raises BadOrders."""
        try:
            return cls.of(json.loads(text))
        except ValueError:
            raise BadOrders("they are not JSON") from None

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Orders:
        """From JSON-ready mappings. What a newer Almanac adds is ignored.

        Raises:
            BadOrders: something is missing or of another type.
        """
        try:
            return cls(
                services=tuple(_service(one) for one in plain["services"]),
                seats={str(name): _known(Seat, seat) for name, seat in plain["seats"].items()},
                logs=plain["logs"],
                idle_cpu_cores=float(plain["idle_cpu_cores"]),
                stop=bool(plain["stop"]),
                mounts=tuple(_known(Mount, one) for one in plain.get("mounts", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadOrders(f"{type(error).__name__}: {error}") from None


class BadOrders(Exception):
    """These are no orders."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The orders can't be read: {why}.")


def _service(plain: Mapping[str, Any]) -> Service:
    lists = {name: tuple(plain.get(name, ())) for name in ("argv", "dirs", "after")}
    files = tuple(_known(File, file) for file in plain.get("files", ()))
    service: Service = _known(Service, {**plain, **lists, "files": files})
    return service


def _known(kind: Any, plain: Mapping[str, Any]) -> Any:  # noqa: ANN401 - whichever dataclass it is given
    return kind(**{name: value for name, value in plain.items() if name in kind.__dataclass_fields__})
