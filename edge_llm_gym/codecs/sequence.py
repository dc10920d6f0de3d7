"""Epochs as sequences of discrete choices, one per request: spaces, decoding of whole epochs, and encoding.

`edge_llm_gym.codecs.wrappers.SequentialWrapper` is the environment that is stepped this way. Here a model that was
trained on it decides whole epochs of many rows, and the action of an expert becomes the choices of a sequence.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation
from edge_llm_gym.decoding.batching import checked_overrun_s
from edge_llm_gym.decoding.partial_batch import PartialBatch
from edge_llm_gym.rows import ROW_KEY, split_rows
from edge_llm_gym.scenario import Scenario

SEQUENTIAL: Final = "sequential"
"""Name that stands for a sequence where a codec is named."""
CURSOR, LOAD = "cursor", "load"
Choose = Callable[[dict[str, Array], Array, Array], Array]
"""(observations of R rows with cursor and load, masks [R, K + 2], [R] bool rows that still choose) -> choices [R]."""


class Sequence:
    """The choices of one scenario of batching dynamics: 0 waits, k joins the k-th node, K + 1 ends the epoch.

    Args:
        scenario: a scenario of batching dynamics.
        overrun_s: as for `make_expert`; one epoch by default.

    Raises ValueError for other dynamics and a negative `overrun_s`.
    """

    def __init__(self, scenario: Scenario, overrun_s: float | None = None) -> None:
        if scenario.dynamics != "batching":
            raise ValueError(f"requests are assigned one by one in dynamics 'batching' only, got {scenario.dynamics!r}")
        self._scenario, self._overrun_s = scenario, checked_overrun_s(scenario, overrun_s)
        self._nodes, self._slots = len(scenario.nodes), scenario.slots
        self.space = spaces.Discrete(self._nodes + 2)

    def observed(self, space: spaces.Dict) -> spaces.Dict:
        """The observation space of the sequence: that of the environment, and the keys `cursor` and `load`."""
        extra: dict[str, spaces.Space[Any]] = {
            CURSOR: spaces.Box(0.0, 1.0, (self._slots,), np.float32),
            LOAD: spaces.Box(0.0, 1.0, (self._nodes, 4), np.float32),
        }
        return spaces.Dict({**space.spaces, **extra})

    def new_batch(self) -> PartialBatch:
        """The batches of one epoch, empty."""
        return PartialBatch(self._scenario, self._overrun_s)

    def ends(self, choice: int) -> bool:
        """Whether a choice ends the epoch."""
        return choice == self._nodes + 1

    def decode_epoch(self, observation: Observation, choose: Choose) -> Action:
        """The action of R rows for the choices of a model, which is asked until every row has ended its epoch."""
        batches = [self.new_batch() for _ in observation[ROW_KEY]]
        for batch, seen in zip(batches, split_rows(observation), strict=True):
            batch.begin(seen)
        choosing = np.ones(len(batches), np.bool_)
        while choosing.any():
            choices = choose(self._seen(observation, batches), np.stack([masks_of(each) for each in batches]), choosing)
            for row in np.flatnonzero(choosing):
                choice = int(choices[row])
                choosing[row] = not (self.ends(choice) or batches[row].put(choice))
        actions = [batch.action() for batch in batches]
        return {key: np.stack([action[key] for action in actions]) for key in actions[0]}

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Choices [R] for the requests at the cursors of R rows; any choice ends a row without requests."""
        cursor = np.asarray(observation[CURSOR])
        chosen = np.take_along_axis(np.asarray(action["batch"]), cursor.argmax(axis=1)[:, None], axis=1)
        return chosen[:, 0].astype(np.int64)

    @staticmethod
    def begins(observation: Observation) -> Array:
        """[R] bool, rows whose first request is at the cursor, or that have none."""
        cursor = np.asarray(observation[CURSOR])
        begins: Array = cursor.argmax(axis=1) == 0
        return begins

    @staticmethod
    def _seen(observation: Observation, batches: list[PartialBatch]) -> dict[str, Array]:
        extra = {
            CURSOR: np.stack([batch.cursor() for batch in batches]),
            LOAD: np.stack([batch.load() for batch in batches]),
        }
        return {**observation, **extra}


def masks_of(batch: PartialBatch) -> Array:
    """[K + 2] bool: waiting and ending the epoch are always allowed, a node only if the request fits."""
    return np.concatenate([[True], batch.fits(), [True]])
