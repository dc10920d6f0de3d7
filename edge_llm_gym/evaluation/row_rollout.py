"""Runs one policy for the episodes of many seeds at once, as rows of a native vector environment."""

import time
from collections.abc import Sequence
from typing import Any, Final

import gymnasium
import numpy as np

from edge_llm_gym.evaluation.rollout import Episode, summary
from edge_llm_gym.experts import Policy
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.workload.factory import build_workload

MOST_ROWS: Final = 32
"""Greatest number of episodes that are run at once: a kill loses no more than these."""
MOST_REQUESTS: Final = 1_000_000
"""Greatest number of expected requests in all rows, each of which takes up to 460 bytes of memory."""


def acts_on_rows(policy: Policy) -> bool:
    """Whether the decisions for each of many rows are those that the policy makes for the row alone."""
    return bool(getattr(policy, "independent_rows", False))


def row_count(scenario: Scenario) -> int:
    """Number of episodes of a scenario that are run at once."""
    seconds = scenario.horizon_epochs * scenario.epoch_s
    requests = build_workload(scenario.arrivals, scenario.lengths).rate_per_s * seconds
    return int(np.clip(MOST_REQUESTS // max(requests, 1.0), 1, MOST_ROWS))


def run_row_episodes(envs: gymnasium.vector.VectorEnv, policy: Policy, seeds: Sequence[int]) -> list[Episode]:
    """The metrics of one episode on the tape of each seed, as `run_episode` gives them for that seed alone.

    "decision_ms" is the mean wall time of `predict` divided by the number of rows. `envs` is a native vector
    environment with one row per seed and without automatic resets.
    """
    observation, _ = envs.reset(seed=list(seeds))
    state, starts, reward, decision_s, count = None, np.ones(len(seeds), np.bool_), np.zeros(len(seeds)), 0.0, 0
    ended = ~starts
    while not ended.all():
        begin_s = time.perf_counter()
        action, state = policy.predict(observation, state=state, episode_start=starts, deterministic=True)
        decision_s += time.perf_counter() - begin_s
        observation, step_reward, terminated, truncated, info = envs.step(action)
        reward, count = reward + step_reward, count + 1
        ended, starts = np.logical_or(terminated, truncated), np.zeros(len(seeds), np.bool_)
    return _summaries(envs, info["totals"], reward, 1e3 * decision_s / (count * len(seeds)), count)


def _summaries(
    envs: gymnasium.vector.VectorEnv, totals: dict[str, Any], reward: Any, decision_ms: float, count: int
) -> list[Episode]:
    simulator = envs.unwrapped.simulator  # type: ignore[attr-defined]
    names = simulator.scenario.metrics
    return [
        summary(simulator, {name: totals[name].item(row) for name in names}, row, value, decision_ms, count)
        for row, value in enumerate(reward.tolist())
    ]
