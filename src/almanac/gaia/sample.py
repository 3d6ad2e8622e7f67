"""The packaged sample: 1,000 real Gaia DR3 stars, all 152 columns."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pyarrow as pa

CREDIT = (
    "This work has made use of data from the European Space Agency (ESA) mission Gaia, "
    "processed by the Gaia Data Processing and Analysis Consortium (DPAC)."
)
"""To be shown wherever the data, or a picture made from it, is."""

SAMPLE = Path(__file__).parents[1] / "data" / "gaia_dr3_sample.parquet"
"""Read it with anything that reads Parquet; Spark included."""


@cache
def load() -> pa.Table:
    """The sample as a table of 1,000 rows; every row has a parallax (no two-parameter solutions)."""
    import pyarrow.parquet as pq

    return pq.read_table(SAMPLE)
