"""``almanac diagnose`` in the terminal and for programs."""

from __future__ import annotations

import json

import pytest
from tests.support.event_logs import MIB, App, Job, Stage, same, with_one

from almanac.cli import output
from almanac.cli.main import run


@pytest.fixture(autouse=True)
def _streams():
    output.forget_consoles()
    yield
    output.forget_consoles()


@pytest.fixture
def skewed(tmp_path):
    tasks = with_one(same(32), run=120_000, read=640 * MIB)
    return App([Job([Stage(tasks)])]).write(tmp_path / "app-skewed")


@pytest.fixture
def healthy(tmp_path):
    return App([Job([Stage(same(32))])]).write(tmp_path / "app-healthy")


def test_the_cause_its_evidence_and_what_to_change(skewed, capsys):
    assert run(["diagnose", str(skewed)]) == 0
    told = capsys.readouterr().out
    assert "1. Stage 0 waits for its longest task: severe, saves 1 min 6 s (55%)" in told
    assert "longest task 2 min 0 s, median task 10.0 s, longest reads 640.0 MiB" in told
    assert "a few keys hold most rows" in told
    assert "2x the slots: 2 min 0 s to" in told
    assert "the model is off by +0.0%" in told


def test_a_healthy_run_is_told_so(healthy, capsys):
    assert run(["diagnose", str(healthy)]) == 0
    assert "Nothing is wrong with it." in capsys.readouterr().out


def test_a_run_against_an_earlier_one(skewed, healthy, capsys):
    assert run(["diagnose", str(healthy), str(skewed)]) == 0
    told = capsys.readouterr().out
    assert "-67%" in told
    assert "No longer: skew" in told


def test_for_programs(skewed, healthy, capsys):
    assert run(["diagnose", str(skewed), str(healthy), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["diagnosis"]["causes"][0]["kind"] == "skew"
    assert told["diagnosis"]["causes"][0]["saved_s"] == pytest.approx(66.25)
    assert told["comparison"]["new"] == ["skew"]


def test_storage_is_judged_by_its_rate(tmp_path, capsys):
    log = App([Job([Stage(same(32, cpu=0.2, read=256 * MIB))])]).write(tmp_path / "app-1")
    assert run(["diagnose", str(log), "--storage", "200"]) == 0
    told = capsys.readouterr().out
    assert "The storage is the limit" in told
    assert "read 204.8 MiB/s, reference 200.0 MiB/s" in told


def test_what_is_no_event_log_gets_a_sentence_and_what_would_work(tmp_path, capsys):
    (tmp_path / "stars.csv").write_text("id,ra,dec\n")
    assert run(["diagnose", str(tmp_path / "stars.csv")]) == 2
    told = capsys.readouterr().err
    assert "is not an event log of Spark" in told
    assert "one JSON object a line" in told


def test_an_application_that_ran_nothing_is_not_judged(tmp_path, capsys):
    assert run(["diagnose", str(App([]).write(tmp_path / "app-1"))]) == 0
    assert "nothing to judge yet" in capsys.readouterr().out


def test_a_log_that_is_cut_says_so(skewed, capsys):
    skewed.write_bytes(skewed.read_bytes()[:-400])
    assert run(["diagnose", str(skewed)]) == 0
    assert "stops in the middle" in capsys.readouterr().err


def test_what_is_neither_a_log_nor_a_booking_gets_a_sentence(capsys):
    assert run(["diagnose", "yesterday"]) == 2
    told = capsys.readouterr().err
    assert "no event log yesterday, and that is no booking's id either" in told
    assert "almanac bookings" in told


def test_a_file_is_a_file_whatever_its_name(healthy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    healthy.rename(tmp_path / "b-7k3m9q2x")
    assert run(["diagnose", "b-7k3m9q2x"]) == 0
    assert "Nothing is wrong with it." in capsys.readouterr().out
