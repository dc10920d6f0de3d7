"""The tilt codec: a steady-state plan of DTO-EE, shifted_quantile away from the nodes whose queues are long now.

A plan for mean rates is blind to chance. A few numbers that bend it tell a learner more than a weight for each link.
"""

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts.planners import DtoEe, Plan
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

STEEPEST = 4.0
"""Slope of the tilt at 1, per epoch of claimed time; at 0 it is half of that, at -1 none."""
RELIEF = 0.075
"""Taken off the plan's thresholds at a shift of 0: a plan for the steady state sees no bursts. Like the range of the
slope it was found by search, on seeds that serve nothing else."""
BONUS = 1.0
"""Logarithm of the factor that a node's bonus of 1 puts on its weights."""
SHIFT = 0.3
"""What a threshold number of 1 adds."""
_COMMITTED = NODE_FEATURES.index("committed")


class Tilt:
    """Slope of the tilt [1], bonuses [K] and threshold shifts [K], all in [-1, 1]; serves PPO, A2C, SAC, TD3.

    Weights are plan * exp(bonus - slope * claimed time of the sample_next_node), scaled to at most 1 in each row.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "streaming":
            raise ValueError(f"the tilt codec bends plans of dynamics 'streaming', got {scenario.dynamics!r}")
        plan = steady_plan(scenario)
        self._offload = np.asarray(plan.solution.offload, np.float64)
        self._threshold = np.asarray(plan.threshold, np.float64)
        self._nodes = len(scenario.nodes)
        self.space = spaces.Box(-1.0, 1.0, (1 + 2 * self._nodes,), np.float32)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold."""
        flat = checked_signed(action, 1 + 2 * self._nodes).astype(np.float64)
        slope, bonus, shift = np.split(flat, [1, 1 + self._nodes], axis=1)
        claimed = np.asarray(observation["nodes"], np.float64)[..., _COMMITTED]
        tilt = np.exp(BONUS * bonus - STEEPEST * (slope + 1.0) / 2.0 * claimed)
        weights = self._offload * tilt[:, None, :]
        greatest = weights.max(axis=2, keepdims=True)
        return {
            "offload": np.divide(weights, greatest, out=np.zeros_like(weights), where=greatest > 0).astype(np.float32),
            "threshold": np.clip(self._threshold - RELIEF + SHIFT * shift, 0.0, 1.0).astype(np.float32),
        }

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """There is no way back from an action to a tilt: raises NotImplementedError."""
        raise NotImplementedError("the tilt codec cannot be cloned into: imitate through codec 'box'")

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return


def steady_plan(scenario: Scenario) -> Plan:
    """What DTO-EE would do for ever, at mean rates, an even mix and half of the best spectral efficiency."""
    reader = StreamingReader(scenario)
    efficiency = np.full((scenario.devices.count, reader.constants.network.entry_nodes.size, 2), 0.5)
    return DtoEe(max_rounds=100)(reader, reader.initial_estimate(), {"spectral_efficiency": efficiency}, None)
