"""Steady-state plans of DTO-EE, corrected for the channels of the devices and the time that is committed at each node.

There is a plan for each of several difficulty mixes, and the observed confidences choose among them. A plan is made for
mean rates and channels, and does not react to bursts or to fading. A few numbers that correct it give a clearer
learning signal than a weight for each link.
"""

from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.difficulty_mix import DIFFICULTY_SHIFTS, NO_SHIFT
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts.planners import DtoEe, Plan
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import UPLINK
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

MAX_QUEUE_PENALTY = 4.0
"""Queue penalty at 1, per epoch of committed time; at 0 it is half of that, at -1 zero."""
MAX_CHANNEL_EXPONENT = 2.0
"""Power of the spectral efficiency of a device's uplink at a channel preference of 1; at 0 it is half, at -1 zero."""
MIN_EFFICIENCY = 1e-3
"""Relative spectral efficiency below which uplinks are not distinguished."""
BIAS_SCALE = 1.0
"""Logarithm of the factor that a node bias of 1 puts on the node's weights."""
THRESHOLD_RANGE = 0.3
"""What a threshold shift of 1 adds."""
STEADY_EFFICIENCY = 0.5
"""Spectral efficiency that the plans assume, as a share of the best."""
STEADY_ROUNDS = 100
"""Rounds of DTO-EE for a plan."""
PLANNED_SHIFTS = range(0, DIFFICULTY_SHIFTS.size, 2)
"""Difficulty shifts with a plan of their own, by their index."""
_COMMITTED = NODE_FEATURES.index("committed")
GLOBAL_CORRECTIONS = 2
"""Queue penalty and channel preference, before those of each node."""


class ResidualPlan:
    """The plans of a streaming scenario, corrected by a queue penalty, a channel preference, biases and shifts.

    Corrections [2 + 2 K] in [-1, 1] are the penalty, the preference, a bias [K] and a threshold shift [K] of the nodes.
    Weights are plan * exp(bias - penalty * committed time of the receiver), scaled to at most 1 in each row; those of
    devices have also the factor (spectral efficiency of the uplink) ^ exponent.
    """

    def __init__(self, scenario: Scenario) -> None:
        reader = StreamingReader(scenario)
        plans = steady_plans(reader)
        self._mix = reader.difficulty_mix
        self._offload = np.stack([np.asarray(plan.solution.offload, np.float64) for plan in plans])
        self._threshold = np.stack([np.asarray(plan.threshold, np.float64) for plan in plans])
        self._nodes, self._devices = len(scenario.nodes), scenario.devices.count
        self._entry_nodes = scenario.network.entry_nodes

    @property
    def size(self) -> int:
        """Number of corrections, 2 + 2 K."""
        return GLOBAL_CORRECTIONS + 2 * self._nodes

    def corrected(self, corrections: Array, observation: Observation) -> Action:
        """Offload and threshold for corrections [R, 2 + 2 K] in [-1, 1]."""
        parts = np.split(corrections.astype(np.float64), [1, 2, 2 + self._nodes], axis=1)
        penalty, preference, bias, shift = parts
        plan = self._nearest_plans(np.asarray(observation["exit_confidence"])[:, 0])
        committed = np.asarray(observation["nodes"], np.float64)[..., _COMMITTED]
        factor = np.exp(BIAS_SCALE * bias - MAX_QUEUE_PENALTY * (penalty + 1.0) / 2.0 * committed)
        weights = self._offload[plan] * factor[:, None, :]
        exponent = MAX_CHANNEL_EXPONENT * (preference[:, :, None] + 1.0) / 2.0
        weights[:, : self._devices, self._entry_nodes] *= self._uplink(observation) ** exponent
        largest = weights.max(axis=2, keepdims=True)
        threshold = self._threshold[plan] + THRESHOLD_RANGE * shift
        return {
            "offload": np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0).astype(np.float32),
            "threshold": np.clip(threshold, 0.0, 1.0).astype(np.float32),
        }

    def _uplink(self, observation: Observation) -> Array:
        """[R, D, K1] relative spectral efficiency from each device to each entry node."""
        efficiency = np.asarray(observation["spectral_efficiency"], np.float64)[..., UPLINK]
        return np.maximum(efficiency, MIN_EFFICIENCY)

    def _nearest_plans(self, confidence: Array) -> Array:
        """[R] indices of plans for quantiles [R, Q] of the confidences at the first exit."""
        shift = self._mix.nearest_shifts(confidence, NO_SHIFT)
        return np.minimum((shift + 1) // PLANNED_SHIFTS.step, len(PLANNED_SHIFTS) - 1)


def steady_plans(reader: StreamingReader) -> list[Plan]:
    """The plans of DTO-EE for mean rates and STEADY_EFFICIENCY at each of PLANNED_SHIFTS, each from the one before."""
    links = (reader.scenario.devices.count, reader.constants.network.entry_nodes.size, 2)
    observation: Any = {"spectral_efficiency": np.full(links, STEADY_EFFICIENCY)}
    planner, estimate, plans = DtoEe(max_rounds=STEADY_ROUNDS), reader.initial_estimate(), list[Plan]()
    for shift in PLANNED_SHIFTS:
        previous = plans[-1] if plans else None
        plans.append(planner(reader, estimate._replace(difficulty_shift=shift), observation, previous))
    return plans
