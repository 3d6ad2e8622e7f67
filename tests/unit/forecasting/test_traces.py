from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from almanac.core.errors import BadRequest
from almanac.core.windows import Window
from almanac.forecasting.traces import BadTrace, read

BEGIN = datetime(2026, 5, 4, tzinfo=UTC)


@pytest.fixture
def write(tmp_path):
    def write(text, name="trace.csv"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


def told(trace, words):
    return any(words in sentence for sentence in trace.report)


# --- the forms -------------------------------------------------------------------------------------------------------


def test_sessions_with_everything(write):
    trace = read(
        write(
            "arrival,duration_s,size,group\n2026-05-04T10:30:00+02:00,600,3,physics\n2026-05-04T09:00:00Z,60.5,1,maths\n"
        )
    )
    sessions = trace.sessions
    assert sessions.origin == BEGIN + timedelta(hours=8)
    assert sessions.arrival.tolist() == [1800, 3600]
    assert sessions.duration.tolist() == [600, 61]
    assert sessions.size.tolist() == [3, 1]
    assert len(set(sessions.group.tolist())) == 2
    assert trace.report == ("2 sessions from trace.csv.", "Times in 2 different zones were brought to UTC.")


def test_launches_by_the_minute_may_be_alike_and_last_as_long_as_one_says(tmp_path):
    path = tmp_path / "launches.parquet"
    pd.DataFrame({"minute": [5, 5, 70], "repo": [1, 1, 2]}).to_parquet(path)
    trace = read(path, duration=timedelta(minutes=30), origin=BEGIN)
    assert trace.sessions.origin == BEGIN
    assert trace.sessions.arrival.tolist() == [300, 300, 4200]
    assert set(trace.sessions.duration.tolist()) == {1800}
    assert trace.report == (
        "3 sessions from launches.parquet.",
        "Sessions don't say how long they lasted: 0:30:00 each is assumed.",
    )


def test_what_counted_times_count_from_is_said(write):
    trace = read(write("minute,repo\n0,1\n"))
    assert trace.sessions.origin == datetime(2018, 11, 3, tzinfo=UTC)
    assert told(trace, "counted from 2018-11-03 00:00 UTC; give another origin")


def test_bursts_are_sessions_of_a_size(write):
    trace = read(
        write(
            "start_utc,repo_code,n,tot\n2026-05-04 08:15:00,7,29,100\n2026-05-04 08:15:00,7,29,100\n", "bursts.csv.gz"
        )
    )
    assert trace.sessions.size.tolist() == [29]
    assert told(trace, "1 row repeated another and was left out (the first is line 3)")


def test_arrivals_of_machines_and_which_column_counts(write):
    text = "t_s,part,vms,batches\n300,train,91,46\n600,train,0,0\n"
    assert read(write(text), origin=BEGIN).sessions.size.tolist() == [91]
    assert read(write(text), origin=BEGIN, columns={"size": "batches"}).sessions.size.tolist() == [46]
    assert told(read(write(text)), "1 row that ask for nothing was left out (the first is line 3)")
    with pytest.raises(BadTrace, match="has no column cores"):
        read(write(text), columns={"size": "cores"})


def test_sessions_that_say_when_they_ended(write):
    trace = read(write("start,end\n2026-05-04T08:00Z,2026-05-04T08:10Z\n2026-05-04T08:00Z,2026-05-04T09:00Z\n"))
    assert trace.sessions.duration.tolist() == [600, 3600]


def test_parquet_with_true_times(tmp_path):
    path = tmp_path / "sessions.parquet"
    pd.DataFrame({"arrival": pd.to_datetime(["2026-05-04T10:00+02:00"]), "duration": [60]}).to_parquet(path)
    assert read(path).sessions.origin == BEGIN + timedelta(hours=8)


SWF = """; Version: 2.2
; UnixStartTime: 1777852800
1 0 5 600 4 -1 -1 8 3600 -1 1 3 1 1 1 1 -1 -1
2 60 5 -1 -1 -1 -1 8 3600 -1 1 4 1 1 1 1 -1 -1
"""


def test_standard_workload_format(write):
    sessions = read(write(SWF, "cluster.swf.gz")).sessions
    assert sessions.origin == BEGIN
    assert sessions.arrival.tolist() == [0, 60]
    assert sessions.duration.tolist() == [600, 3600], "the asked time stands in for an unknown one"
    assert sessions.size.tolist() == [4, 8]
    assert len(set(sessions.group.tolist())) == 2


def test_a_workload_without_a_start_is_counted_from_somewhere(write):
    assert told(read(write(SWF.replace("UnixStartTime", "Note"), "cluster.swf")), "give another origin")


def test_a_workload_with_too_few_fields(write):
    with pytest.raises(BadTrace, match="no jobs of 18 fields"):
        read(write("1 2 3\n", "cluster.swf"))


def test_hours_with_gaps_outages_and_repetitions(write):
    trace = read(
        write(
            "hour_utc,launches,day_present\n2026-05-04 00:00:00,5,True\n2026-05-04 01:00:00,7,True\n2026-05-04 01:00:00,9,True\n"
            "2026-05-04 04:00:00,0,False\n2026-05-04 05:00:00,3,True\n"
        )
    )
    assert trace.hourly.start == BEGIN
    assert trace.hourly.values[trace.hourly.known].tolist() == [5, 9, 3]
    assert trace.hourly.known.tolist() == [True, True, False, False, False, True]
    assert told(trace, "1 row told of an hour again; the larger demand counts")
    assert told(trace, "3 hours are missing or marked as absent")


# --- the bad input ---------------------------------------------------------------------------------------------------


def test_negative_durations_are_left_out_and_named(write):
    good = "".join(f"2026-05-04T10:{n:02}:00Z,60\n" for n in range(30))
    trace = read(write(f"arrival,duration\n{good}2026-05-04T11:00Z,-5\n"))
    assert len(trace.sessions) == 30
    assert told(trace, "1 row that last no longer than nothing was left out (the first is line 32)")


def test_too_many_are_refused(write):
    with pytest.raises(BadTrace, match="2 rows of 3 last no longer than nothing; the first is line 3"):
        read(write("arrival,duration\n2026-05-04T10:00Z,5\n2026-05-04T10:01Z,-5\n2026-05-04T10:02Z,0\n"))


def test_sizes_below_nothing(write):
    with pytest.raises(BadTrace, match="1 row of 2 ask for less than nothing; the first is line 3"):
        read(write("arrival,size\n2026-05-04T10:00Z,5\n2026-05-04T10:01Z,-5\n"))


def test_nothing_asked_for_at_all(write):
    with pytest.raises(BadTrace, match="holds no session"):
        read(write("t_s,vms\n0,0\n300,0\n"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("2026-05-04T10:00Z,60\n2026-05-04T11:00,60\n", "line 3: line 2 has a time zone and this one none"),
        ("2026-05-04T10:00,60\n2026-05-04T11:00-0500,60\n", "line 3: line 2 has no time zone and this one one"),
        ("2026-05-04T10:00Z,60\nyesterdayZ,60\n", "line 3: arrival is 'yesterdayZ', not a time"),
        ("2026-05-04T10:00Z,60\n\n2026-05-04T11:00Z,long\n", "line 4: duration is 'long', not a number"),
    ],
)
def test_the_line_is_named(write, rows, words):
    with pytest.raises(BadTrace, match=words) as error:
        read(write(f"arrival,duration\n{rows}"))
    assert error.value.hint
    assert isinstance(error.value, BadRequest)


def test_naive_times_are_taken_as_utc_and_it_is_said(write):
    trace = read(write("arrival,duration\n2026-05-04T10:00,60\n"))
    assert trace.sessions.origin == BEGIN + timedelta(hours=10)
    assert told(trace, "arrival has no time zone and is taken as UTC")


def test_seconds_since_1970(write):
    trace = read(write(f"arrival,duration\n{int(BEGIN.timestamp())},60\n"))
    assert trace.sessions.origin == BEGIN
    assert told(trace, "counted in seconds from 1970")


def test_ids_that_come_twice(write):
    trace = read(write("id,arrival,duration\n1,2026-05-04T10:00Z,60\n2,2026-05-04T09:00Z,60\n1,2026-05-04T10:00Z,90\n"))
    assert trace.sessions.arrival.tolist() == [0, 3600]
    assert told(trace, "1 row repeated another and was left out (the first is line 4)")
    assert told(trace, "put in the order of their arrival")


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("when,what\n1,2\n", "trace.csv", "no column of arrival times, only when, what"),
        ("arrival,duration\n", "trace.csv", "has no rows"),
        ("", "trace.csv", "can't be read: No columns"),
        ("nonsense", "trace.parquet", "can't be read"),
        ("hour,demand\n2026-05-04T10:30Z,1\n", "trace.csv", "line 2: not a full hour"),
        ("hour,demand\n1866-10-14T00:00Z,1\n2026-05-04T10:00Z,1\n", "trace.csv", "more than a century"),
        ("hour,demand,known\n2026-05-04T10:00Z,1,maybe\n", "trace.csv", "line 2: known is 'maybe', not true or false"),
        ("hour,demand\n2026-05-04T10:00Z,-1\n", "trace.csv", "1 row of 1 are below nothing; the first is line 2"),
    ],
)
def test_what_is_no_trace(write, text, name, words):
    with pytest.raises(BadTrace, match=words):
        read(write(text, name))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_columns_may_be_separated_otherwise(write, separator):
    trace = read(write(f"hour{separator}demand\n2026-05-04T10:00Z{separator}3\n"))
    assert trace.hourly.values.tolist() == [3]


def test_text_that_is_not_utf_8_is_said(tmp_path):
    path = tmp_path / "trace.csv"
    path.write_bytes("arrival,größe\n0,1\n".encode("latin-1"))
    with pytest.raises(BadTrace, match="isn't text in UTF-8"):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadTrace, match="no file trace"):
        read(tmp_path / "trace.csv")


def test_a_negative_hour_among_many_is_unknown(write):
    rows = "".join(f"2026-05-04T{n:02}:00Z,{-1 if n == 5 else n}\n" for n in range(24))
    trace = read(write(f"hour,demand\n{rows}"))
    assert np.flatnonzero(~trace.hourly.known).tolist() == [5]


def test_a_day_of_silence_among_many_sessions_is_an_outage(write):
    days = [day for day in range(10) if day != 8]
    text = "minute\n" + "".join(f"{day * 1440 + minute}\n" for day in days for minute in range(0, 1440, 10))
    trace = read(write(text), origin=BEGIN)
    assert trace.outages == (Window.lasting(BEGIN + timedelta(days=8), timedelta(days=1)),)
    assert told(trace, "Nothing arrived from 2026-05-12 00:00 to 2026-05-13 00:00 UTC: taken as an outage")


@pytest.mark.parametrize("spike", [0, 1200])
def test_nights_are_none_not_even_the_first_or_those_after_a_spike(write, spike):
    minutes = [day * 1440 + minute for day in range(20) for minute in range(480, 1080, 10)]
    minutes += [9 * 1440 + 600] * spike
    trace = read(write("minute\n" + "".join(f"{minute}\n" for minute in sorted(minutes))), origin=BEGIN)
    assert trace.outages == ()


def test_a_quiet_weekend_is_none(write):
    assert read(write("minute\n0\n600\n1500\n9000\n"), origin=BEGIN).outages == ()
