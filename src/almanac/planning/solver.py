"""A linear program in, its optimum out, by HiGHS."""

from __future__ import annotations

import highspy
import numpy as np

from almanac.core.plan import Floats
from almanac.core.plan_program import Program


class Unsolved(RuntimeError):
    """HiGHS found no optimum of a program that always has one: a defect, or numbers out of all proportion."""


def solve(program: Program) -> Floats:
    """The optimal columns, shape (columns,).

    Raises:
        Unsolved: no optimum was found.
    """
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    # One process plans beside many others, and a program this small gains nothing from more.
    solver.setOptionValue("threads", 1)
    solver.passModel(_model(program))
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise Unsolved(f"The plan has no optimum: {solver.modelStatusToString(status)}.")
    return np.array(solver.getSolution().col_value, np.float64)


def _model(program: Program) -> highspy.HighsLp:
    model = highspy.HighsLp()
    model.num_col_ = len(program.cost)
    model.num_row_ = len(program.row_low)
    model.col_cost_ = program.cost
    model.col_lower_ = program.low
    model.col_upper_ = np.minimum(program.high, highspy.kHighsInf)
    model.row_lower_ = program.row_low
    model.row_upper_ = np.minimum(program.row_high, highspy.kHighsInf)
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = program.row_start
    model.a_matrix_.index_ = program.index
    model.a_matrix_.value_ = program.value
    return model
