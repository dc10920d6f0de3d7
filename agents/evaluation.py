"""Episodes on held-out seeds, as rows of one vector environment, and the regret to an expert on the same seeds."""

import json
from collections.abc import Mapping
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
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import Policy, make_expert

EXPERT_SCORES = "expert-scores.json"


@dataclass(frozen=True)
class Scores:
    """One figure per seed [n], by name; "score" is the figure that policies are compared by."""

    figures: dict[str, Array]

    @property
    def score(self) -> Array:
        """[n] the share of the value that was served; in streaming dynamics the return."""
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
    """One episode of every row, seeded first_seed, first_seed + 1, ...; all rows end at the same epoch."""
    returns = np.zeros(envs.num_envs)
    for step in steps_of(envs, policy, first_seed):
        returns += step.reward
    return Scores(_figures(step.own_info["totals"], returns))


def _figures(totals: Mapping[str, Array], returns: Array) -> dict[str, Array]:
    """The figures of an episode."""
    arrived, served = np.maximum(totals["arrived"], 1.0), np.maximum(totals["served"], 1.0)
    share = totals["served_value"] / np.maximum(totals["arrived_value"], 1e-12)
    return {
        "score": returns if "mean_delay_s" in totals else share,
        "return": returns,
        "served_share": share,
        "on_time_share": totals["served"] / arrived,
        "mean_delay_of_served_s": totals["delay_s"] / served,
        "mean_quality_of_served": totals["quality"] / served,
        "utilisation": totals["utilisation"],
        "energy_per_served_j": totals["energy_j"] / served,
    }


def expert_scores(config: RunConfig, name: str, folder: Path | None = None) -> Scores:
    """The expert on the run's held-out seeds; cached in a folder, since exact schedulers are slow."""
    path = None if folder is None else folder / EXPERT_SCORES
    key = _key(name, config.evaluation)
    if path is not None and path.is_file():
        cached = json.loads(path.read_text("utf-8"))
        if key in cached:
            return Scores({figure: np.array(values) for figure, values in cached[key].items()})
    envs = make_envs(config, config.evaluation.seeds)
    expert, settings = split_settings(name)
    scores = evaluate(envs, make_expert(expert, envs, **settings), config.evaluation.first_seed)
    if path is not None:
        values = {figure: values.tolist() for figure, values in scores.figures.items()}
        path.write_text(json.dumps({key: values}) + "\n", "utf-8")
    return scores


def _key(name: str, evaluation: EvaluationConfig) -> str:
    return f"{name} on {evaluation.seeds} seeds from {evaluation.first_seed}"
