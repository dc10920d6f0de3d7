"""Rollouts: each candidate action is followed by a base policy in resampled futures, and the best one is taken."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.experts import Policy
from edge_llm_gym.experts.policy import Action, Observation
from edge_llm_gym.linear import LinearPolicy
from edge_llm_gym.lookahead.candidates import Candidates
from edge_llm_gym.lookahead.rollouts import DEFAULTS, Rollouts, RolloutSettings

STREAM: Final = 1
"""Spawn key that separates the random numbers of the policy from those of an environment of the same seed."""


class RolloutPolicy:
    """Takes the candidate action with the highest mean return over resampled futures.

    The policy reads the state of the environment that it was made for, and has a simulator of its scenario: it knows
    more than an agent. It does not know what comes later. `edge_llm_gym.sim.futures` says what is resampled. Returns
    are sums of the scenario's reward; a reward function of the environment's own is ignored.

    Args:
        env: a single environment.
        base: acts after the first epoch of each rollout, and is what candidates vary.
        expert: a policy whose action is a candidate, or None.
        settings: how far and how often it looks ahead.
        seed: of the futures and the candidates.

    `last_returns` [candidates, futures] are the returns that the last decision compared.
    """

    name = "rollout"

    def __init__(
        self,
        env: EdgeLLMEnv,
        base: LinearPolicy,
        expert: Policy | None = None,
        settings: RolloutSettings = DEFAULTS,
        seed: int | None = None,
    ) -> None:
        self._env, self._base, self._settings = env, base, settings
        self._candidates = Candidates(base, expert, settings.candidates, settings.deviation)
        # The tape of an episode may be drawn from the same seed: the spawn key separates the two streams.
        self._rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(STREAM,)))
        self._made_for: Any = None
        self.last_returns = np.zeros((settings.candidates, settings.futures))

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[Action, Any]:
        """Action for the environment's present observation, and the next state of the expert among the candidates.

        Raises ValueError for another observation than the present one and for a scenario that is no longer that of the
        base policy, and RuntimeError before a reset.
        """
        self._require_present(observation)
        memory = None if episode_start is not None and np.all(episode_start) else state
        self._renew()
        actions, memory = self._candidates.of(observation, memory, self._rng)
        self.last_returns = self._rollouts.returns(self._env.simulator, 0, actions, self._rng)
        best = best_candidate(self.last_returns, self._settings.margin)
        return {key: array[best] for key, array in actions.items()}, memory

    def _renew(self) -> None:
        """New rows for futures if the environment has another scenario than before, as after overrides."""
        scenarios = self._env.scenario, self._env.episode_scenario
        if scenarios[0] != self._base.scenario:
            raise ValueError(
                f"the base policy acts in the scenario it was made for, {self._base.scenario.name!r}, and overrides of "
                f"a reset have changed more of it than what tapes hold; make the policy again"
            )
        if scenarios != self._made_for:
            self._rollouts = Rollouts(self._base, self._settings, scenarios[1])
            self._made_for = scenarios

    def _require_present(self, observation: Observation) -> None:
        given = observation if isinstance(observation, Mapping) else {}
        for key, array in self._env.observe().items():
            if key not in given or not np.array_equal(given[key], array):
                raise ValueError(
                    f"a rollout starts from the present state of the environment it was made for, whose observation "
                    f"differs in {key!r}; pass the observation that its last reset or step returned"
                )


def best_candidate(returns: Array, margin: float) -> int:
    """Index of the highest mean among returns [candidates, futures]; 0 unless it exceeds that of 0 by the margin.

    The margin counts standard errors of the mean difference, paired by future.
    """
    gain = returns - returns[0]
    mean, futures = gain.mean(axis=1), returns.shape[1]
    error = gain.std(axis=1, ddof=1) / np.sqrt(futures) if futures > 1 else np.zeros(len(gain))
    able = mean > margin * error
    return int(np.argmax(np.where(able, mean, 0.0))) if able.any() else 0
