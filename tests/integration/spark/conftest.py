"""Real clusters on loopback."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import almanac
from almanac.client.jupyter import Jupyter
from almanac.spark.trial import Trial, trial_spec

DATA = Path(almanac.__file__).parent / "data"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session", autouse=True)
def connect_mode() -> Iterator[None]:
    """This process speaks Spark Connect only; pyspark itself warns about its own protobuf and resources."""
    before = os.environ.get("SPARK_CONNECT_MODE_ENABLED")
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    yield
    if before is None:
        os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)  # another session's fixture may have done so
    else:
        os.environ["SPARK_CONNECT_MODE_ENABLED"] = before


@pytest.fixture(scope="session")
def shared(runtime, tmp_path_factory) -> Iterator[Trial]:
    """A cluster with two workers and two seats, for tests that leave it as it was."""
    with Trial(trial_spec(workers=2, seats=2), runtime, tmp_path_factory.mktemp("shared"), data=str(DATA)) as trial:
        trial.start()
        yield trial


@pytest.fixture
def own(runtime, tmp_path) -> Iterator[Trial]:
    """A cluster with one worker and one seat, for a test that breaks it; Spark runs, the notebook doesn't yet."""
    with Trial(trial_spec(), runtime, tmp_path, data=str(DATA)) as trial:
        trial.start("master", "connect", "worker-1")
        yield trial


@pytest.fixture
def connect():
    """Opens Spark sessions and closes them."""
    from pyspark.sql.connect.session import SparkSession

    sessions = []

    def connect(url):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sessions.append(SparkSession.builder.remote(url).create())
        return sessions[-1]

    yield connect
    for session in sessions:
        session.stop()


@contextmanager
def jupyter(trial: Trial, seat: int = 1) -> Iterator[Jupyter]:
    """The seat's JupyterLab through its own API."""
    port = trial.ports[f"notebook-seat-{seat}"]
    opened = Jupyter(f"http://127.0.0.1:{port}/lab?token={trial.spec.seats[seat - 1].token}")
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def notebook(shared) -> Iterator[Jupyter]:
    with jupyter(shared) as opened:
        yield opened
