from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.core.ports import Permanent
from almanac.core.resources import Flavor, Resources
from almanac.spark.layout import DRIVER_OWN_MIB, EXECUTOR_OWN_MIB, MASTER_MIB, SEAT_MIB, head_size, worker_size


@pytest.fixture(scope="session")
def size_of(make_cluster):
    def size_of(memory_mib, cores=1, **more):
        cluster = make_cluster(worker=Flavor("w", Resources(cores=cores, memory_mib=memory_mib)), **more)
        return worker_size(cluster, cluster.workers[0])

    return size_of


@given(memory_mib=st.integers(min_value=896, max_value=1 << 20))
def test_a_worker_with_its_executor_fits_the_flavor(size_of, memory_mib):
    size = size_of(memory_mib)
    assert 480 <= size.heap_mib <= memory_mib - MASTER_MIB - EXECUTOR_OWN_MIB


def test_a_worker_leaves_a_sixth_to_python_and_the_executors_own(size_of):
    assert size_of(8192).heap_mib == (8192 - MASTER_MIB) * 5 // 6


@pytest.mark.parametrize(("cores", "seats", "slots"), [(4, 1, 4), (1, 1, 1), (2, 9, 10), (2, 40, 16)])
def test_every_seat_has_a_slot_on_every_worker_within_reason(size_of, cores, seats, slots):
    head = Flavor("h", Resources(cores=4, memory_mib=1 << 16))
    sizes = {size_of(8192, cores, seats=seats, head=head, workers=workers).slots for workers in (1, 5)}
    assert sizes == {slots}


def test_a_head_shares_what_spark_leaves_in_equal_parts(make_cluster):
    size = head_size(make_cluster(seats=4, head=Flavor("h", Resources(cores=2, memory_mib=8192))))
    assert size.driver_heap_mib == 2048
    assert size.seat_mib == (8192 - 2048 - DRIVER_OWN_MIB - MASTER_MIB) // 4


def test_many_seats_take_from_the_drivers_heap_before_they_are_refused(make_cluster):
    head = Flavor("h", Resources(cores=2, memory_mib=8192))
    size = head_size(make_cluster(seats=30, head=head))
    assert size.seat_mib >= SEAT_MIB
    assert 512 <= size.driver_heap_mib < 2048
    with pytest.raises(Permanent, match=r"a head with 60 seat\(s\) needs"):
        head_size(make_cluster(seats=60, head=head))


@given(seats=st.integers(1, 40), memory_mib=st.integers(256, 1 << 17), workers=st.integers(0, 1))
def test_a_head_never_promises_more_than_it_has(make_cluster, seats, memory_mib, workers):
    cluster = make_cluster(workers=workers, seats=seats, head=Flavor("h", Resources(cores=1, memory_mib=memory_mib)))
    try:
        size = head_size(cluster)
    except Permanent:
        return
    spark = size.driver_heap_mib + DRIVER_OWN_MIB + MASTER_MIB if workers else 0
    assert spark + seats * size.seat_mib <= memory_mib
    assert size.seat_mib >= SEAT_MIB


def test_a_plain_notebook_has_the_whole_head(make_cluster):
    assert head_size(make_cluster(workers=0, seats=1)).seat_mib == 4096
