"""Estimate of the difficulty mix of the requests, and the exit and service statistics that follow from it."""

from functools import lru_cache
from typing import Final, Protocol

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile
from edge_llm_gym.problems.routing import EarlyExit
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.sim.exit_observation import QUANTILES
from edge_llm_gym.sim.exit_rows import shifted_quantile

DIFFICULTY_SHIFTS: Final = np.linspace(-1.0, 1.0, 21)
"""Candidate difficulty shifts, from easy to hard, as in `sim.exit_rows.difficulty_shift_at`."""
NO_SHIFT: Final = DIFFICULTY_SHIFTS.size // 2
"""Index of shift 0, the mix that is assumed before any confidence is observed."""
SAMPLE_ROWS: Final = 2048
"""Number of rows of the exit profile that represent a mix."""


class ExitConstants(Protocol):
    """Constants of a scenario with early exits: K nodes, E exits."""

    @property
    def network(self) -> Network:
        """Blocks that each node hosts, and the links between nodes."""
        ...

    @property
    def profile(self) -> ExitProfile:
        """Confidence and correctness of the model at its exits."""
        ...

    def service(self, leaving: Array) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of service times, from the share [K, E] of requests by their last block."""
        ...


class DifficultyMix:
    """Statistics of each candidate mix, and the mix that best explains observed confidences.

    `accuracy_weight_s` is the value, in seconds of mean delay, of one unit of accuracy relative to the last exit; the
    accuracy of a routing problem is absolute.

    Routing problems have one exit per stage. Where a node hosts several exits, a request leaves the node if the largest
    of its confidences there reaches the node's threshold, and its answer counts as correct if the answer of the last of
    these exits is. The last stage, at which every request leaves, is exact: `inner_threshold` applies to its exits
    before the last one, and the time and correctness of the requests that leave there are counted as such. In other
    stages service times include all blocks of the node.
    """

    def __init__(self, constants: ExitConstants, accuracy_weight_s: float) -> None:
        self._constants = constants
        self._accuracy_weight_s = accuracy_weight_s / (constants.profile.full_accuracy or 1.0)
        self._easiest_first = np.argsort(constants.profile.difficulty, kind="stable")
        self.profile = constants.profile
        self.rows = lru_cache(maxsize=None)(self._rows)
        self.early_exit = lru_cache(maxsize=None)(self._early_exit)
        self.service = lru_cache(maxsize=None)(self._service)
        shifts = range(DIFFICULTY_SHIFTS.size)
        self._quantiles = np.array([np.quantile(self.rows(shift)[0][:, 0], QUANTILES) for shift in shifts])

    def nearest_shift(self, confidence: Array, previous: int) -> int:
        """Index of the shift with the confidence quantiles at the first exit nearest to the observed ones [Q].

        Returns `previous` if no confidence was observed (all quantiles are 0).
        """
        if not confidence.any():
            return previous
        return int(np.argmin(((self._quantiles - confidence) ** 2).sum(axis=1)))

    def nearest_shifts(self, confidence: Array, default: int) -> Array:
        """[R] int64, the same for quantiles [R, Q] of R rows; `default` where no confidence was observed."""
        distance = ((self._quantiles - confidence[:, None, :]) ** 2).sum(axis=2)
        return np.where(confidence.any(axis=1), distance.argmin(axis=1), default)

    def _rows(self, shift: int) -> tuple[Array, Array]:
        """Confidence and correctness [SAMPLE_ROWS, E] of equally likely rows that represent a mix."""
        profile = self._constants.profile
        rank = shifted_quantile((np.arange(SAMPLE_ROWS) + 0.5) / SAMPLE_ROWS, DIFFICULTY_SHIFTS[shift])
        row = self._easiest_first[np.minimum((rank * profile.rows).astype(np.int64), profile.rows - 1)]
        return profile.confidence[row].astype(np.float64), profile.correct[row].astype(np.float64)

    def _early_exit(self, shift: int, inner_threshold: float) -> EarlyExit:
        """Confidence and correctness per stage, as the routing problem takes them."""
        confidence, correct = self.rows(shift)
        stages = self._stage_blocks()
        last_correct = self._last_stage_correct(shift, inner_threshold)
        return EarlyExit(
            confidence=np.stack([confidence[:, blocks].max(axis=1) for blocks in stages], axis=1),
            correct=np.stack([*(correct[:, blocks[-1]] for blocks in stages[:-1]), last_correct], axis=1),
            hosted_exit=self._constants.network.stage,
            accuracy_weight_s=self._accuracy_weight_s,
        )

    def _stage_blocks(self) -> list[Array]:
        """Blocks that the nodes of each stage host."""
        network = self._constants.network
        firsts = [int(np.flatnonzero(network.stage == stage)[0]) for stage in range(network.stages)]
        return [np.arange(network.first_block[node], network.last_block[node] + 1) for node in firsts]

    def _last_stage_exit(self, shift: int, inner_threshold: float) -> Array:
        """[SAMPLE_ROWS] index, among the exits of the last stage, of the exit at which each row leaves."""
        confidence = self.rows(shift)[0][:, self._stage_blocks()[-1]]
        leaves = confidence >= inner_threshold
        leaves[:, -1] = True
        return leaves.argmax(axis=1)

    def _last_stage_correct(self, shift: int, inner_threshold: float) -> Array:
        """[SAMPLE_ROWS] correctness of the answer of the last stage."""
        correct = self.rows(shift)[1][:, self._stage_blocks()[-1]]
        return np.take_along_axis(correct, self._last_stage_exit(shift, inner_threshold)[:, None], axis=1)[:, 0]

    def _service(self, shift: int, inner_threshold: float) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of the service times."""
        network, nodes = self._constants.network, np.arange(self._constants.network.stage.size)
        leaving = np.zeros((nodes.size, self._constants.profile.exits))
        leaving[nodes, network.last_block] = 1.0
        blocks = self._stage_blocks()[-1]
        share = np.bincount(self._last_stage_exit(shift, inner_threshold), minlength=blocks.size) / SAMPLE_ROWS
        for node in np.flatnonzero(network.stage == network.stages - 1):
            leaving[node, blocks] = share
        return self._constants.service(leaving)
