"""What a machine is told to do, written and read."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from almanac.node.orders import BadOrders, Orders, Seat
from almanac.spark.service import File as SparkFile
from almanac.spark.service import Service as SparkService

NOTEBOOK = SparkService(
    name="notebook-seat-1",
    argv=("python", "-m", "jupyterlab"),
    env={"JUPYTER_TOKEN": "secret"},
    files=(SparkFile("/run/config.py", "c = 1", 0o640),),
    dirs=("/run",),
    ports={"notebook": 8888},
    ready="notebook",
    after=("master",),
    cwd="/home",
    memory_mib=512,
    once=True,
    awaited=False,
)
PLAIN = {
    "services": [asdict(NOTEBOOK)],
    "seats": {"seat-1": {"home": "/home", "files": "gaia/people/ada"}, "seat-2": {"home": "/h2", "files": None}},
    "logs": None,
    "idle_cpu_cores": 0.2,
    "stop": False,
}


def test_a_service_of_spark_comes_through_whole() -> None:
    orders = Orders.of(PLAIN)
    assert asdict(orders.services[0]) == asdict(NOTEBOOK)
    assert orders.seats == {"seat-1": Seat("/home", "gaia/people/ada"), "seat-2": Seat("/h2")}


def test_what_was_written_is_read_again() -> None:
    orders = Orders.of(PLAIN)
    assert Orders.loads(orders.dumps()) == orders
    assert Orders.of(orders.plain()) == orders


def test_what_a_newer_almanac_adds_is_ignored() -> None:
    newer = {**PLAIN, "mood": "good", "services": [{**asdict(NOTEBOOK), "color": "blue"}]}
    assert Orders.of(newer) == Orders.of(PLAIN)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"services": 1, "seats": {}, "logs": null, "idle_cpu_cores": 1, "stop": false}',
     '{"services": [{}], "seats": {}, "logs": null, "idle_cpu_cores": 1, "stop": false}',
     '{"services": [], "seats": {"seat-1": {}}, "logs": null, "idle_cpu_cores": 1, "stop": false}'],
)  # fmt: skip
def test_what_is_no_orders_is_told_so(text: str) -> None:
    with pytest.raises(BadOrders, match="can't be read"):
        Orders.loads(text)


def test_secrets_are_not_printed() -> None:
    orders = Orders.of({**PLAIN, "services": [{**asdict(NOTEBOOK), "files": [{"path": "/x", "content": "hush"}]}]})
    assert "secret" not in repr(orders)
    assert "hush" not in repr(orders)
