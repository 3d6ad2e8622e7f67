"""``python -m almanac.gaia``: generate Gaia-like stars, draw sky maps of any Gaia Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from almanac.gaia import cases, sky
from almanac.gaia.errors import GaiaError
from almanac.gaia.generate import COLUMN_SETS, Recipe, generate

app = typer.Typer(help=__doc__, add_completion=False, no_args_is_help=True)


@app.command("generate", epilog="Example: python -m almanac.gaia generate stars --rows 5000000")
def generate_command(
    directory: Annotated[Path, typer.Argument(help="A new directory for the Parquet files.")],
    rows: Annotated[int, typer.Option(help="How many stars.")] = 5_000_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same stars.")] = 1,
    columns: Annotated[str, typer.Option(help=f"Columns: {' or '.join(COLUMN_SETS)}.")] = "demo",
    nearby: Annotated[float, typer.Option(help="Share of stars with |parallax| > 8 mas.")] = 0.001,
    parts: Annotated[int, typer.Option(help="Number of files; 0 for one per 625,000 rows.")] = 0,
) -> None:
    """Generate Gaia-like stars, sorted by source_id, as partitioned Parquet."""
    recipe = Recipe(rows, seed, columns, nearby, parts)
    bar = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*bar, console=Console(stderr=True)) as progress:
        task = progress.add_task("stars", total=rows)
        generate(directory, recipe, progress=lambda done: progress.advance(task, done))
        progress.update(task, completed=rows)
    typer.echo(directory)


@app.command("maps", epilog="Example: python -m almanac.gaia maps stars pictures")
def maps_command(
    stars: Annotated[Path, typer.Argument(help="A Parquet file of Gaia columns, or a directory of them.")],
    directory: Annotated[Path, typer.Argument(help="Where the PNG files go.")],
    frame: Annotated[str, typer.Option(help="galactic or icrs.")] = "galactic",
    about: Annotated[str, typer.Option(help="Whose stars they are, for the titles: 'generated stars'.")] = "",
) -> None:
    """Draw source counts and mean proper motions over the sky, computed here without Spark."""
    draws = {cases.SOURCE_COUNTS: sky.draw_counts, cases.MEAN_PROPER_MOTIONS: sky.draw_proper_motions}
    for case, draw in draws.items():
        title = f"{case.title}: {about}" if about else case.title
        typer.echo(draw(cases.reference(case, stars), directory / f"{case.name}.png", title=title, frame=frame))


def main() -> int:
    """Run the command line; a GaiaError becomes one sentence and exit status 2."""
    try:
        app()
    except GaiaError as error:
        Console(stderr=True).print(f"[bold red]error[/]: {error}", highlight=False, soft_wrap=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
