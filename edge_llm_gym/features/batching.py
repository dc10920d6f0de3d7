"""Token features of batching dynamics: requests are items, a pair holds what a request would take of a node."""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.pair_features import FEATURE_BOUND, PAIR_FEATURES, Columns, PairFeatures
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import CONTINUOUS_NODE_FEATURES, NODE_FEATURES, REQUEST_FEATURES

NODE_LOADS = ("load", "memory_load")
"""Added to the node features: what all feasible requests together take, of an epoch and of the free memory."""
QUEUE_FEATURES = ("arrivals", "backlog", "shown")
"""The context: arrivals and backlog as observed, and the share of the slots that hold a request."""
BUSY_EPOCHS = 4.0
"""Scale of times on a node, in epochs."""


class BatchFeatures:
    """Reads observations of one scenario of batching dynamics; keys and shapes as in `edge_llm_gym.features.tokens`."""

    node_features: tuple[str, ...] = NODE_FEATURES
    """Names of the observed node features."""
    epoch_features: tuple[str, ...] = ("time_until_free",)
    """Those of them that are numbers of epochs."""

    def __init__(self, scenario: Scenario) -> None:
        self._pairs = PairFeatures(scenario)
        slots, nodes = scenario.slots, scenario.network.entry_nodes.size
        self.shapes = {
            "item": (slots, len(REQUEST_FEATURES) + 1),
            "item_mask": (slots,),
            "node": (nodes, len(self.node_features) + len(NODE_LOADS)),
            "pair": (slots, nodes, len(PAIR_FEATURES)),
            "pair_mask": (slots, nodes),
            "context": (len(QUEUE_FEATURES),),
        }

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays of R observations, each with a leading axis of R rows."""
        return self._tokens(observation, self._pairs.reader.read_rows(observation))

    def _tokens(self, observation: Mapping[str, Array], rows: BatchingArrays) -> dict[str, Array]:
        shown = np.asarray(observation["request_mask"], np.float32)
        columns = self._pairs.of_rows(observation, rows)
        pairs = np.stack([columns[name] for name in PAIR_FEATURES], axis=-1).astype(np.float32)
        context = np.concatenate(
            [observation["arrivals"], observation["backlog"], shown.mean(axis=1, keepdims=True)], axis=1
        )
        return {
            "item": np.concatenate([observation["requests"], columns["choice"]], axis=2),
            "item_mask": shown,
            "node": self._nodes(observation["nodes"], columns),
            "pair": pairs * shown[:, :, None, None],
            "pair_mask": np.broadcast_to(shown[:, :, None], pairs.shape[:3]),
            "context": np.minimum(context, FEATURE_BOUND),
        }

    def _nodes(self, nodes: Array, columns: Columns) -> Array:
        """Node features, and how much of each node all feasible requests would take."""
        nodes = nodes.copy()
        for name in self.epoch_features:
            column = self.node_features.index(name)
            nodes[..., column] = np.minimum(nodes[..., column] / BUSY_EPOCHS, FEATURE_BOUND)
        loads = [(columns[name] * columns["feasible"]).sum(axis=1) for name in ("work", "memory")]
        return np.concatenate([nodes, np.log1p(np.stack(loads, axis=-1))], axis=-1)


class ContinuousBatchFeatures(BatchFeatures):
    """The same for continuous batching: nodes show the work, the slack and the number of their sequences besides."""

    node_features = CONTINUOUS_NODE_FEATURES
    epoch_features = ("time_until_free", "remaining_work")
