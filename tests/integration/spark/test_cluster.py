"""A cluster from ``services_for``: it computes, and it keeps strangers out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import subprocess
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from almanac.spark import jvm
from almanac.spark.trial import LOOPBACK, Trial, free_ports, trial_spec


def processes(trial):
    """Every process of the cluster: services, executors, kernels."""
    for name, service in trial.processes.items():
        if service.poll() is not None:
            continue
        process = psutil.Process(service.pid)
        yield name, process
        for child in process.children(recursive=True):
            yield f"{name}'s {child.name()}", child


def token_for(key, expires_in=600):
    """A JWT (HS256) as the monitoring would show it."""

    def text(raw):
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    claims = {"sub": "almanac", "exp": int(time.time()) + expires_in}
    signed = text(b'{"alg":"HS256","typ":"JWT"}') + "." + text(json.dumps(claims).encode())
    return signed + "." + text(hmac.new(base64.urlsafe_b64decode(key), signed.encode(), hashlib.sha256).digest())


def get(trial, port, path, key=None):
    headers = {"Authorization": f"Bearer {token_for(key)}"} if key else {}
    return httpx2.get(
        f"http://{LOOPBACK}:{trial.ports[port]}{path}", headers=headers, timeout=10, follow_redirects=True
    )


def test_a_client_with_the_token_computes(shared, connect):
    spark = connect(shared.url)
    assert spark.range(1000).selectExpr("sum(id) AS s").collect()[0].s == 499_500


def test_both_workers_compute(shared, connect):
    """Each has one executor with a slot per seat and one for other clients, and both are used."""
    spark = connect(shared.url)
    spark.range(0, 40, 1, 40).selectExpr("id", "reflect('java.lang.Thread', 'sleep', 50L)").collect()
    key = shared.spec.secrets.ui_key
    (application,) = get(shared, "connect-ui", "/api/v1/applications", key).json()
    executors = get(shared, "connect-ui", f"/api/v1/applications/{application['id']}/executors", key).json()
    workers = [e for e in executors if e["id"] != "driver"]
    assert [e["totalCores"] for e in workers] == [3, 3]
    assert all(e["completedTasks"] for e in workers)


@pytest.mark.parametrize("token", ["", ";token=wrong"])
def test_a_client_without_the_token_is_refused(shared, token, monkeypatch, connect):
    monkeypatch.delenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", raising=False)
    with pytest.raises(Exception, match=r"(?i)unauthenticated|authentication"):
        connect(shared.remote + token).range(1).collect()


def test_python_functions_run_on_the_executors(shared, connect):
    from pyspark.sql import functions as f

    spark = connect(shared.url)
    doubled = f.udf(lambda value: value * 2, "long")
    assert spark.range(3).select(doubled("id")).toPandas().iloc[:, 0].tolist() == [0, 2, 4]


def test_parquet_is_read_by_the_executors(shared, connect):
    stars = connect(shared.url).read.parquet(f"file://{shared.layout.data}/gaia_dr3_sample.parquet")
    assert stars.count() == 1000


def test_the_masters_rest_server_is_closed(shared):
    """It would take jobs from anybody, even with ``spark.authenticate``."""
    master = psutil.Process(shared.processes["master"].pid)
    listening = {c.laddr.port for c in master.net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert listening == {shared.ports["master"], shared.ports["master-ui"]}


@pytest.mark.parametrize(
    ("port", "path"),
    [
        ("master-ui", "/"),
        ("master-ui", "/metrics/master/prometheus"),
        ("master-ui", "/metrics/applications/prometheus"),
        ("worker-1-ui", "/metrics/prometheus"),
        ("connect-ui", "/metrics/prometheus"),
        ("connect-ui", "/metrics/executors/prometheus"),
        ("connect-ui", "/api/v1/applications"),
    ],
)
def test_pages_and_metrics_are_for_holders_of_the_key(shared, port, path):
    assert get(shared, port, path).status_code == 403
    stranger = base64.urlsafe_b64encode(bytes(32)).decode()
    assert get(shared, port, path, stranger).status_code == 403
    shown = get(shared, port, path, shared.spec.secrets.ui_key)
    assert shown.status_code == 200
    if path.endswith("prometheus"):
        assert "\nmetrics_" in shown.text


def test_metrics_have_names_that_dont_change_with_the_application(shared):
    driver = get(shared, "connect-ui", "/metrics/prometheus", shared.spec.secrets.ui_key).text
    assert "metrics_spark_driver_" in driver


@pytest.mark.parametrize("secret", [None, "another cluster's"])
def test_a_worker_without_the_secret_cannot_join(shared, tmp_path, secret):
    ports = free_ports(["worker", "ui"])
    properties = {} if secret is None else {"spark.authenticate": "true", "spark.authenticate.secret": secret}
    (tmp_path / "spark.conf").write_text(jvm.properties_file({**properties, "spark.network.crypto.enabled": "true"}))
    master = f"spark://{LOOPBACK}:{shared.ports['master']}"
    where = ("--host", LOOPBACK, "--port", str(ports["worker"]), "--webui-port", str(ports["ui"]))
    what = ("--properties-file", str(tmp_path / "spark.conf"), "--work-dir", str(tmp_path), "--cores", "1")
    main = "org.apache.spark.deploy.worker.Worker"
    argv = jvm.java_argv(shared.layout.runtime, 96, jvm.DAEMON_FLAGS, main, (*where, *what, master))
    log = tmp_path / "log"
    with log.open("wb") as out:
        env = {**shared.services["worker-1"].env, "SPARK_LOCAL_DIRS": str(tmp_path)}
        rogue = subprocess.Popen(argv, env=env, stdout=out, stderr=out, cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while "Failed to connect to master" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        rogue.kill()
        rogue.wait()
    state = get(shared, "master-ui", "/json/", shared.spec.secrets.ui_key).json()
    assert [worker["port"] for worker in state["workers"] if worker["port"] == ports["worker"]] == []
    assert state["aliveworkers"] == 2


def test_the_warm_up_runs_its_queries_and_ends(shared):
    assert shared.processes["warm-up"].poll() == 0, "nobody has this cluster yet, so it was awaited"
    assert shared.log("warm-up") == ""


def test_no_secret_is_in_any_process_list(shared):
    secrets = shared.spec.secrets
    hidden = [secrets.connect_token, secrets.spark_secret, secrets.ui_key, *(seat.token for seat in shared.spec.seats)]
    for name, process in processes(shared):
        line = " ".join(process.cmdline())
        assert not [secret for secret in hidden if secret in line], name


def test_no_secret_is_in_any_log_or_event(shared):
    secrets = shared.spec.secrets
    hidden = [secrets.connect_token, secrets.spark_secret, secrets.ui_key, *(seat.token for seat in shared.spec.seats)]
    logs = [
        *shared.root.glob("*.log"),
        *shared.root.glob("run/*/work/*/*/std*"),
        *shared.root.glob("run/connect/events/*/*"),
    ]
    assert len(logs) > 8
    for log in logs:
        written = log.read_bytes() if log.suffix != ".zstd" else unpacked(log)
        assert not [secret for secret in hidden if secret.encode() in written], log


def unpacked(path):
    import pyarrow as pa

    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as events:
        read = bytearray()
        try:
            while block := events.read(1 << 20):
                read += block
        except (OSError, pa.ArrowInvalid):
            pass  # still being written: the last frame has no end yet
    assert b"SparkListenerApplicationStart" in read
    return bytes(read)


def test_every_jvm_runs_from_the_archive(shared):
    """Not only asked for by a flag: mapped, executors' too."""
    archive = shared.layout.runtime.archive
    mapped = {
        name: archive in Path(f"/proc/{p.pid}/maps").read_text() for name, p in processes(shared) if p.name() == "java"
    }
    assert set(mapped) == {"master", "connect", "worker-1", "worker-2", "worker-1's java", "worker-2's java"}
    assert all(mapped.values()), mapped


def test_everything_listens_on_loopback_only(shared):
    for name, process in processes(shared):
        for connection in process.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN:
                assert connection.laddr.ip.removeprefix("::ffff:") == LOOPBACK, name


def test_a_taken_port_is_an_error_and_not_another_port(runtime, tmp_path):
    with Trial(trial_spec(), runtime, tmp_path) as trial, socket.create_server((LOOPBACK, trial.ports["master"])):
        trial.start("master")  # somebody listens, so it looks ready
        assert trial.processes.pop("master").wait(60) != 0
        assert "Address already in use" in trial.log("master")


def test_what_a_cluster_writes_is_for_its_owner_only(shared):
    for directory in ("master", "connect", "connect/events", "worker-1", "seat-1", "seat-1/runtime"):
        assert Path(shared.layout.run, directory).stat().st_mode & 0o077 == 0
