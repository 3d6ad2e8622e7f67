"""The ``almanac`` command.

Exit codes: 0 done, 1 refused or failed, 2 not understood, 3 no server there, 130 interrupted; ``run`` has its script's.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from almanac.cli import (
    accounts,
    admin,
    booking,
    diagnose,
    looking,
    metrics,
    notices,
    options,
    output,
    own,
    plan,
    series,
    simulate,
    sites,
    up,
    using,
    waiting,
)
from almanac.core.errors import AlmanacError, BadRequest
from almanac.version import VERSION

FAILED, MISUSED, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130

app = typer.Typer(
    name="almanac",
    help="Book a Spark science platform the way you book a telescope.",
    epilog="Example: almanac up; almanac book spark-small --for 2h --wait",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for commands in (
    up,
    looking,
    booking,
    series,
    waiting,
    using,
    own,
    metrics,
    diagnose,
    accounts,
    notices,
    admin,
    sites,
    plan,
    simulate,
):
    commands.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        output.plain(f"almanac {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Book a Spark science platform the way you book a telescope."""


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns its exit code."""
    options.json_wanted(reset=True)
    try:
        code = app(list(arguments), prog_name="almanac", standalone_mode=False)
        sys.stdout.flush()
    except TyperException as error:
        return _told(BadRequest(error.format_message(), hint=f"See: {_command(error)} --help"), error.exit_code)
    except AlmanacError as error:
        return _told(error, _exit_code(error))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader left; flushing at exit must not fail
        return FAILED
    return code if isinstance(code, int) else 0


def _command(error: TyperException) -> str:
    """The command that was misused."""
    context = getattr(error, "ctx", None)
    return context.command_path if context is not None else "almanac"


def _exit_code(error: AlmanacError) -> int:
    if error.code == "not_reachable":
        return UNREACHABLE
    return MISUSED if error.status == BadRequest.status else FAILED


def _told(error: AlmanacError, code: int) -> int:
    if options.json_wanted():
        output.error_json(error)
    else:
        output.error(error.message, error.hint)
    return code
