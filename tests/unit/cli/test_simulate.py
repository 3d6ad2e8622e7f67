"""``almanac simulate`` on small traces: the table, the picture, sweeps, and what is said of bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.support.traffic import made

from almanac.cli import output
from almanac.cli.main import run


@pytest.fixture(autouse=True)
def _streams():
    output.forget_consoles()
    yield
    output.forget_consoles()


@pytest.fixture
def trace(tmp_path):
    sessions = made(21, rate=3.0)
    path = tmp_path / "sessions.csv"
    arrival = np.datetime64("2026-05-04T00:00") + sessions.arrival.astype("timedelta64[s]")
    rows = (f"{at}Z,3600,{group}" for at, group in zip(arrival, sessions.group, strict=True))
    path.write_text("\n".join(("arrival,duration_s,group", *rows)))
    return path


def test_the_table_is_printed_and_the_picture_saved(trace, tmp_path, capsys):
    assert run(["simulate", str(trace), "--plot", str(tmp_path / "held.png")]) == 0
    shown = capsys.readouterr().out
    assert "almanac" in shown
    assert "reactive +" in shown
    assert "workshops booked" in shown
    assert (tmp_path / "held.png").exists()


def test_the_same_seed_gives_the_same_table(trace, capsys):
    tables = []
    for _ in range(2):
        assert run(["simulate", str(trace), "--json", "--seed", "4"]) == 0
        tables.append(json.loads(capsys.readouterr().out))
    assert tables[0] == tables[1]
    assert {"slot_hours", "vs_peak", "vs_oracle", "at_once", "within_5_min", "rejected"} <= set(
        tables[0]["policies"]["almanac"]
    )


def test_a_sweep_varies_one_thing(trace, capsys):
    assert run(["simulate", str(trace), "--sweep", "booked", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["100% booked", "70% booked", "40% booked", "0% booked"]
    assert run(["simulate", str(trace), "--sweep", "booked"]) == 0
    assert "40% booked" in capsys.readouterr().out


def test_an_hourly_trace_is_spread_over_its_hours(tmp_path, capsys):
    rows = (f"2026-05-{4 + hour // 24:02d} {hour % 24:02d}:00:00,{hour % 24}" for hour in range(14 * 24))
    path = tmp_path / "hourly.csv"
    path.write_text("\n".join(("hour_utc,launches", *rows)))
    assert run(["simulate", str(path), "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["sessions"] == 14 * sum(range(24))
    assert "spread over it evenly" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--sweep", "moon"], "no sweep over 'moon'"),
        (["--start-up", "soon"], "not a length"),
        (["--zone", "Nowhere/Land"], "no time zone"),
        (["--booked", "120"], "--booked"),
    ],
)
def test_what_is_not_understood_is_said(trace, arguments, said, capsys):
    assert run(["simulate", str(trace), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_trace_that_is_not_there_is_said(tmp_path, capsys):
    assert run(["simulate", str(tmp_path / "none.csv")]) != 0
    assert "none.csv" in capsys.readouterr().err
