"""A machine's numbers, from a real node exporter through a real agent to Almanac; and its GPUs'."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import psutil
import pytest
from tests.integration.node.conftest import USER, Machine, until

from almanac.core.ports import NodeReport
from almanac.monitoring.samples import BadMetrics
from almanac.monitoring.sources import NODE
from almanac.node import exporter, gpus
from almanac.node.orders import Orders

needs_exporter = pytest.mark.skipif(exporter.find() is None, reason="Debian's package prometheus-node-exporter has it")


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


@needs_exporter
def test_they_come_and_go_with_the_agent(running: Machine) -> None:
    assert {"node_memory_MemTotal_bytes", "node_cpu_seconds_total", "node_filesystem_size_bytes"} <= told(running)
    (one,) = exporters(running)
    assert {connection.laddr.ip for connection in one.net_connections() if connection.status == "LISTEN"} == {
        "127.0.0.1"
    }
    assert one.uids().effective == (pwd.getpwnam(USER).pw_uid if USER else os.geteuid())
    running.kill()
    until(lambda: not one.is_running())


@needs_exporter
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


def driver(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A look-alike of NVIDIA's: no machine of ours has one."""
    program = directory / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_gpus_are_told_beside_as_far_as_their_driver_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, monkeypatch, "echo '0, 45, 1024, 81559'; echo '1, [N/A], 5, 81559'")
    found = {(one.name, one.labels["gpu"]): one.value for one in NODE.taken(gpus.numbers())}
    assert found == {
        ("node_gpu_busy_ratio", "0"): pytest.approx(0.45),
        ("node_gpu_memory_used_bytes", "0"): 2**30,
        ("node_gpu_memory_bytes", "0"): 81559 * 2**20,
        ("node_gpu_memory_used_bytes", "1"): 5 * 2**20,
        ("node_gpu_memory_bytes", "1"): 81559 * 2**20,
    }


@pytest.mark.parametrize("script", ["echo 'No devices were found'; exit 6", "echo nonsense", "exit 0"])
def test_a_driver_in_trouble_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    driver(tmp_path, monkeypatch, script)
    assert gpus.numbers() == ""
