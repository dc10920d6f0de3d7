"""Whole episodes on fixed seeds, all of them at once as rows of one vector environment, and the regret to an expert."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from agents.config import EvaluationConfig, RunConfig
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.evaluation.statistics import Interval, paired_difference
from edge_llm_gym.experts import Policy, make_expert

SHARE = "served_share"


@dataclass(frozen=True)
class Scores:
    """One figure per seed [n], by name; "score" is the figure that policies are compared by."""

    figures: dict[str, Array]

    @property
    def score(self) -> Array:
        """[n] the share of the value that was served, or the return where requests do not wait to be admitted."""
        return self.figures["score"]

    def regret(self, expert: "Scores") -> Interval:
        """Paired difference expert - this, with its 95 % bootstrap interval."""
        return paired_difference(expert.score, self.score)


def make_envs(config: RunConfig, rows: int) -> EdgeLLMVectorEnv:
    """Native rows of a run's environment."""
    settings: dict[str, Any] = {"overrides": dict(config.environment.overrides)}
    if config.environment.scenario is not None:
        settings["scenario"] = config.environment.scenario
    envs = gymnasium.make_vec(config.environment.id, num_envs=rows, vectorization_mode="vector_entry_point", **settings)
    assert isinstance(envs, EdgeLLMVectorEnv)
    return envs


def evaluate(envs: EdgeLLMVectorEnv, policy: Policy, first_seed: int) -> Scores:
    """One episode of every row, seeded first_seed, first_seed + 1, ...; all rows end at the same epoch.

    What the policy remembers goes from epoch to epoch.
    """
    observations, _ = envs.reset(seed=first_seed)
    returns, utilisation, steps = np.zeros(envs.num_envs), np.zeros(envs.num_envs), 0
    truncated = np.zeros(envs.num_envs, np.bool_)
    memory, starts = None, np.ones(envs.num_envs, np.bool_)
    while not truncated.all():
        action, memory = policy.predict(observations, memory, starts, deterministic=True)
        starts = truncated
        observations, rewards, _, truncated, info = envs.step(action)
        final = info.get("final_info", info)
        returns += rewards
        utilisation += final["metrics"]["utilisation"]
        steps += 1
    return Scores(_figures(final["totals"], returns) | {"utilisation": utilisation / steps})


def _figures(totals: dict[str, Array], returns: Array) -> dict[str, Array]:
    """What an episode comes to."""
    arrived, served = np.maximum(totals["arrived"], 1.0), np.maximum(totals["served"], 1.0)
    share = totals["served_value"] / np.maximum(totals["arrived_value"], 1e-12)
    return {
        "score": returns if "mean_delay_s" in totals else share,
        "return": returns,
        SHARE: share,
        "on_time": totals["served"] / arrived,
        "delay_s": totals["delay_s"] / served,
        "quality": totals["quality"] / served,
    }


def expert_scores(config: RunConfig, name: str, folder: Path | None = None) -> Scores:
    """The expert on the run's held-out seeds; kept in a folder, since exact schedulers take their time."""
    path = None if folder is None else folder / "expert-scores.json"
    key = _key(name, config.evaluation)
    if path is not None and path.is_file():
        kept = json.loads(path.read_text("utf-8"))
        if key in kept:
            return Scores({figure: np.array(values) for figure, values in kept[key].items()})
    envs = make_envs(config, config.evaluation.seeds)
    expert, settings = split_settings(name)
    scores = evaluate(envs, make_expert(expert, envs, **settings), config.evaluation.first_seed)
    if path is not None:
        plain = {figure: values.tolist() for figure, values in scores.figures.items()}
        path.write_text(json.dumps({key: plain}) + "\n", "utf-8")
    return scores


def _key(name: str, evaluation: EvaluationConfig) -> str:
    return f"{name} on {evaluation.seeds} seeds from {evaluation.first_seed}"
