"""The kinds of targets, and what is taken of each.

Spark's own names say where a number comes from in Spark's code; Almanac's say what it is. Numbers that grow end in
``_total``. The times that tell a bottleneck (computing, fetching, spilling) are in no metric of Spark's: they are summed up
from the stages that the driver's page lists (see ``stages``).
"""

from __future__ import annotations

from almanac.monitoring.samples import Allowed
from almanac.node.exporter import NAMES
from almanac.node.gpus import NUMBERS

_EXECUTOR = {
    "activeTasks": "active_tasks",
    "maxTasks": "slots",
    "completedTasks_total": "completed_tasks_total",
    "failedTasks_total": "failed_tasks_total",
    "totalDuration_seconds_total": "busy_seconds_total",
    "totalGCTime_seconds_total": "gc_seconds_total",
    "totalInputBytes_bytes_total": "input_bytes_total",
    "totalShuffleRead_bytes_total": "shuffle_read_bytes_total",
    "totalShuffleWrite_bytes_total": "shuffle_write_bytes_total",
    "memoryUsed_bytes": "cached_bytes",
    "maxMemory_bytes": "storage_bytes",
    "JVMHeapMemory_bytes": "peak_heap_bytes",
    "ProcessTreeJVMRSSMemory_bytes": "peak_jvm_bytes",
    "ProcessTreePythonRSSMemory_bytes": "peak_python_bytes",
}
_DRIVER = {
    "DAGScheduler_job_activeJobs": "active_jobs",
    "DAGScheduler_job_allJobs": "jobs_total",
    "DAGScheduler_stage_runningStages": "running_stages",
    "DAGScheduler_stage_waitingStages": "waiting_stages",
    "JVMCPU_jvmCpuTime": "cpu_nanoseconds_total",
    "jvm_heap_used": "heap_bytes",
    "jvm_heap_max": "heap_limit_bytes",
}
_WORKER = {"coresUsed": "cores_used", "coresFree": "cores_free", "executors": "executors"}

EXECUTORS = Allowed(
    {f"metrics_executor_{raw}": f"spark_executor_{name}" for raw, name in _EXECUTOR.items()},
    {"executor_id": "executor"},
)
DRIVER = Allowed({f"metrics_spark_driver_{raw}_Value": f"spark_driver_{name}" for raw, name in _DRIVER.items()}, {})
MASTER = Allowed(
    {
        "metrics_master_aliveWorkers_Value": "spark_master_workers",
        "metrics_master_apps_Value": "spark_master_applications",
    },
    {},
)
WORKER = Allowed({f"metrics_worker_{raw}_Value": f"spark_worker_{name}" for raw, name in _WORKER.items()}, {})
JUPYTER = Allowed(
    {
        "kernel_currently_running_total": "jupyter_kernels",
        "process_resident_memory_bytes": "jupyter_resident_bytes",
        "process_cpu_seconds_total": "jupyter_cpu_seconds_total",
    },
    {},
)
NODE = Allowed(
    {f"node_{name}": f"node_{name}" for name in (*NAMES, *(f"gpu_{name}" for name in NUMBERS))},
    {"mode": "mode", "cpu": "cpu", "device": "device", "mountpoint": "mountpoint", "gpu": "gpu"},
)
