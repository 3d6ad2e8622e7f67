from __future__ import annotations

import ast
import re
from dataclasses import replace

import pytest

from almanac.core.ports import Permanent
from almanac.core.resources import Flavor, Resources
from almanac.spark.layout import fixed_ports, port_names
from almanac.spark.services import services_for


@pytest.fixture
def render(make_layout):
    def render(cluster, **more):
        nodes = {node.name: services_for(cluster, node, make_layout(cluster, node, **more)) for node in cluster.nodes}
        return {service.name: service for services in nodes.values() for service in services}

    return render


def properties(service):
    """What a JVM is told: ``@file`` for the Connect server, ``--properties-file`` for a daemon."""
    text = service.files[0].content
    if text.startswith('"-D'):
        return dict(line[3:-1].split("=", 1) for line in text.splitlines())
    return dict(line.split(" ", 1) for line in text.splitlines())


def test_a_head_runs_master_connect_and_a_notebook_per_seat_and_a_worker_node_its_worker(make_cluster, render):
    services = render(make_cluster(workers=2, seats=2))
    assert list(services) == [
        "master",
        "connect",
        "warm-up",
        "notebook-seat-1",
        "notebook-seat-2",
        "worker-1",
        "worker-2",
    ]


def test_a_cluster_without_workers_is_only_notebooks_without_spark(make_cluster, render):
    services = render(make_cluster(workers=0, seats=1))
    assert list(services) == ["notebook-seat-1"]
    assert "SPARK_REMOTE" not in services["notebook-seat-1"].env


def test_what_needs_the_master_starts_with_it_and_waits_for_it(make_cluster, render):
    """A driver that is too early tries again after exactly 20 seconds, so each waits at the last moment."""
    services = render(make_cluster())
    assert {name: s.after for name, s in services.items()} == {
        "master": (),
        "connect": ("master",),
        "worker-1": ("master",),
        "worker-2": ("master",),
        # Until the master listens, most cores would idle: the notebooks start meanwhile.
        "warm-up": (),
        "notebook-seat-1": (),
        "notebook-seat-2": (),
    }
    gated = {name: s.argv[4:7] for name, s in services.items() if s.gated}
    assert gated == {
        "connect": ("127.0.0.1", "7077", "/run/c/connect/pools.pipe"),
        "worker-1": ("127.0.0.1", "7077", "/run/c/worker-1/metrics.pipe"),
        "worker-2": ("127.0.0.1", "7077", "/run/c/worker-2/metrics.pipe"),
    }
    read = {file.path: file.content for service in services.values() for file in service.files}
    assert '"-Dspark.scheduler.allocation.file=file:/run/c/connect/pools.pipe"' in read["/run/c/connect/connect.args"]
    assert "spark.metrics.conf /run/c/worker-1/metrics.pipe" in read["/run/c/worker-1/spark.conf"]


def test_no_command_line_holds_a_secret_and_no_repr_does(make_cluster, render):
    cluster = make_cluster()
    services = render(cluster)
    assert not any("SECRET" in argument for s in services.values() for argument in s.argv)
    assert "SECRET" not in repr(services)
    assert "SECRET" not in repr(cluster)


def test_files_that_hold_secrets_are_for_their_owner_only(make_cluster, render):
    files = [file for service in render(make_cluster()).values() for file in service.files]
    secret = [file for file in files if "SECRET" in file.content]
    assert {file.path for file in secret} == {
        "/run/c/master/spark.conf",
        "/run/c/worker-1/spark.conf",
        "/run/c/worker-2/spark.conf",
        "/run/c/connect/connect.args",
    }
    assert {file.mode for file in secret} == {0o600}


def test_a_seat_sees_its_own_token_only(make_cluster, render):
    services = render(make_cluster(seats=2))
    first = services["notebook-seat-1"]
    assert first.env["JUPYTER_TOKEN"] == "SECRET-seat-1"
    assert "SECRET-seat-2" not in str(dict(first.env)) + "".join(file.content for file in first.files)


def test_every_file_lies_in_a_directory_that_its_service_makes(make_cluster, render):
    for service in render(make_cluster()).values():
        made = set(service.dirs)
        for directory in service.dirs:
            made.update(directory[: i.start()] for i in re.finditer("/", directory))
        assert {file.path.rpartition("/")[0] for file in service.files} <= made
        assert service.cwd in service.dirs


def test_ports_are_those_of_the_layout_and_ready_names_one(make_cluster, render):
    services = render(make_cluster())
    assert services["master"].ports == {"master": 7077, "ui": 8080}
    assert services["connect"].ports == {"connect": 15002, "ui": 4040}
    assert services["worker-2"].ports == {"worker": 7078, "ui": 8081}
    assert services["notebook-seat-2"].ports == {"notebook": 8889}
    assert all(s.ready in s.ports for name, s in services.items() if name != "warm-up")


def test_a_cluster_for_the_pool_is_ready_when_it_is_warm(make_cluster, render):
    warm_up = render(make_cluster())["warm-up"]
    assert (warm_up.once, warm_up.awaited, warm_up.argv[-1]) == (True, True, "0")


def test_a_cluster_that_somebody_may_wait_for_is_warmed_up_later(make_cluster, render):
    cluster = make_cluster(seats=1)
    taken = replace(cluster, seats=(replace(cluster.seats[0], files="gaia/people/ada"),))
    warm_up = render(taken)["warm-up"]
    assert (warm_up.once, warm_up.awaited, warm_up.argv[-1]) == (True, False, "8")


def test_the_warm_up_is_a_client_like_any_other(make_cluster, render):
    warm_up = render(make_cluster())["warm-up"]
    assert warm_up.env["SPARK_REMOTE"].startswith("sc://localhost:15002/")
    assert "SECRET" not in str(warm_up.argv)


@pytest.mark.parametrize("workers", [0, 2])
def test_fixed_ports_cover_the_names_that_a_node_needs_without_clashes(make_cluster, workers):
    cluster = make_cluster(workers=workers, seats=30)
    for node in cluster.nodes:
        ports = fixed_ports(cluster, node)
        assert tuple(ports) == port_names(cluster, node)
        assert len(set(ports.values())) == len(ports)


def test_the_spark_of_a_cluster_is_guarded(make_cluster, render):
    services = render(make_cluster())
    for name in ("master", "worker-1", "connect"):
        told = properties(services[name])
        assert told["spark.authenticate"] == "true"
        assert told["spark.authenticate.secret"] == "SECRET-spark"
        assert told["spark.network.crypto.enabled"] == "true"
        assert told["spark.ui.filters"] == "org.apache.spark.ui.JWSFilter"
        assert told["spark.org.apache.spark.ui.JWSFilter.param.secretKey"] == "SECRET-ui"
    assert properties(services["master"])["spark.master.rest.enabled"] == "false"


def test_one_executor_fills_each_worker_and_fits_its_flavor(make_cluster, render):
    services = render(make_cluster(worker=Flavor("w", Resources(cores=3, memory_mib=6144))))
    told, argv = properties(services["connect"]), services["worker-1"].argv
    assert told["spark.executor.cores"] == argv[argv.index("--cores") + 1] == "3"
    assert told["spark.executor.memory"] == argv[argv.index("--memory") + 1] == "4960m"
    assert "-XX:+UseSerialGC" not in told["spark.executor.extraJavaOptions"]


def test_executors_keep_the_optimising_compiler_and_daemons_do_not(make_cluster, render):
    services = render(make_cluster())
    executor = properties(services["connect"])["spark.executor.extraJavaOptions"]
    assert "TieredStopAtLevel" not in executor
    assert "-XX:+UseSerialGC" in executor
    for name in ("master", "worker-1", "connect"):
        assert "-XX:TieredStopAtLevel=1" in services[name].argv


def test_every_jvm_maps_the_archive_where_there_is_one(make_cluster, render, runtime):
    flag = "-XX:SharedArchiveFile=/cache/spark.jsa"
    services = render(make_cluster())
    assert all(flag in services[name].argv for name in ("master", "worker-1", "connect"))
    assert flag in properties(services["connect"])["spark.executor.extraJavaOptions"]
    without = render(make_cluster(), runtime=replace(runtime, archive=None))
    assert "SharedArchiveFile" not in str(without) + without["connect"].files[0].content


def test_connect_listens_on_loopback_too_when_its_address_is_another(make_cluster, render):
    """Clients send a token without TLS to "localhost" only, and notebooks are such clients."""
    binding = "spark.connect.grpc.binding.address"
    assert properties(render(make_cluster())["connect"])[binding] == "127.0.0.1"
    elsewhere = render(make_cluster(), address="10.1.2.3", head="10.1.2.3")
    assert properties(elsewhere["connect"])[binding] == "0.0.0.0"  # noqa: S104
    assert elsewhere["worker-1"].argv[-1] == "spark://10.1.2.3:7077"
    assert "'ip': '10.1.2.3'" in elsewhere["notebook-seat-1"].files[0].content


def test_each_seat_has_a_fair_pool(make_cluster, render):
    connect = render(make_cluster(seats=2))["connect"]
    told, pools = properties(connect), connect.files[1]
    assert told["spark.scheduler.mode"] == "FAIR"
    assert told["spark.scheduler.allocation.file"].endswith("/pools.pipe")
    assert pools.path == connect.argv[7]
    assert re.findall(r'pool name="([^"]+)"', pools.content) == ["default", "seat-1", "seat-2", "warm-up"]


def test_shuffle_partitions_follow_the_cores(make_cluster, render):
    assert properties(render(make_cluster(workers=2))["connect"])["spark.sql.shuffle.partitions"] == "8"


def test_a_notebook_listens_where_and_under_what_path_the_site_says(make_cluster, render):
    config = render(make_cluster(seats=1), urls={"seat-1": "/n/b-1/"})["notebook-seat-1"].files[0].content
    settings = ast.literal_eval(next(line for line in config.splitlines() if line.startswith("settings"))[11:])
    assert (
        settings["ServerApp"] | {"base_url": "/n/b-1/", "port": 8888, "root_dir": "/homes/seat-1"}
        == settings["ServerApp"]
    )
    assert settings["LabApp"]["news_url"] is None


def test_data_sets_are_named_to_notebooks_and_executors(make_cluster, render):
    services = render(make_cluster(), data="/data")
    assert {services[name].env["ALMANAC_DATA"] for name in ("notebook-seat-1", "worker-1", "connect")} == {"/data"}
    assert "ALMANAC_DATA" not in render(make_cluster())["worker-1"].env


def test_odd_characters_in_secrets_survive_the_files(make_cluster, render):
    cluster = make_cluster()
    odd = replace(cluster, secrets=replace(cluster.secrets, spark_secret='a"b\\c'))
    services = render(odd)
    assert '"-Dspark.authenticate.secret=a\\"b\\\\c"' in services["connect"].files[0].content.splitlines()
    assert 'spark.authenticate.secret a\\"b\\\\c' in services["master"].files[0].content.splitlines()


@pytest.mark.parametrize(
    ("flavors", "needs"),
    [
        ({"worker": Flavor("tiny", Resources(cores=1, memory_mib=512))}, "a Spark worker needs 1 core and 896 MiB"),
        ({"worker": Flavor("tiny", Resources(memory_mib=4096))}, "a Spark worker needs 1 core"),
        ({"head": Flavor("tiny", Resources(cores=1, memory_mib=1024))}, "a head with 2 seat(s) needs 1408 MiB"),
    ],
)
def test_a_flavor_that_is_too_small_says_what_would_do(make_cluster, render, flavors, needs):
    with pytest.raises(Permanent, match=re.escape(needs)):
        render(make_cluster(**flavors))
