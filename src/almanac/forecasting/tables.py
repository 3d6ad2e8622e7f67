"""Tables as text columns that know the line of each row: CSV (plain or compressed), Parquet, Standard Workload Format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from almanac.forecasting.trouble import BadTrace

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_YES, _NO = {"true", "1", "yes"}, {"false", "0", "no"}


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A trace's rows.

    Attributes:
        name: of the file.
        rows: its columns, by lower-case names.
        noun: what a row is called: a "line" of a text, a "row" of a Parquet file.
        first: the number of the first.
    """

    name: str
    rows: pd.DataFrame
    noun: str
    first: int

    def __len__(self) -> int:
        return len(self.rows)

    def place(self, row: int) -> str:
        """Where a row stands in the file."""
        return f"{self.noun} {int(self.rows.index[row]) + self.first}"

    def find(self, *names: str) -> str | None:
        """The first of these columns that it has."""
        return next((name for name in names if name in self.rows), None)

    def kept(self, chosen: Bools) -> Table:
        """Some of its rows, which keep their places."""
        return Table(self.name, self.rows[chosen], self.noun, self.first)

    def numbers(self, column: str) -> Floats:
        """A column of numbers.

        Raises:
            BadTrace: a field that is none.
        """
        values = pd.to_numeric(self.rows[column], errors="coerce").to_numpy(np.float64)
        self._complain(~np.isfinite(values), column, "a number")
        return values

    def flags(self, column: str) -> Bools:
        """A column of yes and no.

        Raises:
            BadTrace: a field that is neither.
        """
        words = self.rows[column].astype(str).str.strip().str.lower()
        yes = words.isin(_YES).to_numpy(np.bool_)
        self._complain(~yes & ~words.isin(_NO).to_numpy(np.bool_), column, "true or false")
        return yes

    def codes(self, column: str) -> npt.NDArray[np.int64]:
        """A column of names as codes from 0 on; -1 where there is none."""
        return np.asarray(pd.factorize(self.rows[column])[0], np.int64)

    def _complain(self, wrong: Bools, column: str, wanted: str) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            found = self.rows[column].iloc[row]
            raise BadTrace(
                f"{self.name}, {self.place(row)}: {column} is {str(found)!r}, not {wanted}.",
                hint="Mend or remove that row.",
            )


def load(path: Path) -> Table:
    """Read a table, whatever its format.

    Raises:
        BadTrace: no such file, nothing in it, or a form that isn't known.
    """
    name = path.name
    try:
        if name.endswith((".parquet", ".pq")):
            return _named(Table(name, pd.read_parquet(path), "row", 1))
        if name.removesuffix(".gz").endswith(".swf"):
            return _workload(path)
        rows = pd.read_csv(path, sep=_separator(path), dtype=str, skipinitialspace=True, skip_blank_lines=False)
        return _named(Table(name, rows, "line", 2))
    except FileNotFoundError:
        raise BadTrace(f"There is no file {name}.", hint="Check the path.") from None
    except UnicodeDecodeError as error:
        raise BadTrace(
            f"{name} isn't text in UTF-8.", hint="Save it as UTF-8; or is it another kind of file?"
        ) from error
    except (ValueError, OSError, EOFError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadTrace(f"{name} can't be read: {reason}.", hint="Traces are CSV (also .gz), Parquet or SWF.") from error


def _separator(path: Path) -> str:
    """What the columns of a CSV's header are separated by: a comma, a semicolon or a tab."""
    header = str(pd.read_csv(path, sep="\0", dtype=str, nrows=0).columns[0])
    return max(",;\t", key=header.count)


def _named(table: Table) -> Table:
    rows = table.rows.rename(columns=lambda column: str(column).strip().lower())
    blank = rows.isna().all(axis=1)
    if blank.all():
        raise BadTrace(f"{table.name} has no rows.", hint="A trace has a header and at least one row.")
    return Table(table.name, rows[~blank], table.noun, table.first)


_FIELDS = {0: "id", 1: "t_s", 3: "run_s", 4: "processors", 7: "asked_processors", 8: "asked_s", 11: "user"}


def _workload(path: Path) -> Table:
    """Standard Workload Format (Feitelson's Parallel Workloads Archive): 18 numbers a line, -1 for unknown, ; for comments."""
    rows = pd.read_csv(path, sep=r"\s+", header=None, comment=";", dtype=str, skip_blank_lines=False, names=range(18))
    rows = rows[~rows[0].isna()]
    if rows.empty or rows[11].isna().all():
        raise BadTrace(f"{path.name} has no jobs of 18 fields.", hint="See the Standard Workload Format's definition.")
    rows = rows.rename(columns=_FIELDS)[list(_FIELDS.values())]
    table = Table(path.name, rows, "line", 1)
    run, asked = table.numbers("run_s"), table.numbers("asked_s")
    took, wanted = table.numbers("processors"), table.numbers("asked_processors")
    known = {"duration_s": np.where(run >= 0, run, asked), "size": np.where(took > 0, took, wanted)}
    return Table(path.name, rows.assign(**known), "line", 1)


def unix_start(path: Path) -> int | None:
    """When an SWF's seconds count from, if its comments say so."""
    opened = pd.read_csv(path, sep="\0", header=None, dtype=str, nrows=200, names=["text"])["text"]
    for text in opened[opened.str.startswith(";", na=False)]:
        key, _, value = text.lstrip("; ").partition(":")
        if key.strip().lower() == "unixstarttime" and value.strip().lstrip("-").isdigit():
            return int(value)
    return None
