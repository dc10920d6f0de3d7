"""The two actions of scripts/imitate.py: imitation into a run's folder, and the export of episodes."""

from pathlib import Path
from typing import Any

from agents.config import ImitationConfig, RunConfig
from agents.evaluation import make_envs
from agents.imitation import dataset as datasets
from agents.imitation.dagger import Report, imitate
from agents.models import make_model
from agents.runtime import prepare_process
from agents.training import begin_folder, make_env
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.experts import make_expert
from edge_llm_gym.settings import ConfigError


def clone(config: RunConfig, folder: Path, *, dataset: str | None = None, bar: bool = False) -> Report:
    """Runs imitation without reinforcement learning: writes <folder>/model.zip and returns the scores of each round."""
    imitation = _imitation(config)
    prepare_process(config.threads)
    given = None if dataset is None else datasets.labelled(datasets.load(dataset))
    env = make_env(config)
    model = make_model(config, env, env.envs.scenario)
    begin_folder(config, folder)
    report = imitate(model.policy, config, imitation, folder, given=given, bar=bar)
    model.save(folder / "model.zip")
    return report


def export_episodes(config: RunConfig, dataset_id: str, episodes: int) -> Any:
    """The expert's episodes as a Minari dataset, which is returned."""
    imitation = _imitation(config)
    envs = make_envs(config, episodes)
    name, settings = split_settings(imitation.expert)
    expert = make_expert(name, envs, **settings)
    return datasets.export(
        envs, expert, dataset_id, imitation.seed, name=imitation.expert, environment=config.environment.id
    )


def _imitation(config: RunConfig) -> ImitationConfig:
    if config.imitation is None:
        raise ConfigError("the configuration has no section `imitation`, which names the expert")
    return config.imitation
