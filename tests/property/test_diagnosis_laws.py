"""Laws of the diagnosis: balanced runs are healthy, whatever their size, and replays scale as schedules do."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.event_logs import App, Job, Stage, Task, same

from almanac.diagnosis.diagnose import diagnose
from almanac.diagnosis.reading import read
from almanac.diagnosis.replay import replay, workload
from almanac.diagnosis.run import Run
from almanac.diagnosis.trouble import BadEventLog


def read_from(app: App) -> Run:
    with tempfile.TemporaryDirectory() as directory:
        return read(app.write(Path(directory) / "app"))


@st.composite
def balanced(draw: st.DrawFn) -> App:
    """Equal tasks in whole rounds over the slots, and no share above its threshold."""
    executors, cores = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    how = {
        "run": draw(st.integers(200, 60_000)),
        "cpu": draw(st.floats(0.5, 0.79)),
        "gc": draw(st.floats(0, 0.07)),
        "fetch": draw(st.floats(0, 0.09)),
    }
    stages = draw(st.integers(1, 3))
    rounds = draw(st.integers(1, 4))
    parents = [() if number == 0 else (number - 1,) for number in range(stages)]
    return App(
        [Job([Stage(same(rounds * executors * cores, **how), parents=parents[n]) for n in range(stages)])],
        executors=executors,
        cores=cores,
    )


lengths = st.lists(st.integers(1, 60_000), min_size=1, max_size=40)


@settings(deadline=None, max_examples=60)
@given(balanced())
def test_a_perfectly_balanced_run_has_no_cause(app: App) -> None:
    found = diagnose(read_from(app))
    assert found.causes == ()
    assert found.model_error == pytest.approx(0, abs=1e-6)
    assert found.busy_share == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(1, 16), st.integers(2, 9))
def test_time_scales_with_the_tasks(tasks: list[int], slots: int, factor: int) -> None:
    once = workload(read_from(App([Job([Stage([Task(run=length) for length in tasks])])])))
    longer = workload(read_from(App([Job([Stage([Task(run=factor * length) for length in tasks])])])))
    assert replay(longer, slots) == pytest.approx(factor * replay(once, slots))


@settings(deadline=None, max_examples=60)
@given(lengths, lengths, st.integers(1, 16))
def test_a_schedule_lies_between_its_bounds(first: list[int], second: list[int], slots: int) -> None:
    """Never better than the work over the slots or the longest chain, never worse than Graham's bound of the two together."""
    stages = [Stage([Task(run=n) for n in first]), Stage([Task(run=n) for n in second], parents=(0,))]
    work = workload(read_from(App([Job(stages)])))
    perfect = (sum(first) + sum(second)) / slots
    chain = max(first) + max(second)
    found = replay(work, slots)
    assert max(perfect, chain) <= found + 1e-6
    assert found <= perfect + (1 - 1 / slots) * chain + 1e-6


@settings(deadline=None, max_examples=60)
@given(lengths)
def test_one_slot_does_one_after_the_other(tasks: list[int]) -> None:
    run = read_from(App([Job([Stage([Task(run=length) for length in tasks])])]))
    assert replay(workload(run), 1) == pytest.approx(sum(tasks))


@settings(deadline=None, max_examples=60)
@given(lengths, st.integers(1, 4))
def test_what_is_saved_is_never_more_than_the_run(tasks: list[int], executors: int) -> None:
    app = App([Job([Stage([Task(run=length, gc=0.2, spilled=10**9) for length in tasks])])], executors=executors)
    found = diagnose(read_from(app))
    assert all(0 <= cause.saved_share <= 1 for cause in found.causes)
    assert all(estimate.least_s <= estimate.most_s + 1e-9 for estimate in found.what_if)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_log_is_diagnosed_or_refused_in_words(data: st.DataObject) -> None:
    """Bytes are exchanged anywhere: there is a diagnosis of what is left, or an error that a person can read."""
    app = App(
        [Job([Stage(same(6)), Stage(same(2, run=300_000), parents=(0,))]), Job([Stage(same(3))])], files=(200, 10)
    )
    text = bytearray(b"".join(app.lines()))
    for place in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=12)):
        text[place] = data.draw(st.sampled_from(b'0129{}[]",:-eEnN\n\xff'))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "app").write_bytes(bytes(text))
        try:
            causes = diagnose(read(Path(directory) / "app")).causes
        except BadEventLog:
            causes = ()
    assert all(cause.saved_s >= 0 for cause in causes)
