"""``python -m scripts.cloud up | down | status | start NAME | stop NAME | restart NAME``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.cloud import lifecycle, processes, services
from scripts.cloud.errors import CloudError
from scripts.cloud.stack import ROOT, Stack
from scripts.cloud.steps import Clock

_USE = """
  export OS_CLIENT_CONFIG_FILE={clouds}
  {openstack} --os-cloud almanac server list

Entries: admin, almanac, almanac2, competitor. Logs: {log}. End it with: make openstack-down
"""


def main() -> int:
    """Do what was asked; returns the exit status."""
    options = _parser().parse_args()
    try:
        return _do(options)
    except CloudError as error:
        sys.stderr.write(f"\n{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; what was started has been ended.\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.cloud", description="A real OpenStack on loopback, for tests."
    )
    parser.add_argument("--state", type=Path, default=ROOT / ".openstack" / "cloud", help="the cloud's directory")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start a cloud and wait until it is ready")
    start.add_argument("--hosts", type=int, default=8, help="hypervisors that Blazar reserves (16 cores, 64 GiB each)")
    start.add_argument("--open-hosts", type=int, default=2, help="hypervisors outside Blazar")
    commands.add_parser("down", help="end it")
    commands.add_parser("status", help="say what runs")
    for name, about in (("start", "start a service"), ("stop", "kill a service"), ("restart", "kill and start it")):
        commands.add_parser(name, help=about).add_argument("service", choices=services.NAMES)
    return parser


def _do(options: argparse.Namespace) -> int:
    clock = Clock()
    if options.command == "up":
        _tell(lifecycle.up(options.state, options.hosts, options.open_hosts, clock))
        return 0
    if options.command == "down":
        lifecycle.down(options.state, clock)
        return 0
    stack = lifecycle.running(options.state)
    if options.command == "status":
        return _status(stack)
    if options.command in ("stop", "restart"):
        processes.end(stack, options.service)
    if options.command in ("start", "restart"):
        services.start(stack, options.service)
    return 0


def _tell(stack: Stack) -> None:
    print(_USE.format(clouds=stack.clouds_yaml, openstack=stack.program("openstack"), log=stack.log))


def _status(stack: Stack) -> int:
    """One line per service; the exit status says whether all run."""
    found = processes.found(stack)
    for name in services.NAMES:
        ids = sorted(process for process, service in found.items() if service == name)
        print(f"{name:<16} {'up' if ids else 'DOWN':<5} {' '.join(map(str, ids))}")
    return 0 if lifecycle.is_up(stack) else 1


if __name__ == "__main__":
    sys.exit(main())
