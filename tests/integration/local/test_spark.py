"""Real Spark on the local site: queries through the door, a notebook, killed services, and files that stay."""

from __future__ import annotations

import os
import secrets
import signal
import urllib.error
import urllib.request
import warnings
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.lab import Lab, command

from almanac.client.jupyter import Jupyter
from almanac.core.ports import ClusterSecrets, ClusterSpec, ClusterState, PlacedNode
from almanac.core.resources import Flavor, Resources
from almanac.sites.local.data import Mount
from almanac.sites.local.site import LocalSite

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
HEAD, WORKER = Flavor("head", Resources(1, 2048, 1)), Flavor("worker", Resources(1, 1280, 1))


class SparkLab(Lab):
    """A lab with Spark in it: two workers and a seat."""

    def __init__(self, state: Path, runtime) -> None:
        self._runtime = runtime
        self._secrets = ClusterSecrets(
            secrets.token_urlsafe(24), secrets.token_urlsafe(32), urlsafe_b64encode(secrets.token_bytes(32)).decode()
        )
        super().__init__(state, mounts={"stars": Mount(state.parent / "stars")})

    def reopen(self) -> LocalSite:
        self.site = LocalSite("here", self.state, (HEAD, WORKER), lambda: self._runtime, self.settings)
        return self.site

    def spec(self, cluster="c-1", files=None, logs=None, workers=2, seats=1) -> ClusterSpec:
        spec = super().spec(cluster, files, logs)
        nodes = (PlacedNode("head", "head", HEAD, "here"),
                 *(PlacedNode(f"worker-{n}", "worker", WORKER, "here") for n in range(1, workers + 1)))  # fmt: skip
        return replace(spec, nodes=nodes, secrets=self._secrets, data=("stars",))

    def url(self, token: str | None = None) -> str:
        port = self.seen().endpoints["connect"].rpartition(":")[2]
        return f"sc://localhost:{port}/;token={token or self._secrets.connect_token};user_id=ada"


def _write_stars(directory: Path) -> None:
    """Two files, so that both workers have one to read."""
    directory.mkdir(mode=0o755)
    for part in range(2):
        table = pa.table({"source_id": list(range(part * 500, part * 500 + 500))})
        pq.write_table(table, directory / f"part-{part}.parquet")


@pytest.fixture(scope="module")
def lab(tmp_path_factory, runtime):
    top = tmp_path_factory.mktemp("spark")
    _write_stars(top / "stars")
    lab = SparkLab(top / "state", runtime)
    try:
        lab.start(lab.spec())
        lab.ready()
        yield lab
    finally:
        lab.close()
        assert lab.left() == []


@pytest.fixture(autouse=True)
def connect_mode(monkeypatch):
    """This process speaks Spark Connect only."""
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")


@contextmanager
def session(url: str) -> Iterator:
    from pyspark.sql.connect.session import SparkSession

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = SparkSession.builder.remote(url).create()
    try:
        yield made
    finally:
        made.stop()


def total(lab) -> int:
    with session(lab.url()) as spark:
        return spark.range(1000, numPartitions=2).selectExpr("sum(id) AS total").first().total


def kill(lab, saying: str) -> None:
    (victim,) = [pid for pid in lab.processes(saying=saying) if b"setpriv" not in command(pid)]
    os.kill(victim, signal.SIGKILL)
    lab.until(lambda: lab.seen().state is not ClusterState.READY)


def test_a_query_through_the_door(lab):
    assert total(lab) == 499500


def test_workers_read_shared_data_at_the_same_path(lab):
    where = lab.site.capacity().mounts["stars"]
    with session(lab.url()) as spark:
        stars = spark.read.parquet(f"file://{where}")
        assert stars.selectExpr("count(*) AS n", "sum(source_id) AS total").first() == (1000, 499500)
    environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in lab.processes(saying="ExecutorBackend")]
    assert len([one for one in environments if f"ALMANAC_DATA_STARS={where}".encode() in one]) == 2


def test_a_wrong_token_is_refused(lab):
    from pyspark.errors import PySparkException

    with (
        pytest.raises(PySparkException, match=r"(?i)unauthenticated|invalid.*token"),
        session(lab.url("wrong")) as spark,
    ):
        spark.range(1).count()


@pytest.mark.parametrize("page", ["ui:master", "ui:worker-1", "ui:worker-2", "ui:connect"])
def test_web_pages_want_a_key(lab, page):
    lab.ready()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(lab.seen().endpoints[page] + "/", timeout=30)  # noqa: S310


@pytest.mark.parametrize("service", ["deploy.worker.Worker --host 127.0.0.1 --port 7100", "SparkConnectServer"])
def test_a_killed_service_comes_back_and_spark_works_again(lab, service):
    lab.ready()
    command_line = service if lab.site.capacity().isolation.count("network of its own") else service.split(" --port")[0]
    kill(lab, command_line)
    assert lab.seen().reason
    lab.ready()
    assert total(lab) == 499500


def test_a_warm_cluster_given_to_ada_keeps_her_files(lab):
    kept = lab.site.storage / "gaia/people/ada"
    kept.mkdir(parents=True)
    (kept / "mine.txt").write_text("from the last booking")
    lab.ready()
    lab.start(lab.given(lab.spec(), "gaia/people/ada", "gaia/logs/b-1"))
    assert lab.seen().state is ClusterState.READY
    notebook = Jupyter(f"{lab.seen().endpoints['notebook:seat-1']}/n/c-1/seat-1/lab?token=token-1")
    try:
        with notebook.kernel() as kernel:
            cell = "print(open('mine.txt').read(), spark.range(7).count(), file=open('new.txt', 'w'), flush=True)"
            assert kernel.execute(cell).error == ""
    finally:
        notebook.close()
    assert (lab.home() / "new.txt").read_text() == "from the last booking 7\n"
    lab.stop()
    assert (kept / "new.txt").read_text() == "from the last booking 7\n"
    logs = lab.site.storage / "gaia/logs/b-1"
    assert {"master.log", "connect.log", "worker-1.log", "events"} <= {file.name for file in logs.iterdir()}
    assert lab.left() == []
