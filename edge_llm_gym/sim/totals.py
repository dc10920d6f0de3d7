"""Totals of an episode: sums of flows, last values of levels, means over epochs, and ratios of totals.

The kinds of the metrics stand in `scenario.metrics`. Kernels take them as a table [M, 3] int64: for each metric the
index of its kind in `KINDS`, and for a ratio the columns of its part and its whole (0 for other kinds).
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import KINDS, Metric

KIND: Final = 0
PART: Final = 1
WHOLE: Final = 2
FLOW: Final = KINDS.index("flow")
LEVEL: Final = KINDS.index("level")
MEAN: Final = KINDS.index("mean")
RATIO: Final = KINDS.index("ratio")


def metric_kinds(table: Mapping[str, Metric]) -> Array:
    """The kinds of a table of metrics as kernels take them."""
    columns = {name: column for column, name in enumerate(table)}
    rows = [
        (KINDS.index(metric.kind), columns.get(metric.part, 0), columns.get(metric.whole, 0))
        for metric in table.values()
    ]
    return np.array(rows, np.int64)


@kernel
def fill_ratios(kinds: Array, values: Array) -> None:
    """Computes the ratios among the metrics or totals [M] of one row from the others; 0 where the whole is 0."""
    for column in range(values.size):
        if kinds[column, KIND] == RATIO:
            part, whole = values[kinds[column, PART]], values[kinds[column, WHOLE]]
            values[column] = part / whole if whole != 0.0 else 0.0


@kernel
def add_to_totals(kinds: Array, metrics: Array, epochs: int, totals: Array) -> None:
    """Adds the metrics [M] of one row's epoch to its totals [M]; `epochs` counts the epochs, this one included."""
    for column in range(metrics.size):
        kind = kinds[column, KIND]
        if kind == FLOW:
            totals[column] += metrics[column]
        elif kind == LEVEL:
            totals[column] = metrics[column]
        elif kind == MEAN:
            totals[column] += (metrics[column] - totals[column]) / epochs
    fill_ratios(kinds, totals)
