"""The batches of one epoch under construction, request by request."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import BatchingArrays, batch_limits_s
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.problems.feasibility import COST_FIELDS, RESOURCE_COUNT, Resource, add, fitting_nodes
from edge_llm_gym.scenario import Scenario


class PartialBatch:
    """The assignment of the slots up to a cursor, and the nodes on which the request at the cursor still fits."""

    _arrays: BatchingArrays

    def __init__(self, scenario: Scenario, overrun_s: float | None = None) -> None:
        self._scenario = scenario
        self._overrun_s = scenario.epoch_s if overrun_s is None else overrun_s
        self._reader = batch_reader(scenario)
        self._used = np.zeros((len(scenario.nodes), RESOURCE_COUNT))
        self._capacity = np.ones((len(scenario.nodes), RESOURCE_COUNT))
        self._time_limit_s = np.zeros(len(scenario.nodes))
        self._node = np.zeros(scenario.slots, np.int64)
        self._cursor = 0

    def begin(self, observation: dict[str, Array]) -> None:
        """Starts the epoch of an observation of one row."""
        self._arrays = self._reader.read_rows({key: np.asarray(value)[None] for key, value in observation.items()})
        self._used[:], self._node[:], self._cursor = 0.0, 0, 0
        self._capacity[:, Resource.KV] = self._arrays.free_kv_bytes[0]
        self._time_limit_s = batch_limits_s(self._scenario, self._arrays, self._overrun_s)[0]

    def fits(self) -> Array:
        """[K] bool, whether the request at the cursor fits into each node's batch; all False behind the last one."""
        if self._cursor >= self._count():
            return np.zeros(len(self._time_limit_s), np.bool_)
        return fitting_nodes(self._used, self._cost(), self._capacity, self._limits_with_next_s(), 0.0)

    def put(self, node: int) -> bool:
        """Puts the request at the cursor on a node in 0..K if it fits, else lets it wait; True behind the last one."""
        if self._cursor < self._count():
            if node > 0 and self.fits()[node - 1]:
                add(self._used[node - 1], self._cost()[node - 1])
                self._time_limit_s[node - 1] = self._limits_with_next_s()[node - 1]
                self._node[self._cursor] = node
            self._cursor += 1
        return self._cursor >= self._count()

    def action(self) -> dict[str, Array]:
        """The action of the environment for the assignment so far."""
        action = with_least_shares(self._node.copy()[None], self._arrays)
        return {key: value[0] for key, value in action.items()}

    def cursor(self) -> Array:
        """[N] float32, 1 at the cursor, else 0."""
        cursor = np.zeros(self._node.size, np.float32)
        if self._cursor < self._count():
            cursor[self._cursor] = 1.0
        return cursor

    def load(self) -> Array:
        """[K, 4] float32 in [0, 1]: time over the time limit, KV bytes over the free memory, and both bands."""
        time_s = self._used[:, Resource.TIME] + self._used[:, Resource.SHARED_TIME]
        parts = [
            time_s / np.maximum(self._time_limit_s, 1e-9),
            self._used[:, Resource.KV] / np.maximum(self._capacity[:, Resource.KV], 1.0),
            self._used[:, Resource.UPLINK],
            self._used[:, Resource.DOWNLINK],
        ]
        return np.clip(np.stack(parts, axis=-1), 0.0, 1.0).astype(np.float32)

    def _count(self) -> int:
        return int(self._arrays.visible[0].sum())

    def _limits_with_next_s(self) -> Array:
        """[K] time limit of each batch with the request at the cursor in it."""
        return np.minimum(self._time_limit_s, self._arrays.budget_s[0, self._cursor])

    def _cost(self) -> Array:
        """[K, 5] cost of the request at the cursor on each node, by Resource."""
        return np.stack([getattr(self._arrays, name)[0, self._cursor] for name in COST_FIELDS], axis=-1)
