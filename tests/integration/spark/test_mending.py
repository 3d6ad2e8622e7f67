"""A service that dies is started again by its supervisor; here is what that mends."""

from __future__ import annotations

import time

from tests.integration.spark.conftest import jupyter

SUM = "spark.range(1000).selectExpr('sum(id) AS s').collect()[0].s"


def test_a_notebook_goes_on_when_the_connect_server_comes_back(own):
    own.start("notebook-seat-1")
    with jupyter(own) as opened, opened.kernel() as kernel:
        assert kernel.execute(SUM, timeout_s=120).text == "499500"
        own.kill("connect")
        own.start("connect")
        lost = kernel.execute(SUM, timeout_s=120)
        assert lost.error
        assert "This Spark session is gone" in lost.text
        assert kernel.execute(SUM, timeout_s=120).text == "499500"


def test_queries_go_on_when_the_master_comes_back(own, connect):
    spark = connect(own.url)
    assert spark.range(10).count() == 10
    own.kill("master")
    assert spark.range(10).count() == 10, "executors need no master"
    own.start("master")
    registered_again = "Application has been re-registered"
    deadline = time.monotonic() + 60
    while registered_again not in own.log("master"):
        assert time.monotonic() < deadline, own.log("master")
        time.sleep(0.1)
    assert spark.range(10).count() == 10


def test_queries_go_on_when_a_worker_comes_back(own, connect):
    spark = connect(own.url)
    assert spark.range(10).count() == 10
    own.kill("worker-1")
    own.start("worker-1")
    assert spark.range(10).count() == 10
