"""The ledger's invariant over any life of a booking: holds = charges + refunds + outstanding, and nothing is left at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from almanac.core.ledger import LineKind, account, charge_so_far, node_seconds, rebalance, settle
from almanac.core.windows import Window

T0 = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
seconds = st.integers(1, 100_000)
steps = st.lists(st.tuples(st.sampled_from(["extend", "shorten", "resize"]), seconds, st.integers(1, 50)), max_size=8)


@given(steps, seconds, st.integers(1, 50), st.booleans())
def test_every_life_balances(steps, length, nodes, usable):
    lines = []
    now = T0
    window = Window.lasting(T0, timedelta(seconds=length))
    ready = T0 if usable else None

    def write(entries, at):
        lines.extend((entry.kind, entry.node_seconds, at) for entry in entries)
        assert all(entry.node_seconds > 0 for entry in entries)
        assert account(lines).outstanding >= 0

    write(rebalance(account(lines), nodes, window), now)
    for kind, amount, size in steps:
        now = min(now + timedelta(seconds=amount % 977), window.end)
        if kind == "extend":
            window = Window(window.start, window.end + timedelta(seconds=amount))
        elif kind == "shorten":
            window = Window(window.start, max(now + timedelta(seconds=1), window.end - timedelta(seconds=amount)))
        elif ready is not None and now > window.start:
            write(charge_so_far(account(lines), nodes, ready, now), now)
            nodes = size
        write(rebalance(account(lines), nodes, window), now)
        until = account(lines).charged_until or window.start
        assert account(lines).outstanding == node_seconds(nodes, until, window.end)
    write(settle(account(lines), nodes, ready, now), now)
    final = account(lines)
    assert final.outstanding == 0
    assert final.held == final.charged + final.refunded
    if ready is None:
        assert final.charged == 0


def test_a_booking_that_was_never_usable_costs_nothing():
    lines = [(LineKind.HOLD, 7200, T0)]
    assert [(e.kind, e.node_seconds) for e in settle(account(lines), 2, None, T0)] == [(LineKind.REFUND, 7200)]


def test_half_used_is_half_charged():
    lines = [(LineKind.HOLD, 7200, T0)]
    found = settle(account(lines), 2, T0, T0 + timedelta(minutes=30))
    assert [(e.kind, e.node_seconds) for e in found] == [(LineKind.CHARGE, 3600), (LineKind.REFUND, 3600)]


def test_node_seconds_round_up():
    assert node_seconds(3, T0, T0 + timedelta(microseconds=1)) == 1
    assert node_seconds(3, T0, T0) == 0
    assert node_seconds(3, T0, T0 - timedelta(hours=1)) == 0
