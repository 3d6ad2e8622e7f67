"""Waiting for sites: not for ever, not twice for one question, and late answers count."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from almanac.core.ports import Permanent, Temporary
from almanac.services.asking import Asking


def test_an_answer_comes_back_and_so_does_trouble():
    asking: Asking[int] = Asking(10)
    assert asking.ask("sky", lambda: 1) == 1
    assert asking.ask("sky", lambda: 2) == 2

    def refuse() -> int:
        raise Permanent("never")

    with pytest.raises(Permanent, match="never"):
        asking.ask("sky", refuse)
    assert asking.ask("sky", lambda: 3) == 3


def test_a_site_that_hangs_is_asked_once_and_holds_up_no_other():
    asking: Asking[str] = Asking(0.05)
    gate, asked = threading.Event(), []

    def hang() -> str:
        asked.append("sky")
        gate.wait(10)
        return "late"

    for _ in range(3):
        with pytest.raises(Temporary, match=r"no answer from sky within 0\.05 s"):
            asking.ask("sky", hang)
        assert asking.ask("cave", lambda: "here") == "here"
    gate.set()
    while True:
        try:
            assert asking.ask("sky", hang) == "late"
            break
        except Temporary:
            continue
    assert asked == ["sky"]
    assert asking.ask("sky", lambda: "next") == "next"


def test_who_asks_at_the_same_time_shares_the_answer():
    asking: Asking[str] = Asking(10)
    gate, begun, asked = threading.Event(), threading.Event(), []

    def answer() -> str:
        asked.append(1)
        begun.set()
        gate.wait(10)
        return "here"

    with ThreadPoolExecutor(5) as people:
        first = people.submit(asking.ask, "sky", answer)
        assert begun.wait(10)
        others = [people.submit(asking.ask, "sky", answer) for _ in range(4)]
        gate.set()
        assert {future.result() for future in (first, *others)} == {"here"}
    assert len(asked) <= 1 + len(others)
