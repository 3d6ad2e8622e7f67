"""Nobody sees another's series, whatever they ask; and Prometheus is nobody's to ask but Almanac's."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx2
import pytest
from tests.integration.api.world import MARK

HOSTILE = (
    '{__name__=~".+"}',
    "node_load1",
    'node_load1{booking=~".*"}',
    'node_load1{booking!=""}',
    'node_load1{booking!~"x"}',
    'node_load1{booking="%(theirs)s"}',
    'node_load1 or node_load1{booking="%(theirs)s"}',
    'node_load1 or on () {booking="%(theirs)s"}',
    'node_load1 unless {booking="%(ours)s"}',
    '{__name__="node_load1",booking=~"%(ours)s|%(theirs)s"}',
    '{booking="%(ours)s" or booking="%(theirs)s"}',
    r'node_load1{node="\"} or node_load1{node!=\""}',
    """node_load1{node='"} or node_load1{node!="'}""",
    r'node_load1{node="\\"} or node_load1{node!="\\"}',
    'node_load1{node=~".*"} # {booking="%(ours)s"}',
    "last_over_time(node_load1[1h])",
    "max_over_time(node_load1[1h:5s])",
    "max_over_time((node_load1 or {__name__=~'.+'})[1h:5s] offset -1s)",
    "node_load1 offset 1s",
    "node_load1 @ end()",
    "node_load1 @ start()",
    'label_replace(node_load1, "booking", "%(theirs)s", "", "")',
    'label_replace({__name__=~"node_.+"}, "x", "$1", "project", "(.+)")',
    'label_join(node_load1, "x", "-", "project", "booking")',
    'count_values("x", node_load1)',
    "group by (booking, project) ({__name__=~'.+'})",
    "topk(100, {__name__=~'.+'})",
    "sum by (project) (node_load1)",
    "absent(node_load1)",
    'absent({booking="%(theirs)s"})',
    "node_load1 * on () group_left (project) {__name__='up'}",
    "node_load1 and ignoring (booking, project, cluster, instance) node_load1",
    "ALERTS",
    "up",
    "scrape_samples_scraped",
    'prometheus_build_info or {job="almanac"}',
    "almanac_clusters",
    "almanac_loop_alive",
    '{job=~".+"}',
    '{exported_booking=~".+"}',
    "sort_desc(node_load1)",
    "vector(1) or node_load1",
)
COUNTED = (
    "count(node_load1)",
    'count({__name__="node_load1"})',
    "count(node_load1 or {__name__='node_load1'})",
    "sum(node_load1) / 7",
    "scalar(count(node_load1))",
    "count(count by (booking) ({__name__=~'.+'}))",
    "sum(count_over_time(node_load1[1h])) / sum(count_over_time(node_load1{booking='%(ours)s'}[1h]))",
)


def allowed(watched, answer) -> bool:
    """Refused or empty, or of our booking alone; where the question names the other booking, its name comes back."""
    if answer.status_code != 200:
        assert answer.status_code in {404, 422}, answer.text
        return True
    return MARK not in answer.text


@pytest.mark.parametrize("query", HOSTILE)
def test_a_hostile_query_finds_nothing_of_anybody_elses(watched, query):
    asked = query % {"ours": watched.ours, "theirs": watched.theirs}
    for path, times in (("/query", {}), ("/query_range", {"start": "0", "end": "60", "step": "15"})):
        answer = watched.ask("owner", path, query=asked, **times)
        assert allowed(watched, answer)
        for series in answer.json().get("data", {}).get("result", []):
            if isinstance(series, dict) and "cluster" in series["metric"]:
                assert series["metric"]["cluster"] == watched.ours.replace("b-", "c-", 1)
                assert series["metric"].get("project", "gaia") == "gaia"


@pytest.mark.parametrize("query", COUNTED)
def test_sums_and_counts_are_over_our_own_series_only(watched, query):
    answer = watched.ask("owner", "/query", query=query % {"ours": watched.ours}).json()["data"]
    value = answer["result"] if answer["resultType"] == "scalar" else answer["result"][0]["value"]
    assert float(value[1]) == 1


def test_an_honest_query_gets_its_numbers(watched):
    (series,) = watched.ask("owner", "/query", query="node_memory_MemTotal_bytes").json()["data"]["result"]
    assert series["value"][1] == "100"
    assert series["metric"]["device"] == 'a "quoted" one'
    assert {"site": "local", "project": "gaia", "booking": watched.ours}.items() <= series["metric"].items()


@pytest.mark.parametrize("path", ["/labels", "/label/booking/values", "/label/__name__/values", "/series"])
@pytest.mark.parametrize("match", ["", '{__name__=~".+"}', 'node_load1{booking=~".+"}', '{booking="%(theirs)s"}'])
def test_names_values_and_series_are_our_own(watched, path, match):
    more = {"match[]": match % {"theirs": watched.theirs}} if match else {}
    answer = watched.ask("owner", f"/api/v1{path}", **more)
    assert answer.status_code == 200
    assert MARK not in answer.text
    assert watched.theirs not in answer.text
    assert "almanac_clusters" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/federate", "/api/v1/admin/tsdb/snapshot", "/api/v1/targets", "/api/v1/status/config", "/api/v1/rules",
     "/api/v1/label/..%2Fx/values", "/api/v1/query_exemplars", "/api/v1/read", "/api/v1/metadata"],
)  # fmt: skip
def test_there_is_no_way_to_anything_else_of_prometheus(watched, path):
    assert watched.ask("owner", path, query="up").status_code in {404, 422}


@pytest.mark.parametrize("role", ["member", "lead", "operator"])
def test_the_project_and_the_operator_see_it_too(watched, role):
    assert len(watched.ask(role, "/query", query="node_load1").json()["data"]["result"]) == 1


@pytest.mark.parametrize(("role", "status"), [("outsider", 404), ("anonymous", 401)])
@pytest.mark.parametrize("path", ["", "/query", "/api/v1/query", "/api/v1/series", "/api/v1/labels"])
def test_others_dont(watched, role, status, path):
    assert watched.ask(role, path, **({"query": "up"} if "query" in path else {})).status_code == status


@pytest.mark.parametrize("path", ["/api/v1/query?query=up", "/federate?match[]={__name__=~'.%2B'}", "/-/ready"])
def test_prometheus_itself_asks_for_a_password(watched, path):
    assert httpx2.get(watched.prometheus.daemon.url + path, trust_env=False).status_code == 401


@pytest.mark.parametrize("path", ["targets", "metrics", "scrape/c-1/node"])
@pytest.mark.parametrize(("role", "status"), [("anonymous", 401), ("owner", 403), ("lead", 403)])
def test_targets_are_told_to_prometheus_and_the_operator_only(watched, path, role, status):
    assert watched.world.call(role, "GET", f"/monitoring/{path}").status_code == status


def test_the_operator_may_read_targets_for_a_prometheus_of_their_own(watched):
    answer = watched.world.call("operator", "GET", "/monitoring/targets")
    found = {target["labels"]["booking"] for target in answer.json()}
    assert found == {watched.ours, watched.theirs}
    secrets = watched.world.app.access.connection(watched.world.caller("owner"), watched.ours, watched.world.clock())
    for seat in secrets.seats:
        assert seat.notebook_url.partition("token=")[2] not in answer.text


def test_a_target_that_isnt_there_is_said(watched):
    missing = watched.world.call("operator", "GET", "/monitoring/scrape/c-none/node")
    assert missing.status_code == 404
    silent = watched.world.call(
        "operator", "GET", f"/monitoring/scrape/{watched.ours.replace('b-', 'c-', 1)}/ui:master"
    )
    assert silent.status_code in {404, 502}


def test_what_asks_for_too_much_is_refused_in_words(watched):
    answer = watched.ask("owner", "/query_range", query="up", start="0", end="2000000", step="1")
    assert answer.status_code == 422
    assert "11,000" in answer.json()["error"]["message"]


def test_the_panels_show_what_is_there(watched):
    told = watched.ask("owner", "", span_s="60", until=datetime.now(UTC).isoformat()).json()
    panels = {panel["key"]: panel for panel in told["panels"]}
    assert panels["memory"]["lines"][0]["points"][-1][1] == pytest.approx(0.75)
    assert panels["gc"]["lines"] == []
    assert MARK not in json.dumps(told)
