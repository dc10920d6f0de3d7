"""Batching dynamics as sets: requests are items, and a pair tells what a request would take of a node.

The pair features are what experts read off the same observation: time, memory and bandwidth of a request on a node
against what the node has left.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.observation import NODE_FEATURES, REQUEST_FEATURES

PAIR_FEATURES = (
    "prior",  # rule of thumb for the score, see PRIOR_WEIGHTS
    "feasible",  # alone on the node the request would be served
    "work",  # time that it adds to a batch, in epochs
    "shared",  # time that the batch spends once for the longest, in epochs
    "slack",  # budget left after running alone, in epochs
    "overrun",  # time past the next batch's start if it ran alone, in epochs
    "memory",  # KV cache / room left now
    "uplink",  # least share of the band, above 1 if it does not fit
    "downlink",
    "density",  # log2 of the value over the largest share of a resource
)
PRIOR_WEIGHTS: Final = MappingProxyType(
    {
        "work": -2.0,
        "shared": 0.5,
        "slack": -0.5,
        "overrun": -1.1,
        "memory": 0.7,
        "uplink": 0.4,
        "density": 0.2,
        "ease": 2.2,  # slack up to half an epoch
        "choice": -2.0,  # share of the nodes that could serve the request
        "demand": 0.7,  # quality that it asks for
    }
)
"""A linear rule whose weights a random search over EdgeLLM/MultiNode-v0 found; a policy learns corrections to it."""
PRIOR_LEVEL = 5.0
INFEASIBLE = -3.0  # prior of a pair that cannot be served
NODE_EXTRA = ("load", "memory_load")  # all feasible requests together, against an epoch and the room left
BUSY_EPOCHS = 4.0  # scale of the time until a node is free
BIG = 4.0  # features that can be unbounded are cut here
_REQUEST = {name: column for column, name in enumerate(REQUEST_FEATURES)}
_NODE = {name: column for column, name in enumerate(NODE_FEATURES)}


class EpochTokens:
    """Reads observations of one scenario of batching dynamics; shapes and keys as in `agents.tokens`."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._reader = batch_reader(scenario)
        slots, nodes = scenario.slots, scenario.network.entry_nodes.size
        self.shapes = {
            "item": (slots, len(REQUEST_FEATURES) + 1),
            "item_mask": (slots,),
            "node": (nodes, len(NODE_FEATURES) + len(NODE_EXTRA)),
            "pair": (slots, nodes, len(PAIR_FEATURES)),
            "pair_mask": (slots, nodes),
            "context": (3,),
        }

    def read(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """The sets of R observations."""
        return self._sets(observation, self._reader.read_rows(observation))

    def _sets(self, observation: Mapping[str, Array], rows: BatchingArrays) -> dict[str, Array]:
        shown = np.asarray(observation["request_mask"], np.float32)
        columns = self._columns(observation, rows)
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
            "context": np.minimum(context, BIG),
        }

    def columns(self, observation: Mapping[str, Array]) -> dict[str, Array]:
        """All pair features and what else the prior weighs, by name, each [R, N, K] or [R, N, 1]."""
        return self._columns(observation, self._reader.read_rows(observation))

    def _columns(self, observation: Mapping[str, Array], rows: BatchingArrays) -> dict[str, Array]:
        columns = pair_columns(rows, observation, self._scenario.epoch_s)
        score = PRIOR_LEVEL + sum(weight * columns[name] for name, weight in PRIOR_WEIGHTS.items())
        columns["prior"] = np.where(columns["feasible"] > 0, score, INFEASIBLE)
        return columns

    def _nodes(self, nodes: Array, columns: Mapping[str, Array]) -> Array:
        """Node features, with how much of each node all feasible requests would take."""
        nodes = nodes.copy()
        nodes[..., _NODE["time_until_free"]] = np.minimum(nodes[..., _NODE["time_until_free"]] / BUSY_EPOCHS, BIG)
        loads = [(columns[name] * columns["feasible"]).sum(axis=1) for name in ("work", "memory")]
        return np.concatenate([nodes, np.log1p(np.stack(loads, axis=-1))], axis=-1)


def pair_columns(rows: BatchingArrays, observation: Mapping[str, Array], epoch_s: float) -> dict[str, Array]:
    """All pair features but the prior, and what else the prior weighs, by name, each [R, N, K] or [R, N, 1]."""
    columns = _physics(rows, epoch_s)
    columns["ease"] = np.minimum(columns["slack"], 0.5)
    columns["choice"] = columns["feasible"].mean(axis=2, keepdims=True)
    columns["demand"] = np.asarray(observation["requests"][..., _REQUEST["quality_demand"], None], np.float64)
    return columns


def _physics(rows: BatchingArrays, epoch_s: float) -> dict[str, Array]:
    """What a request would take of a node, [R, N, K], within BIG."""
    alone_s = rows.time_s + rows.shared_time_s
    memory = rows.kv_bytes / np.maximum(rows.free_kv_bytes, 1.0)[:, None]
    work = rows.time_s / epoch_s
    need = np.maximum.reduce([work, memory, rows.uplink_share, rows.downlink_share])
    fits = (memory <= 1.0) & (rows.uplink_share <= 1.0) & (rows.downlink_share <= 1.0)
    columns = {
        "feasible": (fits & (alone_s <= rows.budget_s)).astype(np.float64),
        "work": work,
        "shared": rows.shared_time_s / epoch_s,
        "slack": (rows.budget_s - alone_s) / epoch_s,
        "overrun": (rows.busy_s[:, None] + alone_s) / epoch_s - 1.0,
        "memory": memory,
        "uplink": rows.uplink_share,
        "downlink": rows.downlink_share,
        "density": np.log2(np.maximum(rows.value[..., None], 1e-6) / np.clip(need, 1e-2, 1e6)),
    }
    return {name: np.clip(column, -BIG, BIG) for name, column in columns.items()}
