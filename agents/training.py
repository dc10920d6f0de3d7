"""One training run: imitation first if the configuration asks for it, then reinforcement learning, in one folder.

<run>/config.yaml is the resolved configuration and <run>/versions.json what it ran with; <run>/model.zip the final
weights, <run>/best.zip the best ones on the held-out seeds, <run>/checkpoint where to resume, <run>/tensorboard and
<run>/progress*.csv the curves.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat

from agents.adapter import NativeVecEnv
from agents.algorithms import make_model
from agents.callbacks.evaluation import EvaluationCallback
from agents.callbacks.metrics import MetricsCallback
from agents.callbacks.pictures import PictureCallback
from agents.callbacks.progress import ProgressCallback
from agents.callbacks.schedule import CheckpointCallback, CriticFirstCallback
from agents.checkpoint import load_checkpoint
from agents.codecs import make_codec
from agents.config import ConfigError, RunConfig, write_config
from agents.evaluation import make_envs
from agents.imitation.dagger import imitate
from agents.runtime import prepare
from agents.tokens import make_tokens

LIBRARIES = ("torch", "stable-baselines3", "sb3-contrib", "gymnasium", "numpy", "numba")


def train(config: RunConfig, folder: Path, *, resume: bool = False, bar: bool = False) -> BaseAlgorithm:
    """Runs a configuration to its number of steps and returns the model.

    Raises ConfigError for a configuration that does not fit together, for a folder that already holds a run, and for a
    checkpoint of another run.
    """
    prepare(config.threads)
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
        left = config.steps - model.num_timesteps
        if left > 0:
            model.learn(left, callback=_callbacks(config, folder, env, bar), reset_num_timesteps=not resume)
        model.save(folder / "model.zip")
    finally:
        model.logger.close()
        env.close()
    return model


def make_env(config: RunConfig) -> NativeVecEnv:
    """The rows that a run learns on. Raises ConfigError for a codec that does not exist or does not suit."""
    envs = make_envs(config, config.rows)
    try:
        codec = make_codec(config.codec.name, envs.scenario, **config.codec.settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"codec: {error}") from error
    return NativeVecEnv(envs, codec, make_tokens(envs.scenario), config.environment.reward_scale)


def begin_folder(config: RunConfig, folder: Path) -> None:
    """Makes the folder and writes down what runs in it. Raises ConfigError if a run lies there already."""
    if (folder / "config.yaml").exists():
        raise ConfigError(f"{folder} already holds a run: resume it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_config(config, folder / "config.yaml")
    versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
    (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n", "utf-8")


def _callbacks(config: RunConfig, folder: Path, env: NativeVecEnv, bar: bool) -> list[BaseCallback]:
    first = [CriticFirstCallback(config.imitation.critic_steps)] if config.imitation is not None else []
    shown: list[BaseCallback] = [ProgressCallback(config.steps)] if bar else []
    return [
        *first,
        CheckpointCallback(folder, config),
        MetricsCallback(),
        EvaluationCallback(folder, config),
        PictureCallback(config.evaluation.every),
        *shown,
    ]


def _logger(folder: Path, steps: int) -> Logger:
    """Curves go to TensorBoard and to a CSV file; a resumed run writes a file of its own."""
    name = f"progress-{steps}.csv" if steps else "progress.csv"
    outputs = [TensorBoardOutputFormat(str(folder / "tensorboard" / "learner")), CSVOutputFormat(str(folder / name))]
    return Logger(str(folder), outputs)
