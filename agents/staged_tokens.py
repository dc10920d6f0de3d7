"""Batching-and-routing dynamics as sets: as in batching dynamics over the entry nodes; what lies behind them is context."""

from collections.abc import Mapping

import numpy as np

from agents.epoch_tokens import BIG, EpochTokens
from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES

DEEP_FEATURES = [NODE_FEATURES.index("time_until_free"), NODE_FEATURES.index("free_kv_bytes")]


class StagedTokens(EpochTokens):
    """Reads observations of one scenario of batching-and-routing dynamics; shapes and keys as in `agents.tokens`.

    The context adds the confidences seen at the exits, and how busy and how full the deeper nodes are.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._deep = np.flatnonzero(scenario.network.stage > 0)
        behind = len(scenario.block_layers) * len(QUANTILES) + self._deep.size * len(DEEP_FEATURES)
        self.shapes |= {"context": (self.shapes["context"][0] + behind,)}

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The sets of R observations."""
        nodes = np.asarray(observation["nodes"])
        entry = {**observation, "nodes": nodes[:, : self.shapes["node"][0], : len(NODE_FEATURES)]}
        arrays, rows = self._sets(entry, self._reader.read_rows(observation)), len(nodes)
        deep = np.minimum(nodes[:, self._deep][..., DEEP_FEATURES], BIG).reshape(rows, -1)
        confidence = np.asarray(observation["exit_confidence"]).reshape(rows, -1)
        return arrays | {"context": np.concatenate([arrays["context"], confidence, deep], axis=1)}
