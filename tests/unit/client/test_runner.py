"""The runner that ``almanac run`` sends, with real child processes; a kernel runs it as these tests do."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from almanac.client import runner

SOURCE = Path(runner.__file__).read_text()


def encoded(*arguments: str) -> str:
    return base64.b64encode(json.dumps(arguments).encode()).decode()


@pytest.fixture
def script(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "script.py").write_text(text)
        return str(tmp_path / "script.py")

    return write


def test_arguments_go_in_and_output_and_exit_code_come_out(script, capsys):
    path = script("import sys; print(sys.argv[1:]); print('oh', file=sys.stderr); sys.exit(7)")
    assert runner.run(encoded(path, "a b", "--level", "8", "ü")) == 7
    out, err = capsys.readouterr()
    assert (out, err) == ("['a b', '--level', '8', 'ü']\n", "oh\n")


def test_it_runs_as_a_process_of_its_own_without_input(script, capsys):
    assert runner.run(encoded(script("import os, sys; print(os.getppid(), repr(sys.stdin.read()))"))) == 0
    assert capsys.readouterr().out.endswith(" ''\n")


def test_an_exception_is_exit_code_1_with_its_trace(script, capsys):
    assert runner.run(encoded(script("1 / 0"))) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_signal_is_told_as_a_shell_tells_it(script):
    assert runner.run(encoded(script("import os; os.kill(os.getpid(), 9)"))) == 128 + 9


def test_a_letter_that_comes_in_two_pieces_is_one_letter(script, capsys):
    text = "import os, time; os.write(1, b'\\xc3'); time.sleep(.2); os.write(1, b'\\xbc and \\xff\\n')"
    assert runner.run(encoded(script(text))) == 0
    assert capsys.readouterr().out == "ü and \ufffd\n"


def test_much_output_arrives_whole(script, capsys):
    assert runner.run(encoded(script("for i in range(20000): print(i)"))) == 0
    assert capsys.readouterr().out.split() == [str(i) for i in range(20000)]


def test_a_child_that_keeps_the_pipe_is_not_waited_for(script, capsys):
    child = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(4); print(1)'])"
    assert runner.run(encoded(script(child))) == 0
    assert capsys.readouterr().out == ""


def interrupted(path: str, grace_s: float) -> subprocess.CompletedProcess[str]:
    """Run the runner in a process group of its own, and interrupt that group once the script says so."""
    code = f"{SOURCE}\nGRACE_S = {grace_s}\nsys.exit(run({encoded(path)!r}))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    first = process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, first + out, err)


def test_an_interrupt_reaches_the_script_which_may_clean_up(script):
    path = script("import time\nprint('on', flush=True)\ntry: time.sleep(60)\nfinally: print('cleaned')")
    done = interrupted(path, grace_s=30)
    assert (done.returncode, done.stdout) == (130, "on\ncleaned\n")
    assert "KeyboardInterrupt" in done.stderr


def test_a_script_that_ignores_the_interrupt_is_ended(script):
    path = script(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('on', flush=True)\ntime.sleep(60)"
    )
    assert interrupted(path, grace_s=0.5).returncode == 128 + 9


def test_the_runner_needs_nothing_but_python():
    code = f"{SOURCE}\nprint(sorted(m for m in sys.modules if m.startswith('almanac')))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_runner_doesnt_name_the_notebooks_session():
    assert not re.search(r"\bspark\b", SOURCE)
