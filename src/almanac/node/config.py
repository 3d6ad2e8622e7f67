"""What a machine knows when it boots: who it is, whom to call, and where things lie."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

OWN_FILES = "/var/lib/almanac"


@dataclass(frozen=True)
class Config:
    """The agent's settings; user-data writes the first four, the others are the same on every machine.

    Attributes:
        url: where Almanac is.
        cluster: its id.
        node: this machine's name in it.
        join_token: good for one use.
        ca: PEM of the authority to trust; empty: those of the system.
        user: as whom services run; empty: as whom the agent runs.
        opt: what is installed: Java, Spark, the virtual environment, Almanac's package.
        state: the agent's own memory, for root only.
        run: services' files and work.
        scratch: for shuffles and spills; an unused NVMe disk is mounted here.
        logs: one file per service.
        units: where systemd looks for units that go with a reboot.
        secrets: environments of services, for root only; in memory.
        save_every_s: how often changed files are saved.
        numbers_every_s: how often the machine's numbers are told; 0: never.
    """

    url: str
    cluster: str
    node: str
    join_token: str = field(repr=False)
    ca: str = ""
    user: str = "almanac"
    opt: str = "/opt/almanac"
    state: str = f"{OWN_FILES}/agent"
    run: str = f"{OWN_FILES}/run"
    scratch: str = f"{OWN_FILES}/scratch"
    logs: str = "/var/log/almanac"
    units: str = "/run/systemd/system"
    secrets: str = "/run/almanac"
    save_every_s: float = 120.0
    numbers_every_s: float = 5.0

    @classmethod
    def load(cls, path: str) -> Config:
        """From a JSON file; what a newer Almanac adds is ignored."""
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        return cls(**{name: value for name, value in plain.items() if name in cls.__dataclass_fields__})
