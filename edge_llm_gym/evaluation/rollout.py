"""Runs one policy for one episode of a single environment and summarises the episode in metrics."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.compiled.events import compile_timer
from edge_llm_gym.evaluation.decisions import EpisodeRecorder
from edge_llm_gym.evaluation.episode import EPISODE_METRICS
from edge_llm_gym.evaluation.metrics import ratio
from edge_llm_gym.experts import Policy
from edge_llm_gym.sim.simulator import Simulator

Episode = dict[str, float]
Watcher = Callable[[gymnasium.Env, Any, Any], None]
"""Called before each step with the environment, the observation and the action to be taken."""


@dataclass(frozen=True)
class Step:
    """One step of an episode: what `env.step` returned, and the wall time of the policy's decision.

    That time does not include the compilation of functions, and loading them from the cache.
    """

    reward: float
    info: dict[str, Any]
    decision_s: float


def steps(env: gymnasium.Env, policy: Policy, seed: int, watch: Watcher | None = None) -> Iterator[Step]:
    """Resets the environment to a seed, then yields one step after another until the episode ends.

    The policy acts deterministically, and its state is passed on from step to step as in Stable-Baselines3's `predict`.
    """
    observation, _ = env.reset(seed=seed)
    state, episode_start, ended = None, np.ones(1, np.bool_), False
    with compile_timer() as compiled_s:
        while not ended:
            begin_s = time.perf_counter() - compiled_s()
            action, state = policy.predict(observation, state=state, episode_start=episode_start, deterministic=True)
            decision_s = time.perf_counter() - compiled_s() - begin_s
            if watch is not None:
                watch(env, observation, action)
            observation, reward, terminated, truncated, info = env.step(action)
            ended, episode_start = terminated or truncated, np.zeros(1, np.bool_)
            yield Step(float(reward), info, decision_s)


def run_episode(
    env: gymnasium.Env,
    policy: Policy,
    seed: int,
    watch: Watcher | None = None,
    recorder: EpisodeRecorder | None = None,
) -> Episode:
    """The metrics by name of one episode on the tape of `seed`.

    Which metrics there are depends on the dynamics (see `evaluation.metrics`). "utilisation" is the mean over epochs,
    "reward" the return, "decision_ms" the mean wall time of `predict` without compilation. In an environment wrapped in
    EpochGap, "gap" is the unserved share of the measured epochs' optima, "gap_proved" the share of those that is
    proved. `recorder` is called before and after every step.
    """
    count, reward, decision_s = 0, 0.0, 0.0
    gaps: list[dict[str, float]] = []
    for step in steps(env, policy, seed, watch if recorder is None else _recording(recorder, watch)):
        if recorder is not None:
            recorder.stepped(step.info)
        count += 1
        reward += step.reward
        decision_s += step.decision_s
        gaps += [step.info["gap"]] if "gap" in step.info else []
    return (
        _episode_metrics(env, step.info["totals"])
        | {"reward": reward, "decision_ms": 1e3 * decision_s / count, "steps": float(count)}
        | _gap_metrics(gaps)
    )


def _recording(recorder: EpisodeRecorder, watch: Watcher | None) -> Watcher:
    """A watcher that calls another one, if there is one, and a recorder."""

    def watch_both(env: gymnasium.Env, observation: Any, action: Any) -> None:
        if watch is not None:
            watch(env, observation, action)
        recorder.decided(env.unwrapped.simulator, observation, action)  # type: ignore[attr-defined]

    return watch_both


def metric_names(env: gymnasium.Env) -> tuple[str, ...]:
    """Names of the metrics of an episode, gaps apart. Resets the environment."""
    _, info = env.reset(seed=0)
    return (*_episode_metrics(env, info["totals"]), "reward", "decision_ms", "steps")


def _episode_metrics(env: gymnasium.Env, totals: Mapping[str, Any]) -> Episode:
    return episode_metrics(env.unwrapped.simulator, totals)  # type: ignore[attr-defined]


def episode_metrics(simulator: Simulator, totals: Mapping[str, Any]) -> Episode:
    """The metrics of the episode that the first row of a simulator has just finished, but reward, steps and times."""
    metrics = EPISODE_METRICS[simulator.scenario.variant](simulator, totals)
    return metrics | {"utilisation": totals["utilisation"]}


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
