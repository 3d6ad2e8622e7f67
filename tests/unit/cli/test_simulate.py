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


def written(path, days):
    sessions = made(days, rate=3.0)
    arrival = np.datetime64("2026-05-04T00:00") + sessions.arrival.astype("timedelta64[s]")
    rows = (f"{at}Z,3600,{group}" for at, group in zip(arrival, sessions.group, strict=True))
    path.write_text("\n".join(("arrival,duration_s,group", *rows)))
    return path


@pytest.fixture
def trace(tmp_path):
    return written(tmp_path / "sessions.csv", 21)


@pytest.fixture
def short(tmp_path):
    return written(tmp_path / "short.csv", 8)


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


@pytest.mark.parametrize(
    ("what", "cases"),
    [
        ("on-demand", ["any on demand", "40 on demand", "20 on demand", "10 on demand", "0 on demand"]),
        ("start-up", ["0 min to start", "2 min to start", "5 min to start", "10 min to start", "20 min to start"]),
    ],
)
def test_caps_and_start_up_times_are_swept(short, what, cases, capsys):
    assert run(["simulate", str(short), "--sweep", what, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == cases
    assert len({each["slot_hours"] for each in found.values()}) > 2


def test_the_site_is_as_its_options_say(short, capsys):
    def ours(*options):
        assert run(["simulate", str(short), "--json", *options]) == 0
        return json.loads(capsys.readouterr().out)["policies"]["almanac"]

    usual = ours()
    assert ours("--floor", "9")["slot_hours"] > usual["slot_hours"]
    assert ours("--minimum", "6h")["slot_hours"] > usual["slot_hours"]
    assert ours("--quota", "4")["rejected"] > 0
    assert ours("--failing", "40")["at_once"] < usual["at_once"]
    assert ours("--at-once", "80")["slot_hours"] < usual["slot_hours"]


def test_a_site_may_want_no_notice(short, capsys):
    assert run(["simulate", str(short), "--json", "--on-demand", "2", "--lead", "0", "--start-up", "0m"]) == 0
    assert json.loads(capsys.readouterr().out)["policies"]["almanac"]["slot_hours"] > 0


def test_a_session_of_a_million_years_is_no_trace(short, capsys):
    short.write_text(short.read_text() + "\n2026-05-09T10:00:00Z,99999999999999,5")
    assert run(["simulate", str(short)]) == 2
    assert "years, and its longest session 3,168,809" in capsys.readouterr().err


def test_counted_times_count_from_what_is_told(tmp_path, capsys):
    path = tmp_path / "minutes.csv"
    path.write_text("minute\n" + "".join(f"{minute}\n" for minute in range(0, 7200, 30)))
    assert run(["simulate", str(path), "--json", "--origin", "2026-05-04"]) == 0
    assert "give another origin" not in capsys.readouterr().err
    assert run(["simulate", str(path), "--origin", "soon"]) == 2
    assert "'soon' is not a time." in capsys.readouterr().err


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
        (["--plot", "/nowhere/held.png"], "There is no folder /nowhere."),
        (["--plot", "held.docx"], "held.docx is no picture"),
        (["--plot", "held.png", "--sweep", "booked"], "A sweep has no picture."),
    ],
)
def test_what_is_not_understood_is_said(trace, arguments, said, capsys):
    assert run(["simulate", str(trace), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_trace_that_is_not_there_is_said(tmp_path, capsys):
    assert run(["simulate", str(tmp_path / "none.csv")]) != 0
    assert "none.csv" in capsys.readouterr().err
