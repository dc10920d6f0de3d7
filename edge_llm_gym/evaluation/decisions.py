"""The decisions of an episode of pooled dynamics, in blocks: the costs of many epochs are read at once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.exclusion import READ
from edge_llm_gym.sim.outcomes import REFUSED_DOWNLINK, REFUSED_MEMORY, REFUSED_UPLINK
from edge_llm_gym.sim.simulator import Simulator

REFUSALS: Final[Mapping[int, str]] = {
    REFUSED_UPLINK: "uplink",
    REFUSED_DOWNLINK: "downlink",
    REFUSED_MEMORY: "memory",
}
"""Outcome code of a refusal -> resource that refuses."""
BLOCK_EPOCHS: Final = 128


class EpisodeRecorder(Protocol):
    """Records an episode step by step."""

    def decided(self, simulator: Simulator, observation: Mapping[str, Array], action: Any) -> None:
        """Called before each step."""
        ...

    def stepped(self, info: Mapping[str, Any]) -> None:
        """Called after each step."""
        ...


class Decisions(NamedTuple):
    """What was decided in H epochs about the requests in N slots, and about those in the queue without a slot."""

    observation: dict[str, Array]  # [H, ...] by key, see READ
    batch: Array  # [H, N] int, the action
    request: Array  # [H, N] index on the tape, -1 in empty slots
    outcome: Array  # [H, N] code of `sim.outcomes`
    hidden: Array  # [n] indices on the tape, once for each epoch without a slot

    @property
    def waiting(self) -> Array:
        """[H, N] bool, requests that the action let wait."""
        return (self.request >= 0) & (self.batch == 0)

    @property
    def refused(self) -> Array:
        """[H, N] bool, requests that the action put on a node and that were not admitted."""
        return np.isin(self.outcome, list(REFUSALS))

    @property
    def admitted(self) -> Array:
        """[H, N] int, entry node of the batch that the request joined, counted from 1; 0 for none."""
        return np.where((self.request >= 0) & ~self.refused, self.batch, 0)


class DecisionBlocks(ABC):
    """An EpisodeRecorder of pooled dynamics: it processes blocks of decisions, the last one when `finish` is called."""

    def __init__(self) -> None:
        self._observations: list[dict[str, Array]] = []
        self._batch: list[Array] = []
        self._slots: list[tuple[Array, Array]] = []
        self._hidden: list[Array] = []
        self._decision: tuple[Mapping[str, Array], Any, Array]

    @abstractmethod
    def process(self, decisions: Decisions) -> None:
        """Called with every block."""

    def decided(self, simulator: Simulator, observation: Mapping[str, Array], action: Any) -> None:
        """Notes what was seen and decided; the environment has not checked the action yet."""
        queue = simulator.state.queue
        self._decision = observation, action, queue.request[0, simulator.scenario.slots : queue.length[0]].copy()

    def stepped(self, info: Mapping[str, Any]) -> None:
        """Keeps the decision and its outcomes."""
        observation, action, hidden = self._decision
        self._observations.append({key: np.asarray(observation[key]) for key in READ})
        self._batch.append(np.array(action["batch"]))
        self._hidden.append(hidden)
        self._slots.append((info["slots"]["request"], info["slots"]["outcome"]))
        if len(self._slots) == BLOCK_EPOCHS:
            self.finish()

    def finish(self) -> None:
        """Processes the decisions that are left."""
        if not self._slots:
            return
        request, outcome = (np.stack(column) for column in zip(*self._slots, strict=True))
        observation = {key: np.stack([one[key] for one in self._observations]) for key in READ}
        block = Decisions(observation, np.stack(self._batch), request, outcome, np.concatenate(self._hidden))
        for kept in (self._observations, self._batch, self._slots, self._hidden):
            kept.clear()
        self.process(block)
