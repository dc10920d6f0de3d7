"""Write a policy of one's own and compare it with an expert.

A policy is any object with the predict method of Stable-Baselines3. This one puts each visible request on the node with
the best uplink, if the request has little time left.
"""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.evaluation import compare
from edge_llm_gym.sim.pooled.observation import REQUEST_FEATURES

TIME_LEFT = REQUEST_FEATURES.index("time_left")


class UrgentFirst:
    """Requests with little time left join the node with the best uplink; the bandwidth is shared equally."""

    def __init__(self, env: gymnasium.Env, share: float = 0.6) -> None:
        self.slots = env.unwrapped.scenario.slots
        self.share = share

    def predict(
        self,
        observation: Mapping[str, np.ndarray],
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[dict[str, np.ndarray], Any]:
        """Action for one observation; `state` is handed back unchanged, since the policy has no memory."""
        urgent = observation["requests"][:, TIME_LEFT] < self.share
        best_node = observation["spectral_efficiency"][:, :, 0].argmax(axis=1)
        batch = np.where(urgent & (observation["request_mask"] > 0), 1 + best_node, 0)
        return {"batch": batch, "bandwidth": np.ones((self.slots, 2), np.float32)}, state


def main(seeds: int = 3, epochs: int = 50) -> None:
    """Prints what the policy serves beside an expert."""
    policies = ["edf", ("urgent-first", UrgentFirst)]
    settings = {"horizon_epochs": epochs}
    result = compare("EdgeLLM/MultiNode-v0", policies, seeds=range(seeds), overrides=settings)
    for name in result.policies:
        print(f"{name}: {result.mean(name, 'served_share').mean:.1%} of the value served")


if __name__ == "__main__":
    main()
