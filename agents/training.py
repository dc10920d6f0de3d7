"""One training run: imitation first if the configuration has it, then reinforcement learning, in one folder.

| in the folder | content |
|---|---|
| `config.yaml`, `versions.json` | the resolved configuration, the versions of the libraries |
| `model.zip`, `best.zip` | the final weights, the best ones on the held-out seeds |
| `checkpoint/` | the state to resume from |
| `tensorboard/`, `progress*.csv` | the curves |
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat

from agents.callbacks.episode_images import EpisodeImageCallback
from agents.callbacks.evaluation import EvaluationCallback
from agents.callbacks.metrics import MetricsCallback
from agents.callbacks.progress import ProgressCallback
from agents.callbacks.schedule import CheckpointCallback, CriticFirstCallback
from agents.checkpoint import load_checkpoint
from agents.config import RunConfig, write_config
from agents.evaluation import make_envs
from agents.imitation.dagger import imitate
from agents.models import make_model
from agents.runtime import prepare_process
from edge_llm_gym.codecs import make_codec
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.sb3.vec_env import NativeVecEnv
from edge_llm_gym.settings import ConfigError

LIBRARIES = ("torch", "stable-baselines3", "sb3-contrib", "gymnasium", "numpy", "numba")


def train(config: RunConfig, folder: Path, *, resume: bool = False, bar: bool = False) -> BaseAlgorithm:
    """Runs a configuration to its number of steps and returns the model.

    Raises ConfigError for an inconsistent configuration, for a folder that already holds a run, and for a checkpoint of
    another run.
    """
    prepare_process(config.threads)
    env = make_env(config)
    if resume:
        model = load_checkpoint(folder / "checkpoint", env, config)
    else:
        model = make_model(config, env, env.envs.scenario)
        begin_folder(config, folder)
        if config.imitation is not None:
            imitate(model.policy, config, config.imitation, folder, bar=bar)
    model.set_logger(_logger(folder, model.num_timesteps))
    try:
        remaining = config.steps - model.num_timesteps
        if remaining > 0:
            model.learn(remaining, callback=_callbacks(config, folder, env, bar), reset_num_timesteps=not resume)
        model.save(folder / "model.zip")
    finally:
        model.logger.close()
        env.close()
    return model


def make_env(config: RunConfig) -> NativeVecEnv:
    """The vector environment of a run. Raises ConfigError for a codec that does not exist or does not fit."""
    envs = make_envs(config, config.rows)
    try:
        codec = make_codec(config.codec.name, envs.scenario, **config.codec.settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"codec: {error}") from error
    return NativeVecEnv(envs, codec, config.environment.reward_scale)


def begin_folder(config: RunConfig, folder: Path) -> None:
    """Makes the folder and writes the configuration and versions. Raises ConfigError if it already holds a run."""
    if (folder / CONFIG_FILE).exists():
        raise ConfigError(f"{folder} already holds a run: resume it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / CONFIG_FILE)
    versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
    (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n", "utf-8")


def _callbacks(config: RunConfig, folder: Path, env: NativeVecEnv, bar: bool) -> list[BaseCallback]:
    first = [CriticFirstCallback(config.imitation.critic_steps)] if config.imitation is not None else []
    progress: list[BaseCallback] = [ProgressCallback(config.steps)] if bar else []
    return [
        *first,
        CheckpointCallback(folder, config),
        MetricsCallback(),
        EvaluationCallback(folder, config),
        EpisodeImageCallback(config.evaluation.every),
        *progress,
    ]


def _logger(folder: Path, steps: int) -> Logger:
    """Logs to TensorBoard and to a CSV file; a resumed run writes a file of its own."""
    name = f"progress-{steps}.csv" if steps else "progress.csv"
    outputs = [TensorBoardOutputFormat(str(folder / "tensorboard" / "agent")), CSVOutputFormat(str(folder / name))]
    return Logger(str(folder), outputs)
