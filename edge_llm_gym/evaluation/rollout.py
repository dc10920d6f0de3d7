"""Runs one policy over one episode and sums the episode up in plain numbers."""

import time
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.experts import Policy
from edge_llm_gym.sim.state import SERVED

Episode = dict[str, float]
Watcher = Callable[[gymnasium.Env, Any, Any], None]
"""Called before each step with the environment, the observation and the action about to be taken."""

COUNTS = ("late", "poor", "expired", "refused_uplink", "refused_downlink", "refused_memory")


def run_episode(env: gymnasium.Env, policy: Policy, seed: int, watch: Watcher | None = None) -> Episode:
    """One episode on the tape of `seed`, summed up by name.

    Shares (served_share, on_time, ...) are of what arrived; delays are those of the served, NaN if nobody was;
    decision_ms is the mean wall time of `predict`. In an environment wrapped in EpochGap, `gap` is the share of the
    measured epochs' optima that was left unserved, and gap_proved the share of those optima that is proved.
    """
    observation, info = env.reset(seed=seed)
    state, first, ended = None, np.ones(1, np.bool_), False
    delays_s: list[np.ndarray] = []
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
        slots = info["slots"]
        delays_s.append(slots["latency_s"][slots["outcome"] == SERVED])
        gaps += [info["gap"]] if "gap" in info else []
        reward_sum += float(reward)
        utilisation += info["metrics"]["utilisation"]
        ended, first, steps = terminated or truncated, np.zeros(1, np.bool_), steps + 1
    return (
        _summary(info["totals"], np.concatenate(delays_s))
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


def _summary(totals: dict[str, float], delays_s: np.ndarray) -> Episode:
    arrived, served = totals["arrived"], totals["served"]
    return {
        "served_value": totals["served_value"],
        "served_share": totals["served_value"] / totals["arrived_value"] if totals["arrived_value"] else np.nan,
        "on_time": served / arrived if arrived else np.nan,
        "delay_p50_s": float(np.quantile(delays_s, 0.5)) if delays_s.size else np.nan,
        "delay_p95_s": float(np.quantile(delays_s, 0.95)) if delays_s.size else np.nan,
        "quality": totals["quality"] / served if served else np.nan,
    } | {name: totals[name] for name in ("arrived", *COUNTS)}
