"""The residual-routing codec: a steady-state plan of DTO-EE, corrected for the time that is committed at each node.

The plan is made for mean rates and does not react to bursts. A few numbers that correct it give a clearer learning
signal than a weight for each link.
"""

from collections.abc import Mapping

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.codecs.codec import Action, Observation, checked_signed, signed_box
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts.planners import DtoEe, Plan
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES

MAX_QUEUE_PENALTY = 4.0
"""Queue penalty at 1, per epoch of committed time; at 0 it is half of that, at -1 zero."""
THRESHOLD_OFFSET = 0.075
"""Subtracted from the plan's thresholds at a shift of 0, since a steady-state plan does not see bursts. Like the range
of the penalty it was found by search, on seeds that serve no other purpose."""
BIAS_SCALE = 1.0
"""Logarithm of the factor that a node bias of 1 puts on the node's weights."""
THRESHOLD_RANGE = 0.3
"""What a threshold shift of 1 adds."""
STEADY_EFFICIENCY = 0.5
"""Spectral efficiency that the plan assumes, as a share of the best."""
STEADY_ROUNDS = 100
"""Rounds of DTO-EE for the plan."""
_COMMITTED = NODE_FEATURES.index("committed")


class ResidualRouting:
    """Queue penalty [1], node biases [K] and threshold shifts [K], all in [-1, 1]; serves PPO, A2C, SAC, TD3.

    Weights are plan * exp(bias - penalty * committed time of the receiver), scaled to at most 1 in each row.
    """

    def __init__(self, scenario: Scenario) -> None:
        if scenario.dynamics != "streaming":
            raise ValueError(
                f"codec 'residual_routing' corrects plans of dynamics 'streaming', got {scenario.dynamics!r}"
            )
        plan = steady_plan(scenario)
        self._offload = np.asarray(plan.solution.offload, np.float64)
        self._threshold = np.asarray(plan.threshold, np.float64)
        self._nodes = len(scenario.nodes)
        self.space = signed_box(1 + 2 * self._nodes)

    def decode(self, action: Array, observation: Observation) -> Action:
        """Offload and threshold for flat actions [R, 1 + 2 K]."""
        flat = checked_signed(action, 1 + 2 * self._nodes, observation).astype(np.float64)
        penalty, bias, shift = np.split(flat, [1, 1 + self._nodes], axis=1)
        committed = np.asarray(observation["nodes"], np.float64)[..., _COMMITTED]
        factor = np.exp(BIAS_SCALE * bias - MAX_QUEUE_PENALTY * (penalty + 1.0) / 2.0 * committed)
        weights = self._offload * factor[:, None, :]
        largest = weights.max(axis=2, keepdims=True)
        threshold = self._threshold - THRESHOLD_OFFSET + THRESHOLD_RANGE * shift
        return {
            "offload": np.divide(weights, largest, out=np.zeros_like(weights), where=largest > 0).astype(np.float32),
            "threshold": np.clip(threshold, 0.0, 1.0).astype(np.float32),
        }

    def encode(self, action: Mapping[str, Array], observation: Observation) -> Array:
        """Raises NotImplementedError: an action does not determine a correction."""
        raise NotImplementedError("codec 'residual_routing' has no inverse: imitate through codec 'box'")

    def mask(self, observation: Observation) -> None:
        """No masks."""
        return


def steady_plan(scenario: Scenario) -> Plan:
    """The plan of DTO-EE for mean rates, an even mix of difficulties and STEADY_EFFICIENCY."""
    reader = StreamingReader(scenario)
    links = (scenario.devices.count, reader.constants.network.entry_nodes.size, 2)
    efficiency = np.full(links, STEADY_EFFICIENCY)
    return DtoEe(max_rounds=STEADY_ROUNDS)(reader, reader.initial_estimate(), {"spectral_efficiency": efficiency}, None)
