"""A seat's notebook server through its own API, on a real Jupyter server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from almanac.client import ClientError
from almanac.client.jupyter import Jupyter, Output
from almanac.client.scripts import run_script

TOKEN = "test-token"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def url(home, tmp_path_factory) -> Iterator[str]:
    """The notebook URL of a Jupyter server under a path of its own."""
    own = tmp_path_factory.mktemp("own")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "JUPYTER_TOKEN": TOKEN, "SPARK_REMOTE": "sc://localhost:1",
        **{f"JUPYTER_{name}_DIR": str(own / name) for name in ("RUNTIME", "DATA", "CONFIG")}, "IPYTHONDIR": str(own / "i"),
    }  # fmt: skip
    options = {
        "ip": "127.0.0.1",
        "port": port,
        "port_retries": 0,
        "base_url": "/seat-1/",
        "root_dir": home,
        "allow_root": True,
    }
    arguments = [f"--ServerApp.{name}={value}" for name, value in options.items()]
    with (own / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--no-browser", *arguments],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}/seat-1/lab?token={TOKEN}"
    finally:
        children = psutil.Process(server.pid).children(recursive=True)
        server.terminate()
        server.wait(timeout=60)
        psutil.wait_procs(children, timeout=30)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the Jupyter server never listened")


@pytest.fixture
def jupyter(url) -> Iterator[Jupyter]:
    jupyter = Jupyter(url)
    yield jupyter
    assert jupyter._call("GET", "/api/kernels") == []  # none is left behind
    jupyter.close()


def test_files(jupyter, home):
    jupyter.make_folder("deep")
    jupyter.make_folder("deep")
    jupyter.put("deep/a b ü.bin", b"\x00\xff")
    assert (home / "deep" / "a b ü.bin").read_bytes() == b"\x00\xff"
    assert jupyter.get("deep/a b ü.bin") == b"\x00\xff"


def test_cells_of_a_notebook_run_through_its_own_api(jupyter, home):
    cells = [
        {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# Sky"]},
        *(
            {
                "cell_type": "code",
                "id": f"c{i}",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
                "source": source,
            }
            for i, source in enumerate((["n = 20\n", "print('counted')"], ["n + 1"], ["1 / 0"]))
        ),
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (home / "sky.ipynb").write_text(json.dumps(notebook))
    with jupyter.kernel() as kernel:
        done = [kernel.execute(cell) for cell in jupyter.code_cells("sky.ipynb")]
    assert [each.text for each in done] == ["counted\n", "21", ""]
    assert done[1].outputs[0].data["text/plain"] == "21"
    assert [each.error for each in done] == ["", "", "ZeroDivisionError: division by zero"]


def test_a_kernel_that_dies_is_said(jupyter):
    with jupyter.kernel() as kernel, pytest.raises(ClientError, match="died") as caught:
        kernel.execute("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert "larger profile" in caught.value.hint


def test_a_silent_kernel_is_waited_for_so_long(jupyter):
    with jupyter.kernel() as kernel:
        with pytest.raises(ClientError, match="said nothing"):
            kernel.execute("import time; time.sleep(60)", timeout_s=1)
        kernel.interrupt()


def test_a_wrong_token_is_refused(url):
    other = Jupyter(url.replace(TOKEN, "wrong"))
    with pytest.raises(ClientError, match="403"):
        other.get("x")
    other.close()


def test_a_server_that_is_gone_is_said():
    gone = Jupyter("http://127.0.0.1:1/lab?token=x")
    with pytest.raises(ClientError, match="doesn't answer") as caught:
        gone.get("x")
    assert "almanac bookings" in caught.value.hint
    gone.close()


# --- scripts ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path):
    def write(text: str):
        path = tmp_path / "my script.py"
        path.write_text(text)
        return path

    return write


def run(jupyter, path, *arguments) -> tuple[int, str, str]:
    heard: list[Output] = []
    code = run_script(jupyter, path, arguments, heard.append)
    out, err = ("".join(each.text for each in heard if each.kind == kind) for kind in ("stdout", "stderr"))
    return code, out, err


def test_a_script_runs_there_as_if_it_ran_here(jupyter, script, home):
    path = script(
        "import os, sys; print(sys.argv[1:], os.getcwd(), os.environ['SPARK_REMOTE'], __name__); "
        "print('oh', file=sys.stderr); sys.exit(7)"
    )
    code, out, err = run(jupyter, path, "--level", "8", "a b", "spark")
    assert (code, err) == (7, "oh\n")
    assert out == f"['--level', '8', 'a b', 'spark'] {home} sc://localhost:1 __main__\n"
    kept = list((home / "jobs").glob("*/my script.py"))
    assert kept[-1].read_text() == path.read_text()


def test_much_output_arrives_whole(jupyter, script):
    code, out, _ = run(jupyter, script("for i in range(60_000): print('line', i, 'x' * 20)"))
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == [str(i) for i in range(60_000)]


def test_output_comes_while_it_runs(jupyter, script, home):
    path = script(
        "import pathlib, time\nprint('on')\nwhile not pathlib.Path('go').exists(): time.sleep(.05)\nprint('off')"
    )
    heard = []

    def hear(output: Output) -> None:
        heard.append(output.text)
        if "on" in output.text:
            (home / "go").touch()

    assert run_script(jupyter, path, (), hear) == 0
    assert "".join(heard) == "on\noff\n"


def test_a_script_that_isnt_there(jupyter, tmp_path):
    with pytest.raises(ClientError, match="can't be read"):
        run(jupyter, tmp_path / "none.py")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_here_interrupts_it_there(jupyter, script, number):
    heard: list[str] = []

    def hear(output: Output) -> None:
        heard.append(output.text)
        if "on" in output.text:
            os.kill(os.getpid(), number)

    path = script("import time\nprint('on')\ntry: time.sleep(60)\nfinally: print('cleaned')")
    assert run_script(jupyter, path, (), hear) == 130
    assert "cleaned" in "".join(heard)
    assert signal.getsignal(number) in {signal.SIG_DFL, signal.default_int_handler}


def test_a_second_ctrl_c_ends_a_script_that_doesnt_care(jupyter, script):
    path = script(
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nprint(os.getpid())\ntime.sleep(600)"
    )
    pids: list[int] = []

    def hear(output: Output) -> None:
        if output.kind == "stdout" and not pids:
            pids.append(int(output.text))
            os.kill(os.getpid(), signal.SIGINT)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    assert run_script(jupyter, path, (), hear) in {130, 137, 143}
    assert not psutil.pid_exists(pids[0])
