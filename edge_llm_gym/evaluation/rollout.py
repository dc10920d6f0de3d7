"""Runs one policy over one episode and sums the episode up in plain numbers."""

import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.evaluation.measures import MEASURES
from edge_llm_gym.experts import Policy
from edge_llm_gym.sim.simulator import Simulator

Episode = dict[str, float]
Watcher = Callable[[gymnasium.Env, Any, Any], None]
"""Called before each step with the environment, the observation and the action about to be taken."""


def run_episode(env: gymnasium.Env, policy: Policy, seed: int, watch: Watcher | None = None) -> Episode:
    """One episode on the tape of `seed`, summed up by name.

    Which figures there are depends on the admission (`evaluation.measures`); decision_ms is the mean wall time of
    `predict`. In an environment wrapped in EpochGap, `gap` is the share of the measured epochs' optima that was left
    unserved, and gap_proved the share of those optima that is proved.
    """
    observation, info = env.reset(seed=seed)
    state, first, ended = None, np.ones(1, np.bool_), False
    gaps: list[dict[str, float]] = []
    reward_sum, decision_s, utilisation = 0.0, 0.0, 0.0
    steps = 0
    while not ended:
        begun = time.perf_counter()
        action, state = policy.predict(observation, state=state, episode_start=first, deterministic=True)
        decision_s += time.perf_counter() - begun
        if watch is not None:
            watch(env, observation, action)
        observation, reward, terminated, truncated, info = env.step(action)
        gaps += [info["gap"]] if "gap" in info else []
        reward_sum += float(reward)
        utilisation += info["metrics"]["utilisation"]
        ended, first, steps = terminated or truncated, np.zeros(1, np.bool_), steps + 1
    simulator: Simulator = env.unwrapped.simulator  # type: ignore[attr-defined]
    return (
        MEASURES[simulator.scenario.dynamics].figures(simulator, info["totals"])
        | {
            "utilisation": utilisation / steps,
            "reward": reward_sum,
            "decision_ms": 1e3 * decision_s / steps,
            "steps": float(steps),
        }
        | _gap_summary(gaps)
    )


def _gap_summary(gaps: list[dict[str, float]]) -> Episode:
    """What the measured epochs left unserved of their exact optima; nothing where none was measured."""
    if not gaps:
        return {}
    optimum, served = (sum(gap[key] for gap in gaps) for key in ("optimum", "served_value"))
    return {
        "gap": 1.0 - served / optimum if optimum else 0.0,
        "gap_epochs": float(len(gaps)),
        "gap_proved": sum(gap["proved"] for gap in gaps) / len(gaps),
    }
