"""A few queries on a cluster that has just started, so that a person's first ones are quick.

Classes load, plans and tasks are compiled: the first query of a Spark costs seconds. A cluster made for the warm pool has
the time, and counts as ready after this. For one that somebody may wait for, this begins a while after Spark Connect
listens, in a pool of little weight. Run as ``python -m almanac.spark.warm_up SECONDS`` (of pause), with SPARK_REMOTE and
the token in the environment.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

PAUSE_S = 8
"""Until whoever has waited for a cluster has asked the first query."""
PATIENCE_S = 180
"""After which a cluster that doesn't answer isn't this program's business any more."""
POOL = "warm-up"
SAMPLE = Path(__file__).parents[1] / "data" / "gaia_dr3_sample.parquet"


def main() -> None:
    """Wait for the Connect server, then for the pause to be over, and run the queries."""
    signal.alarm(PATIENCE_S)
    _wait_for(urlsplit(os.environ["SPARK_REMOTE"]))
    time.sleep(float(sys.argv[1]))
    run_queries()


def run_queries() -> None:
    """A sum, a group-by with Arrow back, and the sky of a Parquet file by pixel, each in its own session as people's are."""
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    from pyspark.sql import functions as f
    from pyspark.sql.connect.session import SparkSession

    for _ in range(2):
        spark = SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()
        spark.conf.set("spark.scheduler.pool", POOL)
        numbers = spark.range(0, 10_000, 1, 4)
        numbers.selectExpr("sum(id)").collect()
        numbers.groupBy((f.col("id") % 7).alias("key")).agg(f.count("*"), f.avg("id")).orderBy("key").toPandas()
        stars = spark.read.parquet(SAMPLE.as_uri())
        stars.groupBy(f.shiftright("source_id", 47)).agg(f.count("*"), f.avg("pmra")).toPandas()
        spark.stop()


def _wait_for(remote: SplitResult) -> None:
    while True:
        try:
            socket.create_connection((remote.hostname or "localhost", remote.port or 15002), 1).close()
        except OSError:
            time.sleep(0.25)
        else:
            return


if __name__ == "__main__":
    main()
