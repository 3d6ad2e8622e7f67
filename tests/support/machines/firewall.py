"""What may pass the bridge: Neutron's security groups, as nftables rules.

Neutron's fake hosts enforce nothing, so a group that lets too much or too little through would go unseen. Rules are looked
at as a bridge sees frames, without connection tracking: what opens a TCP connection needs a rule, what belongs to one passes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.support.machines.network import DOOR

_HEAD = """table bridge almanac
flush table bridge almanac
table bridge almanac {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ether type arp accept
"""
_OPENING = "tcp flags & (syn | ack) == syn"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a security group, for connections coming in.

    Attributes:
        group: the security group that it belongs to.
        ports: first and last; None: all.
        source: from a network such as ``10.0.0.0/8``; None: from anywhere, unless ``members`` is set.
        members: from the machines of this security group.
    """

    group: str
    ports: tuple[int, int] | None = None
    source: str | None = None
    members: str | None = None


@dataclass(frozen=True, slots=True)
class Plugged:
    """A machine's end at the bridge.

    Attributes:
        port: the bridge's interface.
        address: the machine's.
        groups: the security groups that guard it; None: none does, as port security is off.
    """

    port: str
    address: str
    groups: frozenset[str] | None


def rules(machines: Sequence[Plugged], groups: Iterable[Rule], gateway: str, api_port: int) -> str:
    """The ruleset for ``nft``: machines reach Almanac's port at the gateway, and what the groups of others let in."""
    members: dict[str, list[str]] = {}
    for machine in machines:
        for group in machine.groups or ():
            members.setdefault(group, []).append(machine.address)
    lines = [f'iifname "{machine.port}" ip saddr != {machine.address} drop' for machine in machines]
    lines += ["ip protocol icmp accept", f"ip protocol tcp {_OPENING} jump opening", "ip protocol tcp accept"]
    opening = [f'oifname "{DOOR}" ip daddr {gateway} tcp dport {api_port} accept', f'oifname "{DOOR}" drop']
    known = list(groups)
    for machine in machines:
        opening += [f'oifname "{machine.port}" {line}' for line in _let_in(machine, known, members)]
    return f"{_HEAD}{_indented(lines)}  }}\n  chain opening {{\n{_indented([*opening, 'drop'])}  }}\n}}\n"


def _let_in(machine: Plugged, groups: Iterable[Rule], members: Mapping[str, list[str]]) -> Iterator[str]:
    if machine.groups is None:
        yield "accept"
        return
    for rule in groups:
        if rule.group not in machine.groups:
            continue
        ports = f"tcp dport {rule.ports[0]}-{rule.ports[1]} " if rule.ports else ""
        if rule.members is not None:
            friends = members.get(rule.members)
            if friends:
                yield f"ip saddr {{ {', '.join(sorted(friends))} }} {ports}accept"
        else:
            yield f"{f'ip saddr {rule.source} ' if rule.source else ''}{ports}accept"


def _indented(lines: Iterable[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)
