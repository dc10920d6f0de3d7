"""Totals of an episode: sums of flows, last values of levels, and means over the episode.

The kinds of the metrics stand in `scenario.metrics`. Kernels take them as a table [M, 2] int64: for each metric the
index of its kind in `KINDS`, and for a mean the column of its weight, -1 if epochs weigh the same.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import KINDS, Metric

KIND: Final = 0
WEIGHT: Final = 1
FLOW: Final = KINDS.index("flow")
LEVEL: Final = KINDS.index("level")
MEAN: Final = KINDS.index("mean")


def metric_kinds(table: Mapping[str, Metric]) -> Array:
    """The kinds of a table of metrics as kernels take them."""
    column = {name: index for index, name in enumerate(table)}
    return np.array([(KINDS.index(metric.kind), column.get(metric.weight, -1)) for metric in table.values()], np.int64)


@kernel
def add_to_totals(kinds: Array, metrics: Array, epochs: int, totals: Array) -> None:
    """Adds the metrics [M] of one row's epoch to its totals [M]; `epochs` counts the epochs, this one included.

    With the weights w_1 to w_e of the epochs so far, a mean is m_e = m_(e-1) + (x_e - m_(e-1)) w_e / (w_1 + ... + w_e).
    """
    for column in range(metrics.size):
        if kinds[column, KIND] == FLOW:
            totals[column] += metrics[column]
        elif kinds[column, KIND] == LEVEL:
            totals[column] = metrics[column]
    for column in range(metrics.size):
        if kinds[column, KIND] == MEAN:
            weight = kinds[column, WEIGHT]
            own = metrics[weight] if weight >= 0 else 1.0
            if own > 0.0:
                summed = totals[weight] if weight >= 0 else float(epochs)
                totals[column] += (metrics[column] - totals[column]) * own / summed
