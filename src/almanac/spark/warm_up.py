"""One query on a cluster that has just started: it is ready when this has been answered.

The first query of a Spark costs seconds (executors join, classes load, plans and tasks are compiled); nobody should wait
for that in front of a screen. Run as ``python -m almanac.spark.warm_up``, with SPARK_REMOTE and the token in the
environment; it may be started beside the Connect server, so that Python's imports take no time of their own.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from urllib.parse import SplitResult, urlsplit

PATIENCE_S = 120
"""After which a cluster that doesn't answer isn't this program's business any more."""


def main() -> None:
    """Wait for the Connect server and run one query through it."""
    signal.alarm(PATIENCE_S)
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    from pyspark.sql.connect.session import SparkSession

    _wait_for(urlsplit(os.environ["SPARK_REMOTE"]))
    spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
    spark.range(0, 1000, 1, 4).selectExpr("sum(id)").collect()
    spark.stop()


def _wait_for(remote: SplitResult) -> None:
    while True:
        try:
            socket.create_connection((remote.hostname or "localhost", remote.port or 15002), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


if __name__ == "__main__":
    main()
