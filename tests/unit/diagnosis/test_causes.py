"""Each bottleneck, provoked alone, is the first cause of its diagnosis; a healthy run has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.event_logs import MIB, App, Job, Stage, same, with_one

from almanac.diagnosis.diagnose import Diagnosis, diagnose
from almanac.diagnosis.findings import Platform
from almanac.diagnosis.reading import read
from almanac.diagnosis.run import between


def one(tasks, **how) -> App:
    return App([Job([Stage(tasks)])], **how)


def diagnosed(path: Path, app: App, platform: Platform | None = None) -> Diagnosis:
    return diagnose(read(app.write(path / "app")), platform)


PROVOKED = {
    "cpu": one(same(32, cpu=0.95)),
    "skew": one(with_one(same(32, cpu=0.7), run=120_000, read=640 * MIB)),
    "spill": one(same(32, spilled=512 * MIB)),
    "gc": one(same(32, gc=0.25)),
    "few_partitions": one(same(2)),
    "small_files": one(same(32), files=(2000, 40_000_000)),
    "python": App([Job([Stage(same(32, cpu=0.1), python=300_000)])]),
    "network": one(same(32, cpu=0.4, fetch=0.5, remote=64 * MIB)),
    "driver": App([Job([Stage(same(8))]), Job([Stage(same(8))], pause=60_000)]),
    "failures": one([*same(16), *same(16, reason="ExceptionFailure")]),
    "small_tasks": one(same(6000, run=100, delay=150)),
    "scheduling": one(same(32, delay=5000)),
    "idle": App([Job([Stage(same(9, run=2000))]) for _ in range(10)]),
}


@pytest.mark.parametrize("kind", PROVOKED)
def test_a_provoked_bottleneck_is_the_first_cause(tmp_path, kind):
    found = diagnosed(tmp_path, PROVOKED[kind])
    assert found.causes[0].kind == kind, found.causes
    assert found.causes[0].saved_s >= 1
    assert 0 < found.causes[0].saved_share <= 1
    assert found.causes[0].advice
    assert found.causes[0].evidence


def test_a_healthy_run_has_no_cause(tmp_path):
    found = diagnosed(tmp_path, one(same(32)))
    assert found.causes == ()
    assert found.healthy
    assert found.model_error == pytest.approx(0, abs=0.01)


def test_computation_alone_is_no_fault(tmp_path):
    found = diagnosed(tmp_path, PROVOKED["cpu"])
    assert [cause.kind for cause in found.causes] == ["cpu"]
    assert found.healthy
    assert found.causes[0].saved_share == pytest.approx(0.5)


def test_the_saving_of_skew_is_the_level_run(tmp_path):
    """31 tasks of 10 s and one of 120 s on 8 slots: 120 s; levelled, 430 s of work in 4 rounds: 53.75 s."""
    found = diagnosed(tmp_path, PROVOKED["skew"])
    assert found.causes[0].saved_s == pytest.approx(120 - 53.75)
    assert "keys" in found.causes[0].advice
    assert found.causes[0].evidence["longest_task_s"] == 120


def test_a_slow_task_with_no_more_data_blames_the_machine(tmp_path):
    found = diagnosed(tmp_path, one(with_one(same(32), run=120_000)))
    assert "machine is slow" in found.causes[0].advice


def test_the_known_answer_parallelism_first_and_then_processors(tmp_path):
    """10 TB of TPC-DS: CPU 84.7 %, GC .57 %, fetch .11 %, write .56 %, slots 56.6 % busy."""
    tasks = same(18, cpu=0.847, gc=0.0057, fetch=0.0011, write=0.0056)
    found = diagnosed(tmp_path, App([Job([Stage(tasks)])] * 6, executors=4, cores=4))
    assert [cause.kind for cause in found.causes] == ["idle", "cpu"]
    assert found.busy_share == pytest.approx(0.566, abs=0.01)


def test_more_partitions_do_not_divide_a_key(tmp_path):
    found = diagnosed(tmp_path, one(with_one(same(6), run=120_000)))
    saved = {cause.kind: cause.saved_s for cause in found.causes}
    assert saved["skew"] > 60
    assert saved.get("few_partitions", 0) < 10


def test_people_who_think_are_not_the_driver(tmp_path):
    """With Spark Connect, the log tells when somebody waited: an hour of lunch isn't a cause."""
    jobs = [Job([Stage(same(16))]), Job([Stage(same(16))], pause=3_600_000)]
    lunch = diagnosed(tmp_path, App(jobs, operations=[(0, 21_100), (3_620_900, 3_641_100)]))
    assert lunch.causes == ()
    assert lunch.wall_s == pytest.approx(40, abs=0.5)
    working = diagnosed(tmp_path, App(jobs, operations=[(0, 4_000_000)]))
    assert working.causes[0].kind == "driver"


def test_a_part_of_a_run_is_diagnosed_alone(tmp_path):
    healthy, skewed = Job([Stage(same(32))]), Job([Stage(with_one(same(32), run=120_000))], pause=5000)
    run = read(App([healthy, skewed]).write(tmp_path / "app"))
    first, second = run.jobs
    assert diagnose(between(run, first.submitted, second.submitted)).causes == ()
    assert diagnose(between(run, second.submitted, second.ended)).causes[0].kind == "skew"
    assert diagnose(between(run, second.ended, second.ended)).causes == ()


def test_the_files_of_a_part_are_its_own(tmp_path):
    run = read(PROVOKED["small_files"].write(tmp_path / "app"))
    (job,) = run.jobs
    assert diagnose(between(run, job.submitted - 10, job.ended)).causes[0].kind == "small_files"
    assert diagnose(between(run, job.submitted, job.ended)).causes == ()


def test_python_is_told_with_the_share_that_it_takes(tmp_path):
    (found,) = diagnosed(tmp_path, PROVOKED["python"]).causes
    assert found.evidence["python_share"] == pytest.approx(300 / 320)
    assert found.saved_share == pytest.approx(0.8)
    assert "built-in" in found.advice


def test_the_last_step_of_a_sum_cannot_be_divided(tmp_path):
    last = Stage(same(1, read=0, shuffled=500), parents=(0,))
    assert diagnosed(tmp_path, App([Job([Stage(same(32)), last])])).causes == ()
    found = diagnosed(tmp_path, App([Job([Stage(same(32)), replace(last, tasks=same(1, shuffled=64 * MIB))])]))
    assert found.causes[0].kind == "few_partitions"


def test_who_waits_for_a_few_bytes_does_not_wait_for_the_network(tmp_path):
    assert diagnosed(tmp_path, one(same(32, cpu=0.4, fetch=0.5, remote=5000))).causes == ()


def test_what_saves_too_little_is_not_told(tmp_path):
    assert diagnosed(tmp_path, one(same(32, run=100, gc=0.25))).causes == ()


SEEN = {
    "storage": (one(same(32, cpu=0.2, read=256 * MIB)), Platform(storage_bytes_per_second=200 * MIB)),
    "local_disk": (one(same(32, cpu=0.2)), Platform(io_pressure=0.4, disk_busy=0.95)),
    "oversubscribed": (one(same(32, cpu=0.4)), Platform(cpu_pressure=0.4)),
}
SLOW_SCAN = one(same(32, cpu=0.2, read=16 * MIB))


@pytest.mark.parametrize("kind", SEEN)
def test_what_only_the_platform_knows_is_told_with_it_alone(tmp_path, kind):
    app, platform = SEEN[kind]
    assert diagnosed(tmp_path, app, platform).causes[0].kind == kind
    assert diagnosed(tmp_path, app).causes == ()


@pytest.mark.parametrize(
    "platform", [Platform(disk_busy=0.05, io_pressure=0.5, node_cpu=0.9), Platform(disk_busy=0.05, node_cpu=0.2)]
)
def test_who_reads_with_quiet_disks_waits_for_a_storage_elsewhere(tmp_path, platform):
    (found,) = diagnosed(tmp_path, SLOW_SCAN, platform).causes
    assert (found.kind, found.title) == ("storage", "Waiting for the storage")
    assert found.evidence["waited_share"] == pytest.approx(0.8, abs=0.05)
    assert found.saved_share > 0.5


@pytest.mark.parametrize(
    ("app", "platform"),
    [
        (SLOW_SCAN, Platform(disk_busy=0.05, node_cpu=0.8)),
        (SLOW_SCAN, Platform(node_cpu=0.2)),
        (one(same(32, cpu=0.2, read=2000)), Platform(disk_busy=0.05, node_cpu=0.2)),
        (one(same(32, cpu=0.2, read=0)), Platform(disk_busy=0.05, io_pressure=0.5)),
    ],
    ids=["processors are busy", "disks weren't watched", "next to nothing is read", "nothing is read"],
)
def test_a_wait_that_may_be_for_something_else_is_not_put_down_to_storage(tmp_path, app, platform):
    assert "storage" not in [cause.kind for cause in diagnosed(tmp_path, app, platform).causes]


def test_what_the_machines_went_through_is_told(tmp_path):
    found = diagnosed(tmp_path, one(same(32)), Platform(node_cpu=0.63, io_pressure=0.02, disk_busy=0.1))
    assert found.notes[-1] == (
        "The machines while its tasks ran: processors 63% in use, something waited for data 2%, "
        "the busiest local disk was busy 10%."
    )
    assert not any("machines" in note for note in diagnosed(tmp_path, one(same(32))).notes)


def test_the_platform_can_acquit(tmp_path):
    assert diagnosed(tmp_path, PROVOKED["network"], Platform(nic=0.2)).causes == ()
    assert diagnosed(tmp_path, PROVOKED["cpu"], Platform(node_cpu=0.5)).causes == ()


def test_a_log_without_tasks_has_nothing_to_judge(tmp_path):
    found = diagnosed(tmp_path, App([]))
    assert (found.causes, found.what_if, found.wall_s) == ((), (), 0)


@pytest.mark.parametrize(("heap", "words"), [("520m", "running out"), ("640m", None), ("2g", "less memory would do")])
def test_memory_that_is_too_small_or_too_big_is_noted(tmp_path, heap, words):
    found = diagnosed(tmp_path, one(same(32), properties={"spark.executor.memory": heap}))
    assert [words in note for note in found.notes] == ([True] if words else [])
    assert found.causes == ()


def test_a_partition_computed_again_after_a_failure_is_part_of_it(tmp_path):
    lost = [*same(8), *same(8, reason="FetchFailed")]
    again = [replace(task, partition=index % 8) for index, task in enumerate(same(16))]
    found = diagnosed(tmp_path, App([Job([Stage(again), Stage([*lost, *same(8)], parents=(0,))])]))
    assert found.causes[0].kind == "failures"
    assert found.causes[0].saved_s == pytest.approx(20)
