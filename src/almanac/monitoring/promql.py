"""PromQL that reaches only what it may: every selector of a query gets labels forced into it.

The query is parsed, and what was understood is written anew, by this module alone: Prometheus never sees the text that
somebody sent. (The parser's own way of writing escapes no quotes, so a quote in a label's value would end it, and what
follows would be a selector that nobody has looked at.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import singledispatch
from typing import NoReturn

import promql_parser as p

from almanac.core.errors import BadRequest

MOST_CHARACTERS = 4096
LONGEST_RANGE = timedelta(days=92)
MOST_SUBQUERY_POINTS = 11_000
_DEFAULT_STEP = timedelta(seconds=5)
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_SIDES = {"VectorMatchCardinality.ManyToOne": "left", "VectorMatchCardinality.OneToMany": "right"}
_MOMENTS = {"AtModifierType.Start": "start()", "AtModifierType.End": "end()"}
"""By name: the parser's own enumerations can't be keys."""

Labels = Mapping[str, str]


class BadQuery(BadRequest):
    """A query that isn't PromQL, or asks for more than it may."""

    code = "bad_query"


def scoped(query: str, labels: Labels) -> str:
    """The query with ``labels`` forced into each of its selectors.

    Args:
        query: PromQL, as somebody sent it.
        labels: name -> the one value that may be seen; none leaves the query as it was understood.

    Returns:
        PromQL that means the same, of those series alone.

    Raises:
        BadQuery: it isn't PromQL, is too long or too deep, looks back too far, or has an ``or`` between matchers.
    """
    if len(query) > MOST_CHARACTERS:
        raise BadQuery(f"The query has {len(query)} characters.", hint=f"Up to {MOST_CHARACTERS} are taken.")
    try:
        return _written(p.parse(query), labels)
    except RecursionError:
        raise BadQuery("The query is nested too deeply.", hint="Ask for its parts one by one.") from None
    except ValueError as error:
        raise BadQuery(f"That isn't PromQL: {str(error)[:200]}.", hint="Such as: rate(spark_tasks_total[1m])") from None


def quoted(text: str) -> str:
    """A PromQL string, whatever its characters."""
    escaped = (c if c.isprintable() and c not in '"\\' else _escape(c) for c in text)
    return f'"{"".join(escaped)}"'


def _escape(character: str) -> str:
    return f"\\{character}" if character in '"\\' else f"\\U{ord(character):08x}"


@singledispatch
def _written(expression: object, _: Labels) -> str:
    raise BadQuery(f"A {type(expression).__name__} can't be asked for.", hint="Use plain PromQL.")


@_written.register
def _(selector: p.VectorSelector, labels: Labels) -> str:
    return _selector(selector, labels) + _when(selector)


@_written.register
def _(matrix: p.MatrixSelector, labels: Labels) -> str:
    selector = matrix.vector_selector
    return f"{_selector(selector, labels)}[{_duration(_bounded(matrix.range))}]{_when(selector)}"


@_written.register
def _(subquery: p.SubqueryExpr, labels: Labels) -> str:
    if subquery.range is None:
        raise BadQuery("A subquery needs a range.", hint="Such as [1h:1m].")
    within, step = _bounded(subquery.range), subquery.step
    if within / (step or _DEFAULT_STEP) > MOST_SUBQUERY_POINTS:
        raise BadQuery(
            f"A subquery has more than {MOST_SUBQUERY_POINTS:,} points.",
            hint="Make its step longer or its range shorter.",
        )
    resolution = _duration(step) if step else ""
    return f"({_written(subquery.expr, labels)})[{_duration(within)}:{resolution}]{_when(subquery)}"


@_written.register
def _(call: p.Call, labels: Labels) -> str:
    return f"{call.func.name}({', '.join(_written(argument, labels) for argument in call.args)})"


@_written.register
def _(aggregate: p.AggregateExpr, labels: Labels) -> str:
    grouping = ""
    if aggregate.modifier is not None:
        word = "by" if aggregate.modifier.type == p.AggModifierType.By else "without"
        grouping = f" {word} ({_names(aggregate.modifier.labels)}) "
    parameter = f"{_written(aggregate.param, labels)}, " if aggregate.param is not None else ""
    return f"{aggregate.op}{grouping}({parameter}{_written(aggregate.expr, labels)})"


@_written.register
def _(binary: p.BinaryExpr, labels: Labels) -> str:
    modifier = _matching(binary.modifier) if binary.modifier is not None else ""
    return f"({_written(binary.lhs, labels)}) {binary.op} {modifier}({_written(binary.rhs, labels)})"


@_written.register
def _(unary: p.UnaryExpr, labels: Labels) -> str:
    return f"-({_written(unary.expr, labels)})"


@_written.register
def _(paren: p.ParenExpr, labels: Labels) -> str:
    return f"({_written(paren.expr, labels)})"


@_written.register
def _(number: p.NumberLiteral, _: Labels) -> str:
    if math.isfinite(number.val):
        return repr(number.val)
    return "NaN" if math.isnan(number.val) else "Inf" if number.val > 0 else "-Inf"


@_written.register
def _(text: p.StringLiteral, _: Labels) -> str:
    return quoted(text.val)


def _selector(selector: p.VectorSelector, labels: Labels) -> str:
    if selector.matchers.or_matchers:
        raise BadQuery("Matchers can't be joined by `or`.", hint='Use a pattern: name=~"one|other".')
    asked = [
        f"{matcher.name}{_OPERATORS[str(matcher.op)]}{quoted(matcher.value)}" for matcher in selector.matchers.matchers
    ]
    forced = [f"{name}={quoted(value)}" for name, value in labels.items()]
    return f"{selector.name or ''}{{{','.join([*asked, *forced])}}}"


def _when(selected: p.VectorSelector | p.SubqueryExpr) -> str:
    at, offset = selected.at, selected.offset
    moment = ""
    if at is not None:
        moment = f" @ {_MOMENTS.get(str(at.type)) or f'{at.at.timestamp() if at.at else 0:.3f}'}"
    if not offset:
        return moment
    sign = "-" if offset < timedelta(0) else ""
    return f"{moment} offset {sign}{_duration(abs(offset))}"


def _matching(modifier: p.BinModifier) -> str:
    fills = modifier.fill_values
    if fills.lhs is not None or fills.rhs is not None:
        _refuse("fill")
    words = "bool " if modifier.return_bool else ""
    if modifier.matching is not None:
        word = "on" if modifier.matching.type == p.LabelModifierType.Include else "ignoring"
        words += f"{word} ({_names(modifier.matching.labels)}) "
    side = _SIDES.get(str(modifier.card))
    if side is not None:
        words += f"group_{side} ({_names(modifier.group_labels or ())}) "
    return words


def _names(labels: Iterable[str]) -> str:
    listed = list(labels)
    for name in listed:
        if not (name.isascii() and name.replace(":", "_").isidentifier()):
            _refuse(ascii(name))
    return ", ".join(listed)


def _refuse(what: str) -> NoReturn:
    raise BadQuery(f"{what} can't be used here.", hint="Use plain PromQL.")


def _bounded(length: timedelta) -> timedelta:
    if length > LONGEST_RANGE:
        raise BadQuery(f"The query looks back {length.days} days.", hint=f"Up to {LONGEST_RANGE.days} are taken.")
    return length


def _duration(length: timedelta) -> str:
    return f"{round(length / timedelta(milliseconds=1))}ms"
