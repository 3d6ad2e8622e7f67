"""A cluster and layouts that no machine has: services are pure."""

from __future__ import annotations

import pytest

from almanac.core.ports import ClusterSecrets, ClusterSpec, PlacedNode, Seat
from almanac.core.resources import Flavor, Resources
from almanac.spark.layout import Layout, fixed_ports
from almanac.spark.runtime import Runtime

HEAD = Flavor("head", Resources(cores=2, memory_mib=4096))
WORKER = Flavor("worker", Resources(cores=2, memory_mib=4096))


@pytest.fixture
def runtime():
    return Runtime(
        java_home="/java",
        java_version=17,
        spark_home="/spark",
        python="/venv/bin/python",
        conf_dir="/conf",
        class_path="/conf/:/spark/jars/slf4j-api-2.0.17.jar:/spark/jars/*",
        package="/package",
        archive="/cache/spark.jsa",
    )


@pytest.fixture(scope="session")
def make_cluster():
    def make(workers=2, seats=2, head=HEAD, worker=WORKER):
        nodes = [PlacedNode("head", "head", head, "h1")]
        nodes += [PlacedNode(f"worker-{i}", "worker", worker, "h1") for i in range(1, workers + 1)]
        return ClusterSpec(
            id="b-7k3m9q2x",
            lease="b-7k3m9q2x",
            profile="spark-small",
            nodes=tuple(nodes),
            seats=tuple(Seat(f"seat-{i}", f"SECRET-seat-{i}") for i in range(1, seats + 1)),
            secrets=ClusterSecrets("SECRET-connect", "SECRET-spark", "SECRET-ui"),
        )

    return make


@pytest.fixture
def make_layout(runtime):
    def make(cluster, node, address="127.0.0.1", **more):
        return Layout(
            runtime=more.pop("runtime", runtime),
            address=address,
            head=more.pop("head", "127.0.0.1"),
            ports=fixed_ports(cluster, node),
            run="/run/c",
            scratch="/scratch/c",
            homes={seat.name: f"/homes/{seat.name}" for seat in cluster.seats},
            **more,
        )

    return make
