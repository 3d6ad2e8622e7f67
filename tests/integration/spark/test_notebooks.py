"""JupyterLab on a cluster, through its own REST and websocket interface."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from tests.integration.spark.conftest import jupyter
from tests.support.worked import names

from almanac.client.errors import ClientError
from almanac.client.jupyter import Jupyter

SUM = "spark.range(1000).selectExpr('sum(id) AS s').collect()[0].s"


def test_spark_is_ready_in_a_cell(notebook):
    with notebook.kernel() as kernel:
        done = kernel.execute(SUM, timeout_s=120)
    assert (done.error, done.text) == ("", "499500")


def test_a_kernel_that_doesnt_use_spark_doesnt_import_it(notebook):
    with notebook.kernel() as kernel:
        done = kernel.execute("import sys; print('pyspark' in sys.modules)", timeout_s=120)
    assert done.text.strip() == "False"


def test_pyspark_used_without_our_name_finds_the_cluster_too(notebook):
    code = "from pyspark.sql import SparkSession\nSparkSession.builder.getOrCreate().range(7).count()"
    with notebook.kernel() as kernel:
        assert kernel.execute(code, timeout_s=120).text == "7"


def test_each_seat_computes_in_its_own_pool(shared):
    seen = []
    for seat in (1, 2):
        with jupyter(shared, seat) as opened, opened.kernel() as kernel:
            seen.append(kernel.execute("print(spark.conf.get('spark.scheduler.pool'))", timeout_s=120).text.strip())
    assert seen == ["seat-1", "seat-2"]


def test_the_worked_notebook_runs_from_top_to_bottom(shared, notebook):
    cells = notebook.code_cells("gaia-sky.ipynb")
    assert len(cells) >= 5
    with notebook.kernel() as kernel:
        for cell in cells:
            done = kernel.execute(cell, timeout_s=180)
            assert not done.error, f"{cell}\n{done.outputs}"
    assert "1,000 stars" in done.text
    home = Path(shared.layout.homes["seat-1"])
    for picture in ("source-counts.png", "mean-proper-motions.png"):
        assert (home / picture).read_bytes().startswith(b"\x89PNG")


def test_the_worked_examples_are_in_a_folder_of_their_own(shared):
    folder = Path(shared.layout.homes["seat-1"], "bottlenecks")
    assert sorted(path.stem for path in folder.iterdir()) == sorted(names())


def test_an_edited_example_survives_a_restart(own):
    own.start("notebook-seat-1")
    example = Path(own.layout.homes["seat-1"], "gaia-sky.ipynb")
    example.write_text("mine")
    own.kill("notebook-seat-1")
    own.start("notebook-seat-1")
    assert example.read_text() == "mine"


def test_files_go_through_jupyter_to_the_seats_home(shared, notebook):
    notebook.put("notes.txt", b"M 31")
    assert Path(shared.layout.homes["seat-1"], "notes.txt").read_bytes() == b"M 31"
    with jupyter(shared, 2) as other, pytest.raises(ClientError):
        other.get("notes.txt")


@pytest.mark.parametrize("token", ["", "?token=wrong"])
def test_without_the_token_nothing_is_answered(shared, token):
    url = f"http://127.0.0.1:{shared.ports['notebook-seat-1']}/api/contents{token}"
    assert httpx2.get(url).status_code == 403


def test_a_token_opens_its_own_seat_only(shared):
    url = f"http://127.0.0.1:{shared.ports['notebook-seat-2']}/lab?token={shared.spec.seats[0].token}"
    stranger = Jupyter(url)
    with pytest.raises(ClientError) as refused:
        stranger.put("notes.txt", b"")
    assert refused.value.status == 403
    stranger.close()


def test_kernels_are_the_first_to_go_when_memory_runs_out(notebook):
    with notebook.kernel() as kernel:
        adjustment = kernel.execute("print(open('/proc/self/oom_score_adj').read())", timeout_s=60).text
    assert int(adjustment) == 900
