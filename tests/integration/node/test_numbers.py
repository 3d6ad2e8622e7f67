"""A machine's numbers, from a real node exporter through a real agent to Almanac."""

from __future__ import annotations

import os
import pwd

import psutil
import pytest
from tests.integration.node.conftest import USER, Machine, until

from almanac.core.ports import NodeReport
from almanac.monitoring.samples import BadMetrics
from almanac.node import exporter
from almanac.node.orders import Orders


def told(machine: Machine) -> set[str]:
    """The names of what Almanac has of the machine."""
    numbers = machine.office.nodes.numbers
    try:
        found = numbers.samples("c-1", "head", machine.office.nodes._clock())
    except BadMetrics:
        return set()
    return {sample.name for sample in found}


def exporters(machine: Machine) -> list[psutil.Process]:
    """Node exporters that the agent runs."""
    children = psutil.Process(machine.process.pid).children(recursive=True)
    told = [(one, one.as_dict(["cmdline"])["cmdline"] or ()) for one in children]  # none of one that just died
    return [one for one, arguments in told if "--collector.disable-defaults" in arguments]


@pytest.fixture
def running(machine: Machine) -> Machine:
    machine.settings["numbers_every_s"] = 0.2
    machine.invite(Orders())
    machine.boot()
    until(lambda: told(machine), machine.said)
    return machine


def test_they_come_and_go_with_the_agent(running: Machine) -> None:
    assert {"node_memory_MemTotal_bytes", "node_cpu_seconds_total", "node_filesystem_size_bytes"} <= told(running)
    (one,) = exporters(running)
    assert {connection.laddr.ip for connection in one.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    assert one.uids().effective == (pwd.getpwnam(USER).pw_uid if USER else os.geteuid())
    running.kill()
    until(lambda: not one.is_running())


def test_one_that_dies_is_run_again(running: Machine) -> None:
    (one,) = exporters(running)
    one.kill()
    until(lambda: [again.pid for again in exporters(running)] not in ([], [one.pid]), running.said)
    assert isinstance(running.report, NodeReport)


def test_where_there_is_none_the_machine_works_without(machine: Machine) -> None:
    machine.settings["numbers_every_s"] = 0
    machine.invite(Orders())
    machine.boot()
    until(lambda: machine.report.revision == 1, machine.said)
    assert exporters(machine) == []
    assert told(machine) == set()


def test_only_what_is_shown_is_sent() -> None:
    text = (
        "# HELP node_load1 1m load average.\nnode_load1 0.5\nnode_load15 0.7\n"
        'node_cpu_seconds_total{cpu="0",mode="idle"} 5\ngo_goroutines 7\nnode_load1_more 1\n'
    )
    assert exporter.wanted(text) == 'node_load1 0.5\nnode_cpu_seconds_total{cpu="0",mode="idle"} 5\n'
