"""Every selector of a query is the asker's own, however the query is written."""

from __future__ import annotations

import re

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from almanac.monitoring.promql import BadQuery, quoted, scoped

OWN = {"booking": "b-1"}


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    found = []

    def visit(node: object) -> None:
        if isinstance(node, promql_parser.MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(query), visit)
    return found


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("up", 'up{booking="b-1"}'),
        ('{__name__=~".+"}', '{__name__=~".+",booking="b-1"}'),
        ('up{booking="b-2"}', 'up{booking="b-2",booking="b-1"}'),
        ("rate(x[5m] offset -1h)", 'rate(x{booking="b-1"}[300000ms] offset -3600000ms)'),
        ("x @ end() offset 5m", 'x{booking="b-1"} @ end() offset 300000ms'),
        ("x @ 1609746000.5", 'x{booking="b-1"} @ 1609746000.500'),
        ("max_over_time(x[1h:])", 'max_over_time((x{booking="b-1"})[3600000ms:])'),
        ("a + on(x) group_left(y) b", '(a{booking="b-1"}) + on (x) group_left (y) (b{booking="b-1"})'),
        ("a > bool 1", '(a{booking="b-1"}) > bool (1.0)'),
        ("sum(a) without (b)", 'sum without (b) (a{booking="b-1"})'),
        ('count_values("v", a)', 'count_values("v", a{booking="b-1"})'),
        ("-a", '-(a{booking="b-1"})'),
        ("-Inf", "-Inf"),
        ("a # {or b}", 'a{booking="b-1"}'),
    ],
)
def test_what_was_understood_is_written_with_the_label(asked, written):
    assert scoped(asked, OWN) == written


@pytest.mark.parametrize(
    "hostile",
    [
        r'x{a="\"} or y{b=\""}',
        """x{a='"} or y{b="'}""",
        r'x{a="\\"} or y',
        'x{a="\'"} unless y{b="`"}',
        'label_replace(x, "booking", "b-2", "", "") or y',
        'absent({booking="b-2"}) or on () {__name__=~".*"}',
        "(x or y)[5m:1m] @ start()",
    ],
)
def test_a_quote_ends_no_value_and_no_selector_is_free(hostile):
    try:
        written = scoped(hostile, OWN)
    except BadQuery:
        return
    for selector in selectors(written):
        assert ("booking", "b-1") in [(m.name, m.value) for m in selector.matchers.matchers]


@given(value=st.text())
def test_any_value_is_one_string(value):
    assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted(value))
    assert quoted(value).isprintable()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "isn't PromQL"),
        ("sum(", "isn't PromQL"),
        ('{a="b" or c="d"}', "joined by `or`"),
        ("x[100d]", "looks back 100 days"),
        ("max_over_time(x[90d:1s])", "more than 11,000 points"),
        ("(" * 2000 + "x" + ")" * 2000, "nested too deeply"),
        ("x" * 5000, "5000 characters"),
    ],
)
def test_what_cant_be_asked_is_said(query, words):
    with pytest.raises(BadQuery, match=words) as refused:
        scoped(query, OWN)
    assert refused.value.hint
