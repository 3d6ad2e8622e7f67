from __future__ import annotations

from types import SimpleNamespace

import pytest
from IPython.core.interactiveshell import InteractiveShell

from almanac.spark import kernel_startup


class Session:
    def __init__(self):
        self.is_stopped = False
        self.release_session_on_close = True
        self.released = False

    def stop(self):
        self.released = self.release_session_on_close
        self.is_stopped = True


@pytest.fixture
def made(monkeypatch):
    sessions = []

    def session():
        sessions.append(Session())
        return sessions[-1]

    monkeypatch.setattr(kernel_startup, "_session", session)
    return sessions


@pytest.fixture
def shell(made):
    shell = InteractiveShell()
    kernel_startup.start(shell)
    yield shell
    shell.history_manager.end_session()
    shell.restore_sys_module_state()


def test_a_kernel_without_spark_cells_makes_no_session(shell, made):
    shell.run_cell("sparkle = 1")
    assert made == []


def test_the_first_cell_that_names_spark_makes_it_and_later_ones_share_it(shell, made):
    shell.run_cell("a = spark")
    shell.run_cell("b = spark")
    assert shell.user_ns["a"] is shell.user_ns["b"] is made[0]


def test_a_persons_own_spark_is_left_alone(shell, made):
    shell.run_cell("spark = 'mine'")
    shell.run_cell("spark")
    assert shell.user_ns["spark"] == "mine"
    assert len(made) == 1


def test_a_stopped_session_is_made_anew(shell, made):
    shell.run_cell("spark.stop()")
    shell.run_cell("assert not spark.is_stopped")
    assert len(made) == 2


def test_a_session_that_the_server_lost_is_dropped_and_made_anew(shell, made, capsys):
    shell.run_cell("spark; raise RuntimeError('[INVALID_HANDLE.SESSION_NOT_FOUND]')")
    assert "This Spark session is gone" in capsys.readouterr().out
    assert made[0].is_stopped
    assert not made[0].released
    shell.run_cell("again = spark")
    assert shell.user_ns["again"] is made[1]


def test_other_errors_are_the_persons_own(shell, made, capsys):
    shell.run_cell("spark; 1 / 0")
    assert "session is gone" not in capsys.readouterr().out
    assert not made[0].is_stopped


def test_a_session_goes_to_its_seats_pool(monkeypatch):
    settings = {}
    session = SimpleNamespace(conf=SimpleNamespace(set=settings.__setitem__))
    builder = SimpleNamespace(getOrCreate=lambda: session)
    monkeypatch.setattr("pyspark.sql.SparkSession", SimpleNamespace(builder=builder))
    monkeypatch.setenv("ALMANAC_SEAT", "seat-2")
    assert kernel_startup._session() is session
    assert settings == {"spark.scheduler.pool": "seat-2"}
