"""What experts believe about the mix of requests: how sure and how right answers are, between easy and hard times."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.problems.routing import EarlyExit
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.exit_rows import shifted_quantile

SWINGS = np.linspace(-1.0, 1.0, 21)
"""Mixes that are told apart, from easy to hard, as in `sim.drift.difficulty_shift`."""
EVEN = SWINGS.size // 2
"""The mix that an expert starts from."""
ROWS = 2048
"""Rows of the exit profile that stand for a mix."""


class Constants(Protocol):
    """What is known of a staged network."""

    @property
    def network(self) -> Network:
        """Who hosts what, and who sends to whom."""
        ...

    @property
    def profile(self) -> ExitProfile:
        """Answers of the model at its exits."""
        ...

    def service(self, leaving: Array) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of service times, by the share [K, E] of a node's requests leaving where."""
        ...


class MixReader:
    """Tells mixes apart by confidences seen, and says what a mix makes of exits.

    Routing problems have one exit for each stage: where a node hosts several, a request leaves it if the surest of
    their confidences reaches its threshold, and its answer counts as right if that of the last one is. Only the last
    stage, which answers everybody, takes `inner` as the threshold of the exits before its last one, and counts the time
    and the answers of those who leave there exactly. The work before an inner exit of other stages is taken whole.
    """

    def __init__(self, constants: Constants, accuracy_weight_s: float) -> None:
        self._constants, self._accuracy_weight_s = constants, accuracy_weight_s
        self._easiest_first = np.argsort(constants.profile.difficulty, kind="stable")
        self.profile = constants.profile
        self.rows = lru_cache(maxsize=None)(self._rows)
        self.early_exit = lru_cache(maxsize=None)(self._early_exit)
        self.service = lru_cache(maxsize=None)(self._service)
        self._quantiles = np.array([np.quantile(self.rows(i)[0][:, 0], QUANTILES) for i in range(SWINGS.size)])

    def nearest(self, seen: Array, before: int) -> int:
        """The mix whose confidences at the first exit are nearest to the quantiles seen; as before where none were."""
        if not seen.any():
            return before
        return int(np.argmin(((self._quantiles - seen) ** 2).sum(axis=1)))

    def _rows(self, difficulty_shift: int) -> tuple[Array, Array]:
        """Confidence and correctness [ROWS, E] of rows that stand for a mix, each as likely as the others."""
        profile = self._constants.profile
        rank = shifted_quantile((np.arange(ROWS) + 0.5) / ROWS, SWINGS[difficulty_shift])
        row = self._easiest_first[np.minimum((rank * profile.rows).astype(np.int64), profile.rows - 1)]
        return profile.confidence[row].astype(np.float64), profile.correct[row].astype(np.float64)

    def _early_exit(self, difficulty_shift: int, inner: float) -> EarlyExit:
        confidence, correct = self.rows(difficulty_shift)
        return EarlyExit(
            confidence=np.stack([confidence[:, blocks].max(axis=1) for blocks in self._blocks()], axis=1),
            correct=np.stack(
                [*(correct[:, blocks[-1]] for blocks in self._blocks()[:-1]), self._answers(difficulty_shift, inner)],
                axis=1,
            ),
            hosted_exit=self._constants.network.stage,
            accuracy_weight_s=self._accuracy_weight_s,
        )

    def _blocks(self) -> list[Array]:
        """Blocks that the nodes of each stage host."""
        network = self._constants.network
        firsts = [int(np.flatnonzero(network.stage == stage)[0]) for stage in range(network.stages)]
        return [np.arange(network.first_block[node], network.last_block[node] + 1) for node in firsts]

    def _leaves(self, difficulty_shift: int, inner: float) -> Array:
        """[ROWS] place among the last stage's exits at which a row leaves."""
        confidence = self.rows(difficulty_shift)[0][:, self._blocks()[-1]]
        sure = confidence >= inner
        sure[:, -1] = True
        return sure.argmax(axis=1)

    def _answers(self, difficulty_shift: int, inner: float) -> Array:
        """[ROWS] correctness of the answer of the last stage."""
        correct = self.rows(difficulty_shift)[1][:, self._blocks()[-1]]
        return np.take_along_axis(correct, self._leaves(difficulty_shift, inner)[:, None], axis=1)[:, 0]

    def _service(self, difficulty_shift: int, inner: float) -> tuple[Array, Array]:
        """Mean and second moment [K] of the service times; other rows than the last stage's compute all blocks."""
        network, nodes = self._constants.network, np.arange(self._constants.network.stage.size)
        leaving = np.zeros((nodes.size, self._constants.profile.exits))
        leaving[nodes, network.last_block] = 1.0
        blocks = self._blocks()[-1]
        share = np.bincount(self._leaves(difficulty_shift, inner), minlength=blocks.size) / ROWS
        for node in np.flatnonzero(network.stage == network.stages - 1):
            leaving[node, blocks] = share
        return self._constants.service(leaving)
