"""A target decides neither the names nor the number of what is kept."""

from __future__ import annotations

import pytest

from almanac.monitoring import sources
from almanac.monitoring.samples import BadMetrics, Sample, written
from almanac.monitoring.stages import StageSums

EXECUTORS = """\
spark_info{version="4.3.0", revision="x"} 1.0
metrics_executor_activeTasks{application_id="app-1", application_name="b", executor_id="0"} 3
metrics_executor_totalGCTime_seconds_total{application_id="app-1", application_name="b", executor_id="0"} 0.641
metrics_executor_rddBlocks{application_id="app-1", application_name="b", executor_id="0"} 0
"""


def stage(number: int, run: int = 1000, cpu: int = 500_000_000, **more: float) -> dict[str, float]:
    others = dict.fromkeys(
        (
            "executorDeserializeTime", "jvmGcTime", "shuffleFetchWaitTime", "shuffleWriteTime", "memoryBytesSpilled",
            "diskBytesSpilled", "inputBytes", "outputBytes", "shuffleRemoteBytesRead", "shuffleLocalBytesRead",
            "numFailedTasks",
        ),
        0,
    )  # fmt: skip
    return {"stageId": number, "attemptId": 0, "executorRunTime": run, "executorCpuTime": cpu, **others, **more}


def total(sums: StageSums, name: str) -> float:
    return next(sample.value for sample in sums.samples() if sample.name == name)


def test_only_what_is_allowed_is_taken_under_almanacs_names():
    assert list(sources.EXECUTORS.taken(EXECUTORS)) == [
        Sample("spark_executor_active_tasks", 3.0, {"executor": "0"}),
        Sample("spark_executor_gc_seconds_total", 0.641, {"executor": "0"}),
    ]


def test_forged_names_and_labels_are_dropped():
    forged = 'up{booking="b-2"} 1\nmetrics_executor_activeTasks{booking="b-2",executor_id="a\\"b"} 1\nALERTS 1\n'
    (only,) = sources.EXECUTORS.taken(forged)
    assert only.labels == {"executor": 'a"b'}
    assert written([only]) == 'spark_executor_active_tasks{executor="a\\"b"} 1\n'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("metrics_executor_activeTasks{executor_id=oops} 1\n", "isn't metrics"),
        ("metrics_executor_activeTasks{} one\n", "isn't metrics"),
        ("metrics_executor_activeTasks 1\n" * 2001, "2001 samples"),
    ],
)
def test_an_answer_that_isnt_metrics_is_refused(answer, words):
    with pytest.raises(BadMetrics, match=words):
        list(sources.EXECUTORS.taken(answer))


def test_a_page_of_html_has_nothing_to_take():
    assert list(sources.MASTER.taken("<html>metrics_master_apps_Value 1</html>")) == []


def test_stages_that_the_page_forgets_still_count():
    sums = StageSums("app-1")
    sums.feed([stage(1), stage(2, run=500)])
    assert total(sums, "spark_task_run_seconds_total") == 1.5
    assert total(sums, "spark_task_cpu_seconds_total") == 1.0
    sums.feed([stage(2, run=900), stage(3, diskBytesSpilled=10)])
    assert total(sums, "spark_task_run_seconds_total") == pytest.approx(2.9)
    assert total(sums, "spark_task_disk_spilled_bytes_total") == 10


@pytest.mark.parametrize("odd", [[{}], [{"stageId": "x"}], [stage(1) | {"jvmGcTime": None}]])
def test_what_isnt_a_stage_is_refused(odd):
    with pytest.raises(BadMetrics, match="isn't one"):
        StageSums("app-1").feed(odd)
