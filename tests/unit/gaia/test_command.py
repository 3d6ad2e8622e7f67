from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from almanac.gaia import sample
from almanac.gaia.__main__ import main


def run(monkeypatch: pytest.MonkeyPatch, *argv: str) -> int:
    monkeypatch.setattr(sys, "argv", ["almanac.gaia", *argv])
    try:
        return main()
    except SystemExit as done:
        return int(done.code or 0)


def test_generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "generate", str(tmp_path / "stars"), "--rows", "2000") == 0
    assert pq.read_table(tmp_path / "stars").num_rows == 2000
    assert capsys.readouterr().out.strip() == str(tmp_path / "stars")


def test_maps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "maps", str(sample.SAMPLE), str(tmp_path)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"source-counts.png", "mean-proper-motions.png"}


def test_bad_input_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "generate", str(tmp_path / "stars"), "--rows", "-3") == 2
    error = capsys.readouterr().err
    assert "ask for at least 1" in error
    assert "Traceback" not in error
