"""One seat's work can't keep another's waiting."""

from __future__ import annotations

import threading

import pytest


def tasks(spark, count, milliseconds):
    """A job of so many tasks; each sleeps, which takes a slot but no core."""
    sleeping = f"reflect('java.lang.Thread', 'sleep', {milliseconds}L)"
    return spark.range(0, count, 1, count).selectExpr(sleeping).collect()


@pytest.fixture
def hog(shared, connect):
    """Fills a pool with three jobs of a minute and more on all slots; they are interrupted at the end."""
    hogs = []

    def fill(pool):
        spark = connect(shared.url)
        spark.conf.set("spark.scheduler.pool", pool)

        def work():
            with pytest.raises(Exception, match="cancel"):
                tasks(spark, 4000, 100)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        hogs.append((spark, threads))

    yield fill
    for spark, threads in hogs:
        while any(thread.is_alive() for thread in threads):
            spark.interruptAll()
            threads[0].join(0.5)


def test_the_last_seat_by_name_computes_beside_greedy_ones(shared, connect, hog):
    """Without a pool and a slot of its own it would wait until the others are done: ties go by name."""
    spark = connect(shared.url)
    spark.conf.set("spark.scheduler.pool", "seat-2")
    hog("seat-1")
    hog("default")
    assert len(tasks(spark, 20, 50)) == 20
