"""The agent as it travels: short, whole, and for any Python that images have."""

from __future__ import annotations

import ast
import base64
import gzip
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from almanac.sites.openstack.user_data import AGENT, CONFIG, LONGEST, TooLong, agent, render

TOKEN = "almj_" + "x" * 43
SOURCES = sorted((Path(__file__).parents[3] / "src/almanac/node").glob("*.py"))


def rendered(**more: str) -> dict[str, str]:
    text = render("https://almanac.example.org", "c-1", "worker-1", TOKEN, **more)
    plain = json.loads(text.removeprefix("#cloud-config\n"))
    return {file["path"]: file for file in plain["write_files"]} | {"runcmd": plain["runcmd"]}


def test_user_data_holds_the_agent_and_one_secret_that_is_soon_worth_nothing() -> None:
    files = rendered()
    assert json.loads(files[CONFIG]["content"]) == {
        "url": "https://almanac.example.org", "cluster": "c-1", "node": "worker-1", "join_token": TOKEN,
    }  # fmt: skip
    assert files[CONFIG]["permissions"] == "0600"
    assert gzip.decompress(base64.b64decode(files[AGENT]["content"])) == agent()
    assert "enable" in str(files["runcmd"])


def test_it_is_short_and_what_is_too_long_is_refused() -> None:
    assert len(gzip.compress(render("https://almanac.example.org", "c-1", "head", TOKEN).encode())) < 24 * 1024
    with pytest.raises(TooLong, match="is the most"):
        render("https://almanac.example.org", "c-1", "head", TOKEN, ca="x" * LONGEST)


def test_cloud_init_accepts_it(tmp_path: Path) -> None:
    path = tmp_path / "user-data"
    path.write_text(render("https://almanac.example.org", "c-1", "head", TOKEN, ca="-----BEGIN\n\"'%$\n-----"))
    done = subprocess.run(
        ["cloud-init", "schema", "--config-file", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid cloud-config" in done.stdout


def test_systemd_accepts_the_agents_unit(tmp_path: Path) -> None:
    unit = next(file for path, file in rendered().items() if path.endswith(".service"))
    path = tmp_path / "almanac-node.service"
    path.write_text(unit["content"].replace("/usr/bin/python3", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "almanac-node" not in done.stderr


def test_the_program_runs_by_itself(tmp_path: Path) -> None:
    program = tmp_path / "node.pyz"
    program.write_bytes(agent())
    order = json.dumps(
        {"dirs": [str(tmp_path / "made")], "files": [{"path": str(tmp_path / "f"), "content": "x", "mode": 384}]}
    )
    doing = [sys.executable, "-I", "-S", str(program), "chore", "furnish"]
    done = subprocess.run(doing, input=order.encode(), capture_output=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "f").read_text() == "x"
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o700


def test_it_is_the_same_program_without_its_documentation() -> None:
    with zipfile.ZipFile(io.BytesIO(agent())) as archive:
        sent = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {f"almanac/node/{path.name}" for path in SOURCES} == {name for name in sent if "node/" in name}
    for path in SOURCES:
        here, there = (_names(ast.parse(text)) for text in (path.read_text(), sent[f"almanac/node/{path.name}"]))
        assert here == there, path


def _names(tree: ast.Module) -> list[str]:
    kinds = (ast.FunctionDef, ast.ClassDef)
    return [part.name for part in ast.walk(tree) if isinstance(part, kinds)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_it_needs_nothing_but_an_old_python(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {alias.name for part in ast.walk(tree) if isinstance(part, ast.Import) for alias in part.names}
    imported |= {part.module or "" for part in ast.walk(tree) if isinstance(part, ast.ImportFrom)}
    foreign = {name for name in imported if name.partition(".")[0] not in sys.stdlib_module_names}
    assert all(name.startswith("almanac.node") for name in foreign), foreign
    assert not [part for part in ast.walk(tree) if isinstance(part, ast.Match)]
