"""Write docs/reference/commands.md from the command line itself."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from almanac.cli.main import app

TARGET = Path(__file__).resolve().parents[1] / "docs" / "reference" / "commands.md"


def text() -> str:
    """The page."""
    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="almanac")
    return get_docs_for_click(obj=command, ctx=context, name="almanac", title="Commands").rstrip() + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
