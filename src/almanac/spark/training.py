"""Queries that people run, so that the class-data archive holds the classes that such queries need.

Run as ``python -m almanac.spark.training DIRECTORY`` with SPARK_REMOTE and the token in the environment.
"""

from __future__ import annotations

import sys


def run_queries(directory: str) -> None:
    """Scans, group-bys, joins, windows, SQL, Arrow both ways, and a Python function; Parquet goes to the directory."""
    import pandas as pd
    from pyspark.sql import SparkSession, Window
    from pyspark.sql import functions as f

    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.scheduler.pool", "seat-1")
    stars = spark.range(0, 200_000, 1, 4).select(
        f.col("id").alias("source_id"),
        (f.col("id") % 97).alias("pixel"),
        f.rand(1).alias("pmra"),
        f.when(f.col("id") % 7 != 0, f.randn(2)).alias("bp_rp"),
    )
    stars.write.mode("overwrite").parquet(f"{directory}/stars")
    stars = spark.read.parquet(f"{directory}/stars")
    sky = stars.where("bp_rp > 0").groupBy("pixel").agg(f.count("*").alias("n"), f.avg("pmra"), f.stddev("bp_rp"))
    sky.orderBy(f.desc("n")).toPandas()
    names = spark.createDataFrame(pd.DataFrame({"pixel": range(97), "name": [f"p{i}" for i in range(97)]}))
    stars.join(names, "pixel").groupBy("name").count().limit(5).collect()
    stars.hint("merge").join(stars.select("source_id", f.col("pmra").alias("other")), "source_id").count()
    ranked = stars.withColumn("rank", f.row_number().over(Window.partitionBy("pixel").orderBy("pmra")))
    ranked.where("rank < 3").cache().count()
    stars.createOrReplaceTempView("stars")
    spark.sql("SELECT pixel, percentile_approx(pmra, .5), max(bp_rp) FROM stars GROUP BY pixel ORDER BY 1").show(3)
    stars.describe().collect()
    stars.sample(0.1).repartition(2, "pixel").write.mode("overwrite").csv(f"{directory}/csv", header=True)
    table = spark.read.csv(f"{directory}/csv", header=True, inferSchema=True)
    table.selectExpr("approx_count_distinct(pixel)").collect()
    doubled = f.udf(lambda value: value * 2, "double", useArrow=True)
    stars.limit(1000).select(doubled("pmra")).toPandas()
    spark.stop()


if __name__ == "__main__":
    run_queries(sys.argv[1])
