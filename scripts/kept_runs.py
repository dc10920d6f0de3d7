"""Runs of a study and scores on its held-out tapes, kept in files: none is repeated, an interrupted run continues.

| file | content |
|---|---|
| `<run>/seconds.json` | CPU time of the finished run, in s; null where it was interrupted |
| `<run>/scores.json` | "<n> tapes" -> scores of the run's policy |
| `<environment>-others.json` | "<expert> on <n> tapes" -> scores of the expert |
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from agents.config import TEST_TAPES, RunConfig, read_config
from agents.evaluation import evaluate, expert_scores, make_envs
from agents.run_folder import Start
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.experts import Policy
from edge_llm_gym.files import write_text
from edge_llm_gym.messages import quoted
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.settings import ConfigError

SECONDS: Final = "seconds.json"
SCORES: Final = "scores.json"
MODEL: Final = "model.zip"
INCIDENTAL: Final = frozenset({"evaluation", "checkpoint_every", "threads", "tuning"})
"""Settings that do not change the policy which a run ends with."""


def run_once(folder: Path, run: Callable[[], object]) -> None:
    """Calls `run`, unless it has finished, and keeps its CPU time: none for a run that continued an earlier one."""
    if is_finished(folder):
        return
    continued, start_s = folder.is_dir(), time.process_time()
    run()
    write_text(folder / SECONDS, json.dumps(None if continued else time.process_time() - start_s))


def is_finished(folder: Path) -> bool:
    """Whether `run_once` has finished the run in a folder."""
    return (folder / SECONDS).is_file()


def cpu_seconds(folder: Path) -> float | None:
    """CPU time of a finished run, evaluation during it included; None for a run that was interrupted."""
    seconds: float | None = json.loads((folder / SECONDS).read_text("utf-8"))
    return seconds


def start_of(folder: Path) -> Start:
    """How training in a folder starts: anew, or where an interrupted run ended."""
    return "resume" if (folder / CONFIG_FILE).is_file() else "new"


def check_settings(folder: Path, config: RunConfig, sections: Sequence[str] = ()) -> None:
    """Raises ConfigError where the run in a folder has other settings, so that its policy is another one.

    Only the named sections are compared, by default all that matter to the policy.
    """
    if (folder / CONFIG_FILE).is_file():
        found, wanted = (one.model_dump(mode="json") for one in (read_config(folder / CONFIG_FILE), config))
        compared = sections or [name for name in wanted if name not in INCIDENTAL]
        require_same(folder, found, {name: wanted[name] for name in compared})


def require_same(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ConfigError where a setting that was found with a run in a folder is not the one that is wanted."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ConfigError(
                f"the run in {folder} has {name} {quoted(found.get(name))}, and the study has {quoted(value)}; move or "
                f"remove the run, or keep the runs of this study in another folder"
            )


def kept(path: Path, key: str, compute: Callable[[], Array]) -> Array:
    """Numbers that a file keeps under a key: scores of networks and exact schedulers take minutes."""
    found = _read(path)
    if key not in found:
        new = np.asarray(compute()).tolist()
        path.parent.mkdir(parents=True, exist_ok=True)
        found = _read(path) | {key: new}  # with what other processes have added in the meantime
        write_text(path, json.dumps(found) + "\n")
    return np.array(found[key])


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def score(config: RunConfig, tapes: int, policy: Callable[[EdgeLLMVectorEnv], Policy]) -> Array:
    """[tapes] score of a policy, which is made for the environments, on the held-out tapes."""
    envs = make_envs(config, tapes)
    return evaluate(envs, policy(envs), TEST_TAPES).score


def own_score(folder: Path, config: RunConfig, tapes: int, policy: Callable[[EdgeLLMVectorEnv], Policy]) -> Array:
    """[tapes] score of the policy of a run; the policy is made only where the score is not kept."""
    return kept(folder / SCORES, f"{tapes} tapes", lambda: score(config, tapes, policy))


def expert_score(runs: Path, environment: str, config: RunConfig, expert: str, tapes: int) -> Array:
    """[tapes] score of an expert."""
    return kept(
        runs / f"{environment}-others.json",
        f"{expert} on {tapes} tapes{changed(config)}",
        lambda: expert_scores(config.on_tapes(tapes, TEST_TAPES), expert).score,
    )


def changed(config: RunConfig) -> str:
    """End of a key: what distinguishes the environment of a configuration from the registered one, if anything."""
    other = config.environment.model_dump(mode="json", include={"scenario", "overrides"}, exclude_defaults=True)
    return f" of {json.dumps(other, sort_keys=True)}" if other else ""
