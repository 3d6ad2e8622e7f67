"""The shape of the command line: examples, --json, lightness, and that no hint names a command that isn't there."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

import almanac
from almanac.cli.main import app, run

ROOT = typer.main.get_command(app)
SOURCES = Path(almanac.__file__).parent


def leaves(command, path=()) -> Iterator[tuple[tuple[str, ...], object]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    for name, child in (children or {}).items():
        yield from leaves(child, (*path, name))


COMMANDS = dict(leaves(ROOT))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_an_example_that_it_understands(path):
    command = COMMANDS[path]
    assert command.epilog.startswith("Example: ")
    words = shlex.split(command.epilog.partition("almanac ")[2].removesuffix(')"'))
    assert tuple(words[: len(path)]) == path
    command.make_context(path[-1], words[len(path) :])


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_gives_json_and_says_what_it_does(path):
    command = COMMANDS[path]
    assert any("--json" in parameter.opts for parameter in command.params)
    assert command.help
    assert all(parameter.help for parameter in command.params if parameter.name != "help")


@pytest.mark.parametrize("path", [(), *COMMANDS], ids=" ".join)
def test_every_help_can_be_shown(path, capsys):
    assert run([*path, "--help"]) == 0
    assert "Example: almanac" in capsys.readouterr().out or "connect" in path


def test_help_is_light():
    heavy = {"httpx2", "pydantic", "fastapi", "sqlalchemy", "pyspark", "uvicorn", "websocket", "numpy", "pandas"}
    code = f"import sys; from almanac.cli.main import run; run(['--help']); print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_importing_almanac_is_light():
    code = "import sys; before = set(sys.modules); import almanac; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert loaded == {"almanac", "almanac.version"}


def test_almanac_has_what_it_says_and_no_more():
    assert {callable(getattr(almanac, name)) for name in ("book", "connect", "bookings")} == {True}
    with pytest.raises(AttributeError, match="nonsense"):
        almanac.nonsense  # noqa: B018


def mentioned() -> Iterator[tuple[str, str]]:
    """Commands in the text of hints, messages and docstrings: ``almanac word``, in quotes, after a colon, ..."""
    pattern = re.compile(r"(?:[:`(>'\"]\s?|[,;.]\s|^|\b[oO]r )almanac ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")
    for path in sorted(SOURCES.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((str(path.relative_to(SOURCES)), found[1]) for found in pattern.finditer(node.value))


def test_no_hint_names_a_command_that_isnt_there():
    groups = {path[0] for path in COMMANDS if len(path) > 1}
    wrong = []
    for source, words in mentioned():
        first, _, second = words.partition(" ")
        known = (first,) in COMMANDS or (
            first in groups and (not second or any(p[:2] == (first, second) for p in COMMANDS))
        )
        if not known:
            wrong.append((source, words))
    assert wrong == []


def written() -> Iterator[tuple[str, str]]:
    """Whole commands in the documentation: lines of code that begin with ``almanac``, and such inline code."""
    root = Path(__file__).resolve().parents[3]
    for path in sorted([root / "README.md", *(root / "docs").rglob("*.md")]):
        if path.name == "commands.md":
            continue
        for found in re.finditer(r"^almanac [^\n]*|`(almanac [a-z][^`]*)`", path.read_text(), flags=re.MULTILINE):
            yield path.name, (found[1] or found[0]).partition(" # ")[0].partition("  #")[0].strip()


def test_the_documentation_names_no_command_that_isnt_understood():
    wrong = []
    for source, line in written():
        words = shlex.split(line.replace("...", "x"))[1:]
        path = next((tuple(words[:n]) for n in (3, 2, 1) if tuple(words[:n]) in COMMANDS), None)
        try:
            if path is None:
                raise LookupError(line)
            rest = words[len(path) :]
            if rest:
                COMMANDS[path].make_context(path[-1], rest)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page is wrong
            wrong.append((source, line, repr(error)))
    assert wrong == []
