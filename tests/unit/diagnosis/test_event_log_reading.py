"""Event logs of both Sparks, plain, compressed, rolling, cut short and broken."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from tests.support.event_logs import App, Job, Stage, Task, same

from almanac.diagnosis import codecs, files
from almanac.diagnosis.reading import read
from almanac.diagnosis.run import Column, Run
from almanac.diagnosis.trouble import BadEventLog
from almanac.spark.warm_up import POOL

APP = App([Job([Stage(same(8)), Stage(same(4, shuffled=100), parents=(0,))])])


def lz4_block(data: bytes) -> bytes:
    """As lz4-java's LZ4BlockOutputStream writes: blocks, raw where that is shorter, and an empty one at the end."""
    out = b""
    for start in range(0, len(data), 1 << 15):
        plain = data[start : start + (1 << 15)]
        packed = pa.Codec("lz4_raw").compress(plain, asbytes=True)
        body, method = (packed, 0x25) if len(packed) < len(plain) else (plain, 0x15)
        out += struct.pack("<8sBiiI", b"LZ4Block", method, len(body), len(plain), 0) + body
    return out + struct.pack("<8sBiiI", b"LZ4Block", 0x15, 0, 0, 0)


def snappy(data: bytes) -> bytes:
    """As snappy-java's SnappyOutputStream writes."""
    out = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    for start in range(0, len(data), 1 << 15):
        body = pa.Codec("snappy").compress(data[start : start + (1 << 15)], asbytes=True)
        out += struct.pack(">i", len(body)) + body
    return out


def lz4_frame(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "lz4") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {
    "zstd": zstandard.ZstdCompressor().compress,
    "gz": gzip.compress,
    "lz4": lz4_block,
    "lz4-frame": lz4_frame,
    "snappy": snappy,
}


def facts(run: Run) -> tuple[object, ...]:
    tables = [stage.tasks.table.tolist() for stage in run.stages]
    return run.app, run.slots, run.jobs, [(s.id, s.name, s.parents, s.job) for s in run.stages], tables


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return APP.write(tmp_path / "app-1")


def test_a_log_tells_jobs_stages_tasks_and_slots(plain):
    run = read(plain)
    assert (run.app, run.name, run.spark, run.slots, run.ended) == ("app-1", "sky", "4.3.0", 8, True)
    assert [len(stage.tasks) for stage in run.stages] == [8, 4]
    assert run.stages[1].parents == (0,)
    assert run.total(Column.RUN) == 12 * 10_000
    assert run.total(Column.CPU) == pytest.approx(12 * 7_000)
    assert run.total(Column.SHUFFLE_READ) == 400
    assert run.wall == 20_000
    assert run.notes == ()


def test_spark_3_5_is_read_alike(tmp_path, plain):
    older = App(APP.jobs, spark="3.5.6").write(tmp_path / "app-2")
    assert facts(read(older)) == facts(read(plain))


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_log_is_read_as_the_plain_one(tmp_path, plain, name):
    packed = tmp_path / "app-1.packed"
    packed.write_bytes(PACKERS[name](plain.read_bytes()))
    assert facts(read(packed)) == facts(read(plain))


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_log_that_is_cut_tells_what_came_before(tmp_path, name):
    many = App([Job([Stage([Task(run=1000 + n) for n in range(2000)])])])
    packed = PACKERS[name](b"".join(many.lines()))
    cut = tmp_path / "app-1"
    cut.write_bytes(packed[: len(packed) * 3 // 4])
    run = read(cut)
    assert run.truncated
    assert not run.ended
    assert 100 < len(run.stages[0].tasks) < 2000


def test_a_plain_log_that_is_cut_loses_its_last_line_only(tmp_path, plain):
    cut = tmp_path / "cut"
    lines = plain.read_bytes().splitlines(keepends=True)
    last = max(n for n, line in enumerate(lines) if b"TaskEnd" in line)
    cut.write_bytes(b"".join(lines[:last]) + lines[last][:200])
    run = read(cut)
    assert len(run.stages[1].tasks) == 3
    assert run.truncated
    assert "stops in the middle" in run.notes[-1]
    assert run.jobs[0].ended == run.stages[1].tasks.column(Column.FINISH).max()


def test_a_log_of_a_running_application_says_so(tmp_path):
    run = read(App(APP.jobs, ended=False).write(tmp_path / "app-1.inprogress"))
    assert not run.truncated
    assert run.notes == ("The application hadn't ended when this was read.",)


def test_a_broken_line_is_passed_over_and_told(tmp_path, plain):
    lines = plain.read_bytes().splitlines(keepends=True)
    spoilt = [*lines[:6], b"\x00\xff nonsense\n", b'{"Event":"SparkListenerTaskEnd","Stage ID":\n', *lines[6:]]
    (tmp_path / "app-2").write_bytes(b"".join(spoilt))
    run = read(tmp_path / "app-2")
    assert facts(run) == facts(read(plain))
    assert run.notes == ("2 lines of the log were not understood and passed over.",)


def test_a_task_with_a_broken_number_leaves_the_others_whole(tmp_path, plain):
    text = plain.read_bytes().replace(b'"JVM GC Time":100.0', b'"JVM GC Time":null', 1)
    (tmp_path / "app-2").write_bytes(text)
    run = read(tmp_path / "app-2")
    assert [len(stage.tasks) for stage in run.stages] == [7, 4]
    assert set(run.stages[0].tasks.column(Column.RUN)) == {10_000}
    assert "1 line of the log was not" in run.notes[0]


def test_a_task_that_failed_without_metrics_counts(tmp_path):
    lost = Task(reason="ExecutorLostFailure", metrics=False)
    run = read(App([Job([Stage([lost, *same(3)])])]).write(tmp_path / "app-1"))
    tasks = run.stages[0].tasks
    assert (int(tasks.failed.sum()), int(tasks.good.sum())) == (1, 3)


def test_files_that_scans_read_are_counted(tmp_path):
    run = read(App(APP.jobs, files=(300, 9_000)).write(tmp_path / "app-1"))
    assert (run.files, run.file_bytes) == (300, 9_000)


def test_a_rolling_log_is_read_in_the_order_of_its_numbers(tmp_path, plain):
    lines = plain.read_bytes().splitlines(keepends=True)
    rolling = tmp_path / "events" / "eventlog_v2_app-1"
    rolling.mkdir(parents=True)
    for part in range(11):
        chunk = lines[part * 2 : part * 2 + 2] if part < 10 else lines[20:]
        (rolling / f"events_{part + 1}_app-1.zstd").write_bytes(PACKERS["zstd"](b"".join(chunk)))
    (rolling / "appstatus_app-1").touch()
    (rolling / ".events_1_app-1.zstd.crc").write_bytes(b"crc")
    assert facts(read(rolling)) == facts(read(plain))
    assert facts(read(rolling.parent)) == facts(read(plain))


def test_missing_and_compacted_parts_are_told(tmp_path, plain):
    text = plain.read_bytes()
    for name in ("events_1_app-1", "events_3_app-1"):
        (tmp_path / "eventlog_v2_a").mkdir(exist_ok=True)
        (tmp_path / "eventlog_v2_a" / name).write_bytes(text if "1_" in name[:9] else b"")
    assert "Parts of the log are missing" in read(tmp_path / "eventlog_v2_a").notes[0]
    compacted = tmp_path / "eventlog_v2_b"
    compacted.mkdir()
    (compacted / "events_1_app-1").write_bytes(b"{}\n")
    (compacted / "events_2_app-1.compact").write_bytes(text)
    (compacted / "events_3_app-1").write_bytes(b"")
    run = read(compacted)
    assert "compacted" in run.notes[0]
    assert facts(run) == facts(read(plain))


def test_jobs_whose_beginning_is_missing_are_made_up(tmp_path, plain):
    kept = [line for line in plain.read_bytes().splitlines(keepends=True) if b"ListenerJob" not in line]
    (tmp_path / "app-2").write_bytes(b"".join(kept))
    run = read(tmp_path / "app-2")
    assert len(run.jobs) == 1
    assert run.wall == 20_000


def test_slots_come_from_tasks_where_no_executor_is_told(tmp_path, plain):
    kept = [line for line in plain.read_bytes().splitlines(keepends=True) if b"ExecutorAdded" not in line]
    (tmp_path / "app-2").write_bytes(b"".join(kept))
    assert read(tmp_path / "app-2").slots == 8


def test_an_enormous_line_is_passed_over(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 4096)
    lines = plain.read_bytes().splitlines(keepends=True)
    (tmp_path / "app-2").write_bytes(b"".join([lines[0], b'{"Event":"x' + b"y" * 9000 + b'"}\n', *lines[1:]]))
    run = read(tmp_path / "app-2")
    assert [len(stage.tasks) for stage in run.stages] == [8, 4]
    assert "passed over" in run.notes[0]


@pytest.mark.parametrize("name", ["lz4", "snappy", "zstd"])
def test_damage_ends_a_log_and_is_told(tmp_path, name):
    many = App([Job([Stage([Task(run=1000 + n) for n in range(2000)])])])
    packed = bytearray(PACKERS[name](b"".join(many.lines())))
    middle = len(packed) // 2
    packed[middle:] = b"\xff" * (len(packed) - middle)
    (tmp_path / "app-1").write_bytes(packed)
    run = read(tmp_path / "app-1")
    assert run.truncated
    assert run.stages
    assert any("damaged" in note for note in run.notes)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "There is no"),
        (lambda path: path.write_text("id,ra,dec\n1,2,3\n"), "is not an event log"),
        (lambda path: path.write_bytes(b""), "is not an event log"),
        (lambda path: path.write_bytes(b"ZV\x01\x00"), "LZF"),
        (lambda path: path.mkdir(), "no event log in"),
    ],
)
def test_what_is_no_log_is_told_in_words(tmp_path, make, words):
    make(tmp_path / "it")
    with pytest.raises(BadEventLog, match=words) as met:
        read(tmp_path / "it")
    assert met.value.hint


def test_of_several_logs_one_is_to_be_named(tmp_path):
    for name in ("app-1", "app-2"):
        APP.write(tmp_path / name)
    with pytest.raises(BadEventLog, match="2 event logs") as met:
        read(tmp_path)
    assert "app-1, app-2" in met.value.hint


def test_slots_are_cores_over_the_cores_of_a_task(tmp_path):
    app = App(APP.jobs, properties={"spark.task.cpus": "2", "spark.executor.memory": "4g"})
    run = read(app.write(tmp_path / "app-1"))
    assert (run.slots, run.heap) == (4, 4 << 30)


def test_a_log_of_somebody_else_is_told_in_words(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)  # root may read everything
    with pytest.raises(BadEventLog, match="may not be read"):
        read(tmp_path)


def test_blocks_of_nonsense_are_damage():
    with pytest.raises(codecs.Damaged):
        codecs._varint(b"\xff\xff\xff\xff\x7f")


def test_a_log_that_spark_4_3_wrote_itself():
    """A Connect server with two executors of a core, one query: its environment and properties left out."""
    run = read(Path(__file__).with_name("spark-4.3-connect.zstd"))
    assert (run.spark, run.slots, len(run.executors), len(run.jobs)) == ("4.3.0", 2, 2, 2)
    assert [(len(stage.tasks), stage.tasks.good.all()) for stage in run.stages] == [(2, True), (1, True)]
    assert run.stages[0].tasks.column(Column.CPU)[0] == pytest.approx(361.6548)
    assert run.stages[0].tasks.column(Column.DESERIALISE)[0] == 1339
    assert run.stages[0].name == "Exchange, WholeStageCodegen (1)"
    assert len(run.asked) == 1
    assert 0 < run.wall < 10_000
    assert run.notes == ()


def test_what_a_platform_computes_by_itself_is_nobodys_job(tmp_path):
    mine = Job([Stage(same(8))])
    alone = read(App([mine]).write(tmp_path / "app-1"))
    beside = read(App([Job([Stage(same(3, run=90_000))], pool=POOL), mine]).write(tmp_path / "app-2"))
    assert [len(stage.tasks) for stage in beside.stages] == [8]
    assert len(beside.jobs) == 1
    assert beside.wall == alone.wall
    assert beside.notes == alone.notes
