"""Services as systemd units: pure functions from orders to texts.

Secrets are in a service's environment, which is in a file of root's; the unit itself anybody may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from almanac.node.orders import Service

DRAIN_S = 20
"""How long a service may take to end by itself."""
METADATA = "169.254.169.254"
"""Where a cloud tells anybody on the machine what its user-data was."""

_UNIT = """\
[Unit]
Description=Almanac: {name}
StartLimitIntervalSec=0

[Service]
{kind}
{user}WorkingDirectory={cwd}
EnvironmentFile={secrets}/{name}.env
ExecStart={command}
StandardInput=null
StandardOutput=append:{logs}/{name}.log
StandardError=inherit
KillMode=mixed
TimeoutStopSec={drain}
SuccessExitStatus=143
OOMPolicy=continue
OOMScoreAdjust=500
CPUAccounting=yes
{memory}UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateTmp=yes
ProtectSystem=full
ProtectHome=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
LockPersonality=yes
IPAddressDeny={metadata}
"""
_LASTING = "Type=exec\nRestart=always\nRestartSec=2"
_ONCE = "Type=exec\nRestart=no\nRemainAfterExit=yes"


@dataclass(frozen=True)
class Place:
    """Where units' things lie; see ``config.Config``. ``user`` is empty for as whom systemd runs."""

    user: str
    logs: str
    secrets: str


def unit_name(service: str) -> str:
    """The unit of a service."""
    return f"almanac-{service}.service"


def unit(service: Service, place: Place) -> str:
    """A service's unit."""
    return _UNIT.format(
        name=service.name,
        kind=_ONCE if service.once else _LASTING,
        user=f"User={place.user}\nGroup={place.user}\n" if place.user else "",
        cwd=_specifiers(service.cwd or "/"),
        secrets=_specifiers(place.secrets),
        command=" ".join(_argument(one) for one in service.argv),
        logs=_specifiers(place.logs),
        drain=DRAIN_S,
        memory=f"MemoryMax={service.memory_mib}M\n" if service.memory_mib else "",
        metadata=METADATA,
    )


def environment(variables: Mapping[str, str]) -> str:
    """An environment file; values may hold anything but NUL."""
    return "".join(f"{name}={_quoted(value)}\n" for name, value in variables.items())


def _argument(text: str) -> str:
    """One argument of ExecStart, to which neither ``%`` nor ``$`` means anything."""
    return _quoted(_specifiers(text).replace("$", "$$")).replace("\n", "\\n").replace("\t", "\\t")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")
