"""The batches of one epoch while they are put together, request by request."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.assignment import with_least_shares
from edge_llm_gym.decoding.batching import BatchingArrays, BatchingReader, time_cap_s
from edge_llm_gym.scenario import Scenario

WORK, SHARED, KV, UP, DOWN = range(5)


class PartialBatch:
    """Who has been put where so far, and what fits beside them; slots are gone through in order."""

    _arrays: BatchingArrays

    def __init__(self, scenario: Scenario, overrun_s: float | None = None) -> None:
        self._scenario = scenario
        self._overrun_s = scenario.epoch_s if overrun_s is None else overrun_s
        self._reader = BatchingReader(scenario)
        self._used = np.zeros((len(scenario.nodes), 5))
        self._end_s = np.zeros(len(scenario.nodes))
        self._node = np.zeros(scenario.slots, np.int64)
        self._at = 0

    def begin(self, observation: dict[str, Array]) -> None:
        """Starts the epoch of an observation of one row."""
        self._arrays = self._reader.read_rows({key: np.asarray(value)[None] for key, value in observation.items()})
        self._used[:], self._node[:], self._at = 0.0, 0, 0
        self._end_s = time_cap_s(self._scenario, self._arrays.busy_s[0], self._overrun_s)

    def fits(self) -> Array:
        """[K] bool, where the request at the cursor fits with those put there before."""
        if self._at >= self._count():
            return np.zeros(len(self._end_s), np.bool_)
        used = self._with_next()
        room = np.stack([self._arrays.free_kv_bytes[0], np.ones_like(self._end_s), np.ones_like(self._end_s)], axis=-1)
        in_time = used[:, WORK] + used[:, SHARED] <= self._ends_s()
        return in_time & (used[:, KV:] <= room).all(axis=1)

    def put(self, node: int) -> bool:
        """Puts the request at the cursor on a node in 0..K where it fits, else lets it wait; True behind the last."""
        if self._at < self._count():
            if node > 0 and self.fits()[node - 1]:
                self._used[node - 1], self._end_s[node - 1] = self._with_next()[node - 1], self._ends_s()[node - 1]
                self._node[self._at] = node
            self._at += 1
        return self._at >= self._count()

    def action(self) -> dict[str, Array]:
        """The environment's action for those put on nodes so far."""
        action = with_least_shares(self._node.copy()[None], self._arrays)
        return {key: value[0] for key, value in action.items()}

    def cursor(self) -> Array:
        """[N] float32, 1 at the request that is asked about."""
        cursor = np.zeros(self._node.size, np.float32)
        if self._at < self._count():
            cursor[self._at] = 1.0
        return cursor

    def load(self) -> Array:
        """[K, 4] float32 in [0, 1]: time against the batch's end, KV bytes against the room, both bands."""
        time_s = self._used[:, WORK] + self._used[:, SHARED]
        parts = [
            time_s / np.maximum(self._end_s, 1e-9),
            self._used[:, KV] / np.maximum(self._arrays.free_kv_bytes[0], 1.0),
            self._used[:, UP],
            self._used[:, DOWN],
        ]
        return np.clip(np.stack(parts, axis=-1), 0.0, 1.0).astype(np.float32)

    def _count(self) -> int:
        return int(self._arrays.visible[0].sum())

    def _ends_s(self) -> Array:
        """[K] when each batch had to end with the request at the cursor in it."""
        return np.minimum(self._end_s, self._arrays.budget_s[0, self._at])

    def _with_next(self) -> Array:
        """[K, 5] what each batch would use with the request at the cursor in it."""
        arrays, at = self._arrays, self._at
        return np.stack(
            [
                self._used[:, WORK] + arrays.time_s[0, at],
                np.maximum(self._used[:, SHARED], arrays.shared_time_s[0, at]),
                self._used[:, KV] + arrays.kv_bytes[0, at],
                self._used[:, UP] + arrays.uplink_share[0, at],
                self._used[:, DOWN] + arrays.downlink_share[0, at],
            ],
            axis=-1,
        )
