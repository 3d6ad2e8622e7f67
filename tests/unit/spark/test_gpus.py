"""GPUs as Spark knows them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.core.resources import Flavor, Resources
from almanac.spark import gpus
from almanac.spark.layout import worker_size
from almanac.spark.services import services_for


def with_gpus(cluster, count: int, cores: int = 8):
    flavor = Flavor("gpu", Resources(cores, 64 * 1024, 100, count))
    nodes = tuple(replace(node, flavor=flavor) if node.role == "worker" else node for node in cluster.nodes)
    return replace(cluster, nodes=nodes)


@pytest.mark.parametrize(("cores", "count"), [(8, 1), (8, 2), (8, 3), (7, 4), (4, 4), (2, 8), (48, 1), (96, 7)])
def test_no_slot_stays_empty_for_want_of_a_gpu_and_no_gpu_is_shared_needlessly(make_cluster, cores, count):
    cluster = with_gpus(make_cluster(seats=1), count, cores)
    found = gpus.application_properties(cluster)
    assert found["spark.executor.resource.gpu.amount"] == str(count)
    part = float(found["spark.task.resource.gpu.amount"])
    assert part == 1 or 0 < part <= 0.5  # what Spark takes
    sharers = int(1 / part)
    slots = worker_size(cluster, cluster.workers[0]).slots
    assert sharers * count >= slots
    assert (sharers - 1) * count < slots


def test_a_worker_tells_its_gpus_and_finds_them_by_a_script(make_cluster, make_layout):
    cluster = with_gpus(make_cluster(), 2)
    node = cluster.workers[0]
    (service,) = services_for(cluster, node, make_layout(cluster, node))
    script = next(file for file in service.files if file.path.endswith("/gpus.sh"))
    assert script.mode == 0o700
    told = dict(line.split(" ", 1) for line in service.files[0].content.splitlines())
    assert told["spark.worker.resource.gpu.amount"] == "2"
    assert told["spark.worker.resource.gpu.discoveryScript"] == script.path


def test_without_gpus_nothing_is_said_of_them(make_cluster, make_layout):
    cluster = make_cluster()
    for node in cluster.nodes:
        for service in services_for(cluster, node, make_layout(cluster, node)):
            assert not [file.path for file in service.files if "gpu" in file.content + file.path]
    assert gpus.application_properties(make_cluster(workers=0)) == {}


def test_workers_of_which_one_has_none_share_none(make_cluster):
    cluster = with_gpus(make_cluster(workers=2), 2)
    plain = make_cluster(workers=2).workers[-1]
    nodes = tuple(plain if node.name == plain.name else node for node in cluster.nodes)
    assert gpus.application_properties(replace(cluster, nodes=nodes)) == {}


@pytest.mark.parametrize(("told", "addresses"), [("0\n1\n", ["0", "1"]), ("0\n", ["0"])])
def test_the_script_tells_addresses_as_spark_reads_them(tmp_path: Path, told: str, addresses: list[str]) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nprintf '{told}'\n".replace("\n1", "\\n1"))
    (tmp_path / "nvidia-smi").chmod(0o755)
    script = tmp_path / "gpus.sh"
    script.write_text(gpus.DISCOVERY)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True, env=environment)
    assert json.loads(done.stdout) == {"name": "gpu", "addresses": addresses}
