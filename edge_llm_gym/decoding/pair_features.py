"""Features of a request on a node: what it would take of the node, and a linear score of how well the two suit.

All follow from the problem arrays that experts read off the same observation: time, memory and bandwidth of a request
on a node, against what the node has left.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import REQUEST_FEATURES

Columns = dict[str, Array]
"""Features by name, each [R, N, K], or [R, N, 1] where all nodes share it."""

PAIR_FEATURES = (
    "prior",  # linear score of the pair, see PRIOR_WEIGHTS
    "feasible",  # 1 if the request would be served alone on the node
    "work",  # time that it adds to a batch, in epochs
    "shared",  # time that the batch spends once, for its longest request, in epochs
    "slack",  # budget left after running alone, in epochs
    "overrun",  # time past the next batch's start if it ran alone, in epochs
    "memory",  # KV cache / memory that is free now
    "uplink",  # minimum share of the band, above 1 if it does not fit
    "downlink",
    "density",  # log2 of the value over the largest share of a resource
)
EXTRA_FEATURES = ("ease", "choice", "demand")
"""What the linear score weighs besides: slack up to half an epoch, the share of the nodes that could serve the request,
and the quality that it demands."""
PRIOR_WEIGHTS: Final = MappingProxyType(
    {
        "work": -2.0,
        "shared": 0.5,
        "slack": -0.5,
        "overrun": -1.1,
        "memory": 0.7,
        "uplink": 0.4,
        "density": 0.2,
        "ease": 2.2,
        "choice": -2.0,
        "demand": 0.7,
    }
)
"""Weights of the linear score, found by random search on EdgeLLM/MultiNode-v0; a policy learns corrections to it."""
PRIOR_LEVEL = 5.0
"""Constant term of the score."""
INFEASIBLE_SCORE = -3.0
"""Score of a pair that cannot be served."""
FEATURE_BOUND = 4.0
"""Features without a natural bound are clipped to this."""
EASE_BOUND = 0.5
"""Epochs of slack beyond which more of it does not raise `ease`."""
MIN_VALUE, MIN_SHARE, MAX_SHARE = 1e-6, 1e-2, 1e6
"""Bounds that keep the logarithm in `density` finite."""
_QUALITY_DEMAND = REQUEST_FEATURES.index("quality_demand")


class PairFeatures:
    """Reads the features of all pairs off observations of one scenario whose requests join batches."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.reader = batch_reader(scenario)

    def read(self, observation: Mapping[str, Array]) -> Columns:
        """PAIR_FEATURES and EXTRA_FEATURES of R observations, by name."""
        return self.of_rows(observation, self.reader.read_rows(observation))

    def of_rows(self, observation: Mapping[str, Array], rows: BatchingArrays) -> Columns:
        """The same, for problem arrays that were read before."""
        columns = pair_columns(rows, observation, self._scenario.epoch_s)
        score = PRIOR_LEVEL + sum(weight * columns[name] for name, weight in PRIOR_WEIGHTS.items())
        columns["prior"] = np.where(columns["feasible"] > 0, score, INFEASIBLE_SCORE)
        return columns


def pair_columns(rows: BatchingArrays, observation: Mapping[str, Array], epoch_s: float) -> Columns:
    """All features but the prior, by name."""
    columns = _physics(rows, epoch_s)
    columns["ease"] = np.minimum(columns["slack"], EASE_BOUND)
    columns["choice"] = columns["feasible"].mean(axis=2, keepdims=True)
    columns["demand"] = np.asarray(observation["requests"][..., _QUALITY_DEMAND, None], np.float64)
    return columns


def _physics(rows: BatchingArrays, epoch_s: float) -> Columns:
    """What a request would take of a node, [R, N, K], clipped to FEATURE_BOUND."""
    alone_s = rows.time_s + rows.shared_time_s
    memory = rows.kv_bytes / np.maximum(rows.free_kv_bytes, 1.0)[:, None]
    work = rows.time_s / epoch_s
    largest_share = np.maximum.reduce([work, memory, rows.uplink_share, rows.downlink_share])
    fits = (memory <= 1.0) & (rows.uplink_share <= 1.0) & (rows.downlink_share <= 1.0)
    value = np.maximum(rows.value[..., None], MIN_VALUE)
    columns = {
        "feasible": (fits & (alone_s <= rows.budget_s)).astype(np.float64),
        "work": work,
        "shared": rows.shared_time_s / epoch_s,
        "slack": (rows.budget_s - alone_s) / epoch_s,
        "overrun": (rows.busy_s[:, None] + alone_s) / epoch_s - 1.0,
        "memory": memory,
        "uplink": rows.uplink_share,
        "downlink": rows.downlink_share,
        "density": np.log2(value / np.clip(largest_share, MIN_SHARE, MAX_SHARE)),
    }
    return {name: np.clip(column, -FEATURE_BOUND, FEATURE_BOUND) for name, column in columns.items()}
