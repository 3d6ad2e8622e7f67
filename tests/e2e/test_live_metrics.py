"""The live metrics of a real cluster: there soon after it is ready, and the exported example shows all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import promql_parser
import pytest
import yaml
from tests.support.terminal import serving

from almanac.client import Client, Platform, book
from almanac.client.credentials import load
from almanac.client.errors import ClientError
from almanac.monitoring.daemon import Daemon
from almanac.monitoring.panels import PANELS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
PATIENCE_S = 180.0
PARTS = ("node", "ui:master", "ui:connect", "ui:worker-1", "ui:worker-2", "notebook:seat-1")
"""Of a small cluster, that tell numbers."""
STEP_S = 1
"""How exactly the moment of a first number is known."""
ABSENT = {"GPUs": "The test's machine may have none; what they tell is tested with the machine's own numbers."}
"""Panels without data here, and why."""
COMPARED = ("==", "!=", ">", "<", ">=", "<=", "and", "unless")


@dataclass
class Watched:
    """A cluster that computes, and the two that collect its numbers.

    Attributes:
        example: where `almanac monitoring export` wrote.
        theirs: the address of a Prometheus that runs on it, as somebody's own would.
    """

    client: Client
    platform: Platform
    token: str
    example: Path
    theirs: str

    def ask_almanac(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """What Almanac's own Prometheus answers about the booking."""
        url = f"{self.client.url}/api/v1/bookings/{self.platform.id}/metrics/{path}"
        return _told(url, parameters, {"Authorization": f"Bearer {self.token}"})

    def ask_theirs(self, expression: str) -> list[dict[str, Any]]:
        """What the Prometheus on the exported example answers."""
        return _told(f"{self.theirs}/api/v1/query", {"query": expression}, {})

    def compute(self) -> None:
        """A small job with a shuffle."""
        self.platform.spark.range(0, 500_000, 1, 8).selectExpr("id % 1000 AS key").groupBy("key").count().collect()

    def silent(self, asked: Callable[[str], Sequence[object]], expressions: Sequence[str]) -> list[str]:
        """Those of the expressions that have no data after a while, in which the cluster goes on computing."""
        end = time.monotonic() + PATIENCE_S
        while (left := [one for one in expressions if not asked(one)]) and time.monotonic() < end:
            self.compute()
        return left


def _told(url: str, parameters: dict[str, Any], headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = httpx2.get(url, params=parameters, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    told: list[dict[str, Any]] = answer.json()["data"]["result"]
    return told


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    home = tmp_path_factory.mktemp("watched")
    with serving(home, {"ALMANAC_LOCAL__MEMORY_RESERVE_MIB": "512"}) as terminal:
        example = home / "example"
        terminal.ask("monitoring", "export", example)
        (example / "token").write_text(terminal.ask("tokens", "create", "prometheus", "--role", "operator")["token"])
        credentials = load(terminal.credentials)
        token = credentials.servers[credentials.default].token
        with (
            Client(credentials.default, token) as client,
            running(example) as theirs,
            book("spark-small", hours=0.5, client=client) as platform,
        ):
            yield Watched(client, platform, token, example, theirs)


@contextmanager
def running(example: Path) -> Iterator[str]:
    """A Prometheus on the exported configuration; its address."""

    def arguments(port: int) -> tuple[str, ...]:
        data = f"--storage.tsdb.path={example / 'data'}"
        return (f"--config.file={example / 'prometheus.yml'}", f"--web.listen-address=127.0.0.1:{port}", data)

    daemon = Daemon("prometheus", "prometheus", arguments, lambda: None, example / "log")
    daemon.start()
    end = time.monotonic() + PATIENCE_S
    while daemon.trouble:
        assert time.monotonic() < end, daemon.trouble
        time.sleep(0.05)
    yield daemon.url
    daemon.stop()


def test_all_panels_of_a_ready_cluster_have_numbers_and_all_its_parts_answer(watched):
    """How soon is told from the samples' own moments and not asserted: it depends on the machine."""
    lines = [line.expression for panel in PANELS for line in panel.lines if panel.title not in ABSENT]
    assert watched.silent(lambda one: watched.ask_almanac("query", query=one), lines) == []
    silent = watched.silent(lambda part: watched.ask_almanac("query", query=f'up{{endpoint="{part}"}} == 1'), PARTS)
    assert silent == []
    ready = watched.platform.refresh().booking.ready_at.timestamp()
    last = max(first_number(watched, one, ready) for one in lines)
    print(f"All panels had numbers {last - ready:.0f} s after the cluster was ready.")


def first_number(watched: Watched, expression: str, since: float) -> float:
    """When an expression had a value first."""
    told = watched.ask_almanac("query_range", query=expression, start=since, end=time.time(), step=STEP_S)
    return min(float(series["values"][0][0]) for series in told)


def test_a_diagnosis_knows_what_the_machines_went_through(watched):
    end = time.monotonic() + PATIENCE_S
    while "The machines while its tasks ran: processors" not in " ".join(diagnosed(watched)):
        assert time.monotonic() < end, diagnosed(watched)
        watched.compute()


def diagnosed(watched: Watched) -> Sequence[str]:
    """The notes of the cluster's diagnosis, as far as its log goes."""
    try:
        return watched.client.seeing.diagnosis(watched.platform.id).diagnosis.notes
    except ClientError as error:
        if error.code not in {"no_diagnosis", "still_reading"}:
            raise
        return ()


def test_every_expression_of_the_exported_example_has_data(watched):
    panels = json.loads((watched.example / "grafana/dashboards/booking.json").read_text())["panels"]
    assert {panel.title for panel in PANELS if not panel.everywhere} == set(ABSENT)
    there = [target["expr"] for panel in panels if panel["title"] not in ABSENT for target in panel["targets"]]
    shown = [expression.replace("$booking", watched.platform.id) for expression in there]
    rules = [
        rule
        for group in yaml.safe_load((watched.example / "rules.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    recorded = [rule["record"] for rule in rules if "record" in rule]
    alerted = [part for rule in rules if "alert" in rule for part in compared(promql_parser.parse(rule["expr"]))]
    assert min(map(len, (shown, recorded, alerted))) > 0
    assert watched.silent(watched.ask_theirs, [*shown, *recorded, *alerted]) == []


def compared(expression: Any) -> list[str]:
    """What an alert compares: it has no data itself while nothing is wrong."""
    if isinstance(expression, promql_parser.ParenExpr):
        return compared(expression.expr)
    if isinstance(expression, promql_parser.BinaryExpr) and str(expression.op) in COMPARED:
        return compared(expression.lhs) + compared(expression.rhs)
    return [] if isinstance(expression, promql_parser.NumberLiteral) else [str(expression)]
