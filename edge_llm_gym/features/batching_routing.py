"""Token features of batching-and-routing dynamics: requests on entry nodes, with the deeper nodes as context."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND
from edge_llm_gym.features.batching import BatchFeatures
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES

DEEP_NODE_COLUMNS = [NODE_FEATURES.index("time_until_free"), NODE_FEATURES.index("free_kv_bytes")]


class BatchRoutingFeatures(BatchFeatures):
    """Reads observations of one scenario of batching-and-routing dynamics; keys and shapes as in `features.tokens`.

    The context adds the confidences at the exits, and the time until free and the free memory of the deeper nodes.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._deep = np.flatnonzero(scenario.network.stage > 0)
        added = len(scenario.block_layers) * len(QUANTILES) + self._deep.size * len(DEEP_NODE_COLUMNS)
        self.shapes |= {"context": (self.shapes["context"][0] + added,)}

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of R observations, each with a leading axis of R rows."""
        nodes = np.asarray(observation["nodes"])
        entry = {**observation, "nodes": nodes[:, : self.shapes["node"][0], : len(NODE_FEATURES)]}
        arrays, rows = self._tokens(entry, self._pairs.reader.read_rows(observation)), len(nodes)
        deep = np.minimum(nodes[:, self._deep][..., DEEP_NODE_COLUMNS], FEATURE_BOUND).reshape(rows, -1)
        confidence = np.asarray(observation["exit_confidence"]).reshape(rows, -1)
        return arrays | {"context": np.concatenate([arrays["context"], confidence, deep], axis=1)}
