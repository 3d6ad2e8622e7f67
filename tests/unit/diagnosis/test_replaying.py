"""The replay's order, its bounds, other sizes, and two runs side by side."""

from __future__ import annotations

import pytest
from tests.support.event_logs import MIB, App, Job, Stage, same, with_one

from almanac.diagnosis.comparing import compare
from almanac.diagnosis.diagnose import diagnose
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
from almanac.diagnosis.replay import replay, workload


@pytest.fixture
def run_of(tmp_path):
    return lambda app: read(app.write(tmp_path / "app"))


def test_a_run_played_again_takes_what_it_took(run_of):
    jobs = [Job([Stage(same(20)), Stage(same(5, run=3000), parents=(0,))]), Job([Stage(same(9))], pause=4000)]
    run = run_of(App(jobs))
    assert replay(workload(run), run.slots) == pytest.approx(run.wall)


def test_the_driver_s_pauses_can_be_left_out(run_of):
    run = run_of(App([Job([Stage(same(8))]), Job([Stage(same(8))], pause=4000)]))
    assert replay(workload(run), run.slots, pauses=0.0) == pytest.approx(run.wall - 4000)


def test_stages_that_need_nothing_of_each_other_share_the_slots(run_of):
    run = run_of(App([Job([Stage(same(4)), Stage(same(4)), Stage(same(8), parents=(0, 1))])]))
    assert run.wall == 30_000
    assert replay(workload(run), 8) == 20_000


def test_a_job_without_tasks_takes_its_own_time(run_of):
    run = run_of(App([Job([]), Job([Stage(same(8))], pause=500)]))
    assert replay(workload(run), 8) == pytest.approx(run.wall)


def test_other_sizes_are_a_range_that_widens_with_what_waits(run_of):
    computing, reading = (diagnose(run_of(App([Job([Stage(same(64, cpu=cpu))])]))) for cpu in (0.98, 0.2))
    twice = [next(e for e in found.what_if if e.times == 2) for found in (computing, reading)]
    assert [e.least_s for e in twice] == pytest.approx([40, 40], rel=0.01)
    assert twice[0].most_s < twice[1].most_s
    half = next(e for e in computing.what_if if e.times == 0.5)
    assert half.least_s == pytest.approx(160, rel=0.01)


def test_time_in_python_is_computation_and_shared_with_nobody(run_of):
    waiting, python = (diagnose(run_of(App([Job([Stage(same(64, cpu=0.1), python=ms)])]))) for ms in (0, 550_000))
    twice = [next(e for e in found.what_if if e.times == 2) for found in (waiting, python)]
    assert twice[0].least_s == twice[1].least_s
    assert twice[1].most_s < twice[0].most_s


def test_a_skewed_run_gains_nothing_from_more_slots(run_of):
    found = diagnose(run_of(App([Job([Stage(with_one(same(16), run=200_000))])])))
    assert all(estimate.least_s == pytest.approx(200, rel=0.01) for estimate in found.what_if)


def test_no_size_reads_faster_than_the_storage_gives(run_of):
    app = App([Job([Stage(same(64, read=256 * MIB))])])
    found = diagnose(run_of(app), Platform(storage_bytes_per_second=100 * MIB))
    assert all(estimate.most_s >= 64 * 256 / 100 for estimate in found.what_if)


def test_two_runs_are_compared_by_stage(run_of):
    skewed, level = (
        diagnose(run_of(App([Job([Stage(tasks, name="join"), Stage(same(8), parents=(0,))])])))
        for tasks in (with_one(same(16), run=200_000), same(16))
    )
    found = compare(skewed, level)
    assert found.wall.grown_s == pytest.approx(-180)
    assert [(change.what, change.grown_s) for change in found.stages] == [("join", -180)]
    assert (found.gone, found.new) == (("skew",), ())
