"""Runs one policy for one episode of a single environment and summarises the episode in metrics."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.evaluation.episode import EPISODE_METRICS
from edge_llm_gym.evaluation.metrics import ratio
from edge_llm_gym.experts import Policy
from edge_llm_gym.sim.simulator import Simulator

Episode = dict[str, float]
Watcher = Callable[[gymnasium.Env, Any, Any], None]
"""Called before each step with the environment, the observation and the action to be taken."""


@dataclass(frozen=True)
class Step:
    """One step of an episode: what `env.step` returned, and the wall time of the policy's decision."""

    reward: float
    info: dict[str, Any]
    decision_s: float


def steps(env: gymnasium.Env, policy: Policy, seed: int, watch: Watcher | None = None) -> Iterator[Step]:
    """Resets the environment to a seed, then yields one step after another until the episode ends.

    The policy acts deterministically, and its state is passed on from step to step as in Stable-Baselines3's `predict`.
    """
    observation, _ = env.reset(seed=seed)
    state, episode_start, ended = None, np.ones(1, np.bool_), False
    while not ended:
        begin_s = time.perf_counter()
        action, state = policy.predict(observation, state=state, episode_start=episode_start, deterministic=True)
        decision_s = time.perf_counter() - begin_s
        if watch is not None:
            watch(env, observation, action)
        observation, reward, terminated, truncated, info = env.step(action)
        ended, episode_start = terminated or truncated, np.zeros(1, np.bool_)
        yield Step(float(reward), info, decision_s)


def run_episode(env: gymnasium.Env, policy: Policy, seed: int, watch: Watcher | None = None) -> Episode:
    """The metrics by name of one episode on the tape of `seed`.

    Which metrics there are depends on the dynamics (see `evaluation.metrics`). "utilisation" is the mean over epochs,
    "reward" the return, "decision_ms" the mean wall time of `predict`. In an environment wrapped in EpochGap, "gap" is
    the unserved share of the measured epochs' optima, and "gap_proved" the share of those optima that is proved.
    """
    count, reward, decision_s = 0, 0.0, 0.0
    gaps: list[dict[str, float]] = []
    for step in steps(env, policy, seed, watch):
        count += 1
        reward += step.reward
        decision_s += step.decision_s
        gaps += [step.info["gap"]] if "gap" in step.info else []
    simulator: Simulator = env.unwrapped.simulator  # type: ignore[attr-defined]
    mean_ms = 1e3 * decision_s / count
    return summary(simulator, step.info["totals"], 0, reward, mean_ms, count) | _gap_metrics(gaps)


def summary(
    simulator: Simulator, totals: dict[str, float], row: int, reward: float, decision_ms: float, count: int
) -> Episode:
    """The metrics by name of the episode that a row of a simulator has just finished after `count` steps."""
    return EPISODE_METRICS[simulator.scenario.variant](simulator, totals, row) | {
        "utilisation": totals["utilisation"],
        "reward": reward,
        "decision_ms": decision_ms,
        "steps": float(count),
    }


def _gap_metrics(gaps: list[dict[str, float]]) -> Episode:
    """Unserved share of the exact optima of the measured epochs; empty if none was measured."""
    if not gaps:
        return {}
    optimum, served = (sum(gap[key] for gap in gaps) for key in ("optimum", "served_value"))
    return {
        "gap": 1.0 - ratio(served, optimum, empty=1.0),
        "gap_epochs": float(len(gaps)),
        "gap_proved": sum(gap["proved"] for gap in gaps) / len(gaps),
    }
