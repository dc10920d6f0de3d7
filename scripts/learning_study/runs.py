"""Runs of the recipes: each in a folder, none repeated, and an interrupted one continued."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.config import RunConfig, read_config
from agents.evaluation import expert_scores
from agents.search import HELD_OUT, read_search_config
from agents.search_run import SETTINGS, run_search
from agents.training import train
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.experts import Policy
from edge_llm_gym.linear import load_linear
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.sb3.pretrained import PRETRAINED, trained_scenario
from scripts.kept_runs import (
    MODEL,
    check_settings,
    cpu_seconds,
    expert_score,
    is_finished,
    own_score,
    require_same,
    run_once,
    score,
    start_of,
)
from scripts.learning_study.recipes import OTHERS, environment_of, is_search

CONFIGS: Final = Path("configs/agents")


@dataclass(frozen=True)
class Study:
    """Where runs are kept, the number of held-out tapes, and changes of configurations by dotted path.

    The changes are for recipes of `scripts.train`, and those of `scripts.search` take `search_changes`.
    """

    runs: Path = Path("runs/learning")
    tapes: int = 100
    changes: Mapping[str, Any] | None = None
    search_changes: Mapping[str, Any] | None = None

    def folder(self, recipe: str, seed: int) -> Path:
        """The folder of a run."""
        return self.runs / f"{recipe}-{seed}"


@dataclass(frozen=True)
class Outcome:
    """One agent on the held-out tapes."""

    recipe: str
    seed: int
    score: list[float]
    """[tapes] share of the value served; the return on EarlyExit."""
    seconds: float | None
    """CPU time of training, evaluation during training included; None for a run that was interrupted."""
    env_steps: int
    """Environment steps of the training."""
    crossed_at: int | None
    """Environment steps after which the regret to the expert stayed below zero."""


def outcome(study: Study, recipe: str, seed: int) -> Outcome:
    """Trains or searches, unless the run is there, and evaluates the last policy, unless its score is."""
    folder, config = study.folder(recipe, seed), seeded(study, recipe, seed)
    run = _search if is_search(recipe) else _train
    curve = run(study, recipe, seed)
    load = _linear if is_search(recipe) else _trained
    score = own_score(folder, config, study.tapes, partial(load, folder))
    steps = int(curve[-1, 0]) if len(curve) else 0
    return Outcome(recipe, seed, score.tolist(), cpu_seconds(folder), steps, crossing(curve))


def seeded(study: Study, recipe: str, seed: int) -> RunConfig:
    """The configuration of a recipe with another training seed, in the imitation too.

    That of a search is the configuration of PPO on the same environment, as far as environment and evaluation go.
    """
    name = f"parameters-{environment_of(recipe)}" if is_search(recipe) else recipe
    path, changes = CONFIGS / f"{name}.yaml", dict(study.changes or {})
    return read_config(path, changes | read_config(path, changes).seed_changes(seed))


def _train(study: Study, recipe: str, seed: int) -> Array:
    """The curve of the training."""
    folder, config = study.folder(recipe, seed), seeded(study, recipe, seed)
    check_settings(folder, config)
    run_once(folder, lambda: train(config, folder, start=start_of(folder)))
    return regret_curve(folder)


def _trained(folder: Path, envs: EdgeLLMVectorEnv) -> Policy:
    return load_policy(folder / MODEL, envs)


def _search(study: Study, recipe: str, seed: int) -> Array:
    """The curve of the search, in returns instead of scores."""
    folder, config = study.folder(recipe, seed), seeded(study, recipe, seed)
    settings = read_search_config({"seed": seed} | dict(study.search_changes or {}), CONFIGS / f"{recipe}.yaml")
    if is_finished(folder):
        require_same(folder, json.loads((folder / SETTINGS).read_text("utf-8")), settings.model_dump(mode="json"))
    run_once(folder, lambda: run_search(settings, folder))
    held_out = config.on_tapes(settings.held_out, HELD_OUT)
    expert = expert_scores(held_out, str(config.evaluation.expert), folder)
    with (folder / "progress.csv").open(encoding="utf-8", newline="") as file:
        found = np.array([float(line["held_out"]) for line in csv.DictReader(file)])
    per_generation = settings.population * settings.rows * trained_scenario(config).horizon_epochs
    return np.column_stack([per_generation * np.arange(1, len(found) + 1), expert.mean("return") - found])


def _linear(folder: Path, envs: EdgeLLMVectorEnv) -> Policy:
    return load_linear(folder / "linear.zip", envs.scenario)


def regret_curve(folder: Path) -> Array:
    """[points, 2] environment steps and regret to the expert at each evaluation of the reinforcement learning."""
    points = []
    for path in folder.glob("progress*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.DictReader(file) if line.get("regret/mean")]
        points += [(float(line["step"]), float(line["regret/mean"])) for line in lines]
    return np.array(points).reshape(-1, 2)


def crossing(curve: Array) -> int | None:
    """Steps of the first point of a curve [points, 2] from which on its regret is below zero; None without one."""
    above = np.flatnonzero(curve[:, 1] >= 0.0)
    first = 0 if above.size == 0 else int(above[-1]) + 1
    return int(curve[first, 0]) if first < len(curve) else None


def other_score(study: Study, environment: str, name: str) -> Array:
    """[tapes] score of an expert, kept in a file, or of a shipped policy, which may be another one in the next version.

    Raises ValueError for an environment that is not in OTHERS.
    """
    if environment not in OTHERS:
        raise ValueError(f"the study has environments {list(OTHERS)}, got {environment!r}")
    config = seeded(study, f"parameters-{environment}", 0)
    if name.startswith(PRETRAINED):
        return score(config, study.tapes, partial(load_policy, name.removeprefix(PRETRAINED)))
    return expert_score(study.runs, environment, config, name, study.tapes)
