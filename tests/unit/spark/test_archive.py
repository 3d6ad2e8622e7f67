from __future__ import annotations

import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from almanac.spark import archive
from almanac.spark.archive import ArchiveFailed, ensure_archive, find_archive
from almanac.spark.trial import TrialFailed


@pytest.fixture
def machine(runtime, tmp_path):
    """A runtime with jars to look at."""
    jars = tmp_path / "spark" / "jars"
    jars.mkdir(parents=True)
    (jars / "spark-core.jar").write_bytes(b"core")
    (tmp_path / "java").mkdir()
    return replace(runtime, spark_home=str(jars.parent), java_home=str(tmp_path / "java"), archive=None)


@pytest.fixture
def builds(monkeypatch):
    """Builds that take no minute; each is noted."""
    made = []

    def build(_runtime, directory, _tell):
        made.append(directory)
        result = directory / "spark.jsa"
        result.write_bytes(b"archive")
        return result

    monkeypatch.setattr(archive, "_build", build)
    return made


def test_it_is_made_once_and_found_afterwards(machine, tmp_path, builds):
    assert find_archive(machine, tmp_path) is None
    said = []
    path = ensure_archive(machine, tmp_path, lambda done, doing: said.append((done, doing)))
    assert ensure_archive(machine, tmp_path) == find_archive(machine, tmp_path) == path
    assert len(builds) == 1
    assert said[-1] == (1.0, "the archive is ready")


def test_any_uid_may_read_it(machine, tmp_path, builds):
    before = os.umask(0o077)
    try:
        path = ensure_archive(machine, tmp_path / "cache")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    assert builds


@pytest.mark.parametrize("change", ["jar", "java", "path", "options"])
def test_it_is_void_when_what_it_was_made_for_changes(machine, tmp_path, builds, change, monkeypatch):
    first = ensure_archive(machine, tmp_path)
    changed = machine
    if change == "jar":
        (Path(machine.spark_home) / "jars" / "spark-core.jar").write_bytes(b"another core")
    elif change == "java":
        (Path(machine.java_home) / "release").write_text('JAVA_VERSION="17.0.16"')
    elif change == "path":
        changed = replace(machine, class_path="/elsewhere/*")
    else:
        monkeypatch.setattr(archive.jvm, "MODULE_OPTIONS", ())
    assert find_archive(changed, tmp_path) is None
    assert ensure_archive(changed, tmp_path) != first
    assert not first.exists()
    assert len(builds) == 2


def test_builders_beside_each_other_build_once(machine, tmp_path, builds):
    found = []
    threads = [threading.Thread(target=lambda: found.append(ensure_archive(machine, tmp_path))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(builds) == 1
    assert len(set(found)) == 1


def test_what_a_killed_builder_left_is_swept_up_and_never_taken_for_an_archive(machine, tmp_path, builds):
    left = tmp_path / "archives" / "building-killed"
    left.mkdir(parents=True)
    (left / "spark.jsa").write_bytes(b"half")
    assert find_archive(machine, tmp_path) is None
    path = ensure_archive(machine, tmp_path)
    assert path.read_bytes() == b"archive"
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(["lock", path.name])
    assert builds


def test_a_failed_build_leaves_nothing_and_can_be_tried_again(machine, tmp_path, builds, monkeypatch):
    good = archive._build

    def fail(*_):
        raise ArchiveFailed("The class-data archive could not be made: no space left")

    monkeypatch.setattr(archive, "_build", fail)
    with pytest.raises(ArchiveFailed, match="no space left"):
        ensure_archive(machine, tmp_path)
    assert [p.name for p in (tmp_path / "archives").iterdir()] == ["lock"]
    monkeypatch.setattr(archive, "_build", good)
    assert ensure_archive(machine, tmp_path).exists()
    assert len(builds) == 1


def test_what_went_wrong_in_training_is_said(machine, tmp_path, monkeypatch):
    def fail(*_):
        raise TrialFailed("connect ended with 1")

    monkeypatch.setattr(archive, "_train", fail)
    with pytest.raises(ArchiveFailed, match="could not be made: connect ended with 1"):
        ensure_archive(machine, tmp_path)


def test_a_java_that_cannot_dump_is_a_failure(machine, tmp_path, monkeypatch):
    java = Path(machine.java_home) / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho no room for the archive\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setattr(archive, "_train", lambda *_: None)
    with pytest.raises(ArchiveFailed, match="no room for the archive"):
        ensure_archive(machine, tmp_path)


def test_the_class_list_is_merged_without_what_only_one_loader_has(tmp_path):
    (tmp_path / "1.lst").write_text(
        "# a comment\njava/lang/Object id: 0\n@lambda-proxy a b\norg/X id: 7 super: 0 source: file:/a\n"
    )
    (tmp_path / "2.lst").write_text("java/lang/Object id: 0\norg/Y id: 9\n@lambda-proxy a b\n")
    assert list(archive._merged(tmp_path)) == ["java/lang/Object", "@lambda-proxy a b", "org/Y"]


def test_the_command_makes_it_and_says_so(machine, tmp_path, builds, monkeypatch, capsys):
    monkeypatch.setattr(archive, "find_runtime", lambda _: machine)
    monkeypatch.setattr("sys.argv", ["archive", "--cache", str(tmp_path)])
    archive.main()
    assert capsys.readouterr().out.splitlines() == ["100%  the archive is ready", str(find_archive(machine, tmp_path))]
    assert builds


def test_the_command_fails_with_the_reason(machine, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise ArchiveFailed("no room")

    monkeypatch.setattr(archive, "find_runtime", lambda _: machine)
    monkeypatch.setattr(archive, "ensure_archive", fail)
    monkeypatch.setattr("sys.argv", ["archive", "--cache", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        archive.main()
    assert stopped.value.code == 1
    assert "no room" in capsys.readouterr().out
