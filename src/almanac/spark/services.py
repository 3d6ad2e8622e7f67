"""What runs on a node of a cluster: pure functions from a specification and a layout to services.

Nothing here looks at the machine, so what a local site supervises is what a cloud image boots.
"""

from __future__ import annotations

from almanac.core.ports import ClusterSpec, PlacedNode
from almanac.spark import gpus, jvm
from almanac.spark.gate import held_up
from almanac.spark.layout import DAEMON_HEAP_MIB, MASTER_MIB, Layout, data_environment, head_size, worker_size
from almanac.spark.notebook import notebook
from almanac.spark.properties import connect_properties, daemon_properties, fair_pools, logging_properties
from almanac.spark.service import File, Service
from almanac.spark.warm_up import PAUSE_S


def services_for(cluster: ClusterSpec, node: PlacedNode, layout: Layout) -> tuple[Service, ...]:
    """The services of one node, in the order in which they are best started.

    A head runs ``master``, ``connect``, ``warm-up`` (which ends) and one ``notebook-<seat>`` per seat (only the notebooks
    where there are no workers); a worker's node runs one service of the node's name.

    Args:
        cluster: what is wanted.
        node: one of ``cluster.nodes``.
        layout: that node's addresses, ports and paths; ``port_names`` says which ports.

    Raises:
        Permanent: a flavor is too small for its role; the message says what it needs.
    """
    if node.role == "worker":
        return (_worker(cluster, node, layout),)
    size = head_size(cluster)
    notebooks = tuple(notebook(cluster, seat, layout, size.seat_mib) for seat in cluster.seats)
    if not cluster.workers:
        return notebooks
    connect = _connect(cluster, layout, size.driver_heap_mib)
    return (_master(cluster, layout), connect, _warm_up(cluster, layout), *notebooks)


def _master(cluster: ClusterSpec, layout: Layout) -> Service:
    home = f"{layout.run}/master"
    ports = {"master": layout.ports["master"], "ui": layout.ports["master-ui"]}
    arguments = (
        *("--host", layout.address, "--port", str(ports["master"]), "--webui-port", str(ports["ui"])),
        *("--properties-file", f"{home}/spark.conf"),
    )
    properties = daemon_properties(cluster) | {"spark.deploy.recoveryDirectory": f"{home}/recovery"}
    return Service(
        name="master",
        argv=_daemon(layout, "org.apache.spark.deploy.master.Master", arguments),
        env=_environment(layout, home),
        files=(File(f"{home}/spark.conf", jvm.properties_file(properties)), _logging(layout)),
        dirs=(home, f"{home}/recovery"),
        ports=ports,
        ready="master",
        cwd=home,
        memory_mib=MASTER_MIB,
    )


def _worker(cluster: ClusterSpec, node: PlacedNode, layout: Layout) -> Service:
    home, size = f"{layout.run}/{node.name}", worker_size(cluster, node)
    ports = {"worker": layout.ports[node.name], "ui": layout.ports[f"{node.name}-ui"]}
    arguments = (
        *("--host", layout.address, "--port", str(ports["worker"]), "--webui-port", str(ports["ui"])),
        *("--cores", str(size.slots), "--memory", f"{size.heap_mib}m", "--work-dir", f"{home}/work"),
        *("--properties-file", f"{home}/spark.conf", _master_url(layout)),
    )
    gate, metrics = f"{home}/metrics.pipe", f"{home}/metrics.properties"
    found = f"{home}/gpus.sh"
    properties = daemon_properties(cluster) | gpus.worker_properties(node, found) | {"spark.metrics.conf": gate}
    argv = _daemon(layout, "org.apache.spark.deploy.worker.Worker", arguments)
    return Service(
        name=node.name,
        argv=held_up(layout.head, layout.ports["master"], gate, metrics, argv),
        env=_environment(layout, home),
        files=(
            File(f"{home}/spark.conf", jvm.properties_file(properties)),
            File(metrics, ""),
            _logging(layout),
            *gpus.worker_files(node, found),
        ),
        dirs=(home, f"{home}/work", layout.scratch),
        ports=ports,
        ready="ui",
        after=("master",),
        gated=True,
        cwd=home,
        memory_mib=node.flavor.resources.memory_mib,
    )


def _connect(cluster: ClusterSpec, layout: Layout, heap_mib: int) -> Service:
    home = f"{layout.run}/connect"
    cores = cluster.workers[0].flavor.resources.cores
    executor = (*jvm.archive_flags(layout.runtime.archive), *jvm.executor_flags(cores), _logging_flag(layout))
    gate, pools = f"{home}/pools.pipe", f"{home}/pools.xml"
    properties = connect_properties(cluster, layout, home) | {
        "spark.scheduler.allocation.file": f"file:{gate}",
        "spark.master": _master_url(layout),
        "spark.driver.memory": f"{heap_mib}m",
        "spark.executor.extraJavaOptions": " ".join(executor),
    }
    flags = (*jvm.DRIVER_FLAGS, _logging_flag(layout), f"@{home}/connect.args")
    main = "org.apache.spark.sql.connect.service.SparkConnectServer"
    argv = jvm.java_argv(layout.runtime, heap_mib, flags, main)
    return Service(
        name="connect",
        argv=held_up(layout.head, layout.ports["master"], gate, pools, argv),
        env=_environment(layout, home) | {"SPARK_CONNECT_AUTHENTICATE_TOKEN": cluster.secrets.connect_token},
        files=(
            File(f"{home}/connect.args", jvm.argument_file(properties)),
            File(pools, fair_pools(cluster)),
            _logging(layout),
        ),
        dirs=(home, f"{home}/events", f"{home}/warehouse", layout.scratch),
        ports={"connect": layout.ports["connect"], "ui": layout.ports["connect-ui"]},
        ready="connect",
        after=("master",),
        gated=True,
        cwd=home,
    )


def _warm_up(cluster: ClusterSpec, layout: Layout) -> Service:
    home = f"{layout.run}/warm-up"
    taken = any(seat.files is not None for seat in cluster.seats)
    return Service(
        name="warm-up",
        argv=(layout.runtime.python, "-m", "almanac.spark.warm_up", str(PAUSE_S if taken else 0)),
        env=_environment(layout, home)
        | {
            "PYTHONPATH": layout.runtime.package,
            "SPARK_REMOTE": f"sc://localhost:{layout.ports['connect']}/;user_id=almanac",
            "SPARK_CONNECT_AUTHENTICATE_TOKEN": cluster.secrets.connect_token,
        },
        dirs=(home,),
        cwd=home,
        once=True,
        awaited=not taken,
    )


def _daemon(layout: Layout, main: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    flags = (*jvm.DAEMON_FLAGS, _logging_flag(layout))
    return jvm.java_argv(layout.runtime, DAEMON_HEAP_MIB, flags, main, arguments)


def _environment(layout: Layout, home: str) -> dict[str, str]:
    runtime = layout.runtime
    environment = {
        "PATH": f"{runtime.python.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "LANG": "C.UTF-8",
        "JAVA_HOME": runtime.java_home,
        "SPARK_HOME": runtime.spark_home,
        "SPARK_CONF_DIR": runtime.conf_dir,
        "SPARK_SCALA_VERSION": "2.13",
        "SPARK_LOCAL_IP": layout.address,
        "SPARK_LOCAL_DIRS": layout.scratch,
        "PYSPARK_PYTHON": runtime.python,
    }
    return environment | data_environment(layout)


def _logging(layout: Layout) -> File:
    return File(f"{layout.run}/log4j2.properties", logging_properties())


def _logging_flag(layout: Layout) -> str:
    return f"-Dlog4j2.configurationFile={layout.run}/log4j2.properties"


def _master_url(layout: Layout) -> str:
    return f"spark://{layout.head}:{layout.ports['master']}"
