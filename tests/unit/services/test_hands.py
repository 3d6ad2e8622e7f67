"""Works side by side: one at a time per subject, none lost without a word, all waited for."""

from __future__ import annotations

import threading

from almanac.services.hands import InOrder, SideBySide


def test_in_order_does_it_now():
    done = []
    hands = InOrder()
    hands.do("sky", "a", lambda: done.append(1))
    assert done == [1]
    assert hands.busy() == frozenset()
    hands.close()


def test_a_busy_subject_is_left_and_others_go_on():
    gate, told = threading.Event(), threading.Semaphore(0)
    done: list[str] = []
    hands = SideBySide(2, told.release)
    hands.do("sky", "slow", lambda: (gate.wait(10), done.append("slow")))
    hands.do("sky", "slow", lambda: done.append("never"))
    hands.do("sky", "quick", lambda: done.append("quick"))
    assert told.acquire(timeout=10)
    assert done == ["quick"]
    assert hands.busy() == {"slow"}
    gate.set()
    assert told.acquire(timeout=10)
    assert done == ["quick", "slow"]
    assert hands.busy() == frozenset()
    hands.do("sky", "slow", lambda: done.append("again"))
    assert told.acquire(timeout=10)
    assert done[-1] == "again"
    hands.close()


def test_a_work_that_breaks_is_logged_and_its_subject_free_again(caplog):
    hands = SideBySide(1, lambda: None)
    hands.do("sky", "c-1", lambda: 1 / 0)
    hands.close()
    assert "work on c-1 failed" in caplog.text
    assert hands.busy() == frozenset()


def test_a_site_that_takes_all_its_hands_leaves_the_others_theirs():
    gate, told = threading.Event(), threading.Semaphore(0)
    done: list[str] = []
    hands = SideBySide(1, told.release)
    hands.do("sky", "a", lambda: (gate.wait(10), done.append("a")))
    hands.do("sky", "b", lambda: done.append("b"))
    hands.do("cave", "c", lambda: done.append("c"))
    assert told.acquire(timeout=10)
    assert done == ["c"]
    gate.set()
    assert told.acquire(timeout=10)
    assert told.acquire(timeout=10)
    assert done == ["c", "a", "b"]
    hands.close()
