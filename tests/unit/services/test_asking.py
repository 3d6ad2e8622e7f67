"""Waiting for sites: not for ever, not twice for one question, and late answers count."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from almanac.core.ports import Permanent, Temporary
from almanac.services.asking import Asking, NoAnswerYet


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
        with pytest.raises(NoAnswerYet, match="sky has been silent for 0 s") as silent:
            asking.ask("sky", hang)
        assert not silent.value.hangs
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


def test_a_silence_that_lasts_is_no_slowness_any_more(monkeypatch):
    monkeypatch.setattr("almanac.services.asking.HANGS_AFTER", timedelta(0))
    gate = threading.Event()
    with pytest.raises(NoAnswerYet) as silent:
        Asking[bool](0.01).ask("sky", lambda: gate.wait(10))
    assert silent.value.hangs
    gate.set()
