"""The two actions of scripts/imitate.py: imitation into a run's folder, and the export of episodes."""

from pathlib import Path
from typing import Any

import gymnasium

from agents.archives import save_model
from agents.config import ImitationConfig, RunConfig
from agents.evaluation import check_experts, environment_settings
from agents.imitation import dataset as datasets
from agents.imitation.checks import check_imitation
from agents.imitation.dagger import Report, imitate
from agents.models import make_model
from agents.run_folder import Start, begin_folder, check_folder
from agents.runtime import prepare_process
from agents.training import make_env
from edge_llm_gym.evaluation.datasets import record
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.scenario import scenario_of
from edge_llm_gym.settings import ConfigError


def clone(
    config: RunConfig, folder: Path, *, dataset: str | None = None, start: Start = "new", bar: bool = False
) -> Report:
    """Runs imitation without reinforcement learning: writes <folder>/model.zip and returns the scores of each round.

    `start` "resume" continues after the last finished round, "overwrite" removes the run in the folder.
    """
    imitation = _imitation(config)
    prepare_process(config.threads)
    check_folder(folder, start)
    check_experts(config)
    check_imitation(config)
    given = None if dataset is None else datasets.labelled(datasets.load(dataset))
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    begin_folder(config, folder, start)
    report = imitate(model.policy, config, imitation, folder, given=given, dataset=dataset, bar=bar)
    save_model(model, folder / "model.zip")
    return report


def export_episodes(config: RunConfig, dataset_id: str, episodes: int) -> Any:
    """The expert's episodes as a Minari dataset, which is returned. Raises ValueError for an id that exists."""
    imitation = _imitation(config)
    env = gymnasium.make(config.environment.id, **environment_settings(config))
    (expert,) = policy_sources([imitation.expert], scenario_of(env))
    return record(env, expert, dataset_id, range(imitation.seed, imitation.seed + episodes))


def _imitation(config: RunConfig) -> ImitationConfig:
    if config.imitation is None:
        raise ConfigError("the configuration has no section `imitation`, which names the expert")
    return config.imitation
