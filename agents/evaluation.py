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
from edge_llm_gym.evaluation.metrics import mean_over_served, on_time_share, served_share
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.evaluation.statistics import Interval, paired_difference
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.files import write_text
from edge_llm_gym.lookahead import ROLLOUT
from edge_llm_gym.sb3.pretrained import trained_scenario
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError

EXPERT_SCORES = "expert-scores.json"


@dataclass(frozen=True)
class Scores:
    """One figure per seed [n], by name; "score" is the figure that policies are compared by.

    Figures are those of `edge_llm_gym.evaluation`, also for a tape without requests: shares are NaN there, returns 0.
    """

    figures: dict[str, Array]

    @property
    def score(self) -> Array:
        """[n] the share of the value that was served; in streaming dynamics the return."""
        return self.figures["score"]

    def mean(self, figure: str) -> float:
        """Mean over the tapes that have the figure: one without requests has no share. NaN if none has it."""
        values = self.figures[figure]
        known = values[~np.isnan(values)]
        return float(known.mean()) if known.size else float("nan")

    def regret(self, expert: "Scores") -> Interval:
        """Paired difference expert - this, with its 95 % bootstrap interval."""
        return paired_difference(expert.score, self.score)


def make_envs(config: RunConfig, rows: int) -> EdgeLLMVectorEnv:
    """Native rows of a run's environment, split over the run's threads."""
    settings = environment_settings(config) | {"num_threads": min(config.threads, rows)}
    envs = gymnasium.make_vec(config.environment.id, num_envs=rows, vectorization_mode="vector_entry_point", **settings)
    assert isinstance(envs, EdgeLLMVectorEnv)
    return envs


def environment_settings(config: RunConfig) -> dict[str, Any]:
    """Keyword arguments with which Gymnasium makes a run's environment."""
    scenario = config.environment.scenario
    return {"overrides": dict(config.environment.overrides)} | ({} if scenario is None else {"scenario": scenario})


def evaluate(envs: EdgeLLMVectorEnv, policy: Policy, first_seed: int) -> Scores:
    """One episode of every row, seeded first_seed, first_seed + 1, ...; all rows end at the same epoch.

    Raises ConfigError where no request arrives in any of them.
    """
    returns = np.zeros(envs.num_envs)
    for step in steps_of(envs, policy, first_seed):
        returns += step.reward
    totals = step.own_info["totals"]
    if not totals["arrived"].any():
        raise ConfigError(
            f"no request arrives on the {envs.num_envs} tapes from seed {first_seed} on, and no policy can be scored; "
            f"take more seeds, longer episodes or a higher rate"
        )
    return Scores(_figures(totals, returns))


def _figures(totals: Mapping[str, Array], returns: Array) -> dict[str, Array]:
    """The figures of an episode."""
    share = served_share(totals)
    return {
        "score": returns if "mean_delay_s" in totals else share,
        "return": returns,
        "served_share": share,
        "on_time_share": on_time_share(totals),
        "mean_delay_of_served_s": mean_over_served(totals, "delay_s"),
        "mean_quality_of_served": mean_over_served(totals, "quality"),
        "utilisation": totals["utilisation"],
        "energy_per_served_j": mean_over_served(totals, "energy_j"),
    }


def expert_scores(config: RunConfig, name: str, folder: Path | None = None) -> Scores:
    """The expert on the run's held-out seeds; cached in a folder, since exact schedulers are slow."""
    path = None if folder is None else folder / EXPERT_SCORES
    key = _key(name, config.evaluation)
    if path is not None and (kept := _kept(path, key, config.evaluation.seeds)) is not None:
        return kept
    envs, first_seed = make_envs(config, config.evaluation.seeds), config.evaluation.first_seed
    expert, settings = split_settings(name)
    scores = evaluate(envs, make_expert(expert, envs, seed=first_seed, **settings), first_seed)
    if path is not None:
        values = {figure: values.tolist() for figure, values in scores.figures.items()}
        write_text(path, json.dumps({key: values}) + "\n")
    return scores


def check_experts(config: RunConfig) -> None:
    """Raises ConfigError for an expert of the evaluation or of the imitation that the environment does not have.

    A lookahead that is imitated is no expert.
    """
    named = {"evaluation.expert": config.evaluation.expert}
    if config.imitation is not None and split_settings(config.imitation.expert)[0] != ROLLOUT:
        named["imitation.expert"] = config.imitation.expert
    for key, expert in named.items():
        if expert is not None:
            _check_expert(key, expert, trained_scenario(config))


def _check_expert(key: str, expert: str, scenario: Scenario) -> None:
    try:
        name, settings = split_settings(expert)
        make_expert(name, scenario, **settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: {error}") from error


def _kept(path: Path, key: str, seeds: int) -> Scores | None:
    """The scores in a file; None where it holds those of other seeds or of another expert, and where there is none.

    Raises ConfigError for a damaged file.
    """
    if not path.is_file():
        return None
    try:
        kept = json.loads(path.read_text("utf-8"))
        if not isinstance(kept, dict):
            raise TypeError("it must hold a mapping")
        if key not in kept:
            return None
        figures = {figure: np.array(values, np.float64) for figure, values in kept[key].items()}
        if any(values.shape != (seeds,) for values in (figures["score"], *figures.values())):
            raise ValueError(f"each figure must have {seeds} numbers, one per seed")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"the scores of the expert in {path} cannot be read ({type(error).__name__}: {error}); remove the file and "
            f"they are computed anew"
        ) from error
    return Scores(figures)


def _key(name: str, evaluation: EvaluationConfig) -> str:
    return f"{name} on {evaluation.seeds} seeds from {evaluation.first_seed}"
