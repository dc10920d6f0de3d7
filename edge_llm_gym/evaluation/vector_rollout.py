"""Steps an environment under a policy, for every loop that needs more than the summary of one episode.

Serves the native vector environment, all rows at once, and the single environment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.experts import Policy

Observations = dict[str, Array]


@dataclass(frozen=True)
class Step:
    """One step of all rows (of one environment without the axis of rows)."""

    observation: Observations
    """What the policy saw."""
    action: Any
    reward: Any
    """[R]."""
    next_observation: Observations
    """What the environment returned: the first observation of the next episode in rows that ended and restarted."""
    ended: Array
    """[R] bool, terminated or truncated in this step ([1] for a single environment)."""
    info: dict[str, Any]

    @property
    def own_info(self) -> dict[str, Any]:
        """Info of this step also where rows have restarted: `final_info`, if there is one."""
        final: dict[str, Any] = self.info.get("final_info", self.info)
        return final

    def last_observation(self) -> Observations:
        """What the rows showed after the step, also where they have restarted."""
        if "final_obs" not in self.info:
            return self.next_observation
        last = {key: array.copy() for key, array in self.next_observation.items()}
        for row in np.flatnonzero(self.info["_final_obs"]):
            for key, array in self.info["final_obs"][row].items():
                last[key][row] = array
        return last


def steps_of(
    env: gymnasium.Env | gymnasium.vector.VectorEnv, policy: Policy, seed: int, epochs: int | None = None
) -> Iterator[Step]:
    """Steps from a reset with `seed` on: so many `epochs`, or until all rows end in the same step.

    The policy acts deterministically; its state is passed from step to step, with the rows that start an episode.
    """
    stepped: Any = env
    observation, _ = stepped.reset(seed=seed)
    state, starts = None, np.ones(getattr(env, "num_envs", 1), np.bool_)
    count = 0
    while epochs is None or count < epochs:
        action, state = policy.predict(observation, state, starts, deterministic=True)
        after, reward, terminated, truncated, info = stepped.step(action)
        starts = np.atleast_1d(np.logical_or(terminated, truncated))
        yield Step(observation, action, reward, after, starts, info)
        observation, count = after, count + 1
        if epochs is None and starts.all():
            return
