"""One training run: imitation first if the configuration has it, then reinforcement learning, in one folder.

`agents.run_folder` lists what is in the folder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from agents.archives import save_model
from agents.callbacks.episode_images import EpisodeImageCallback
from agents.callbacks.evaluation import EvaluationCallback, Scored, ignored
from agents.callbacks.metrics import MetricsCallback
from agents.callbacks.progress import ProgressCallback
from agents.callbacks.schedule import CheckpointCallback, CriticFirstCallback
from agents.checkpoint import Checkpoint, find_checkpoint
from agents.config import RunConfig
from agents.curves import Curves
from agents.evaluation import check_experts, make_envs
from agents.imitation.checks import check_imitation
from agents.imitation.dagger import imitate
from agents.imitation.rounds import remove_rounds
from agents.models import make_model
from agents.run_folder import Start, begin_folder, check_folder
from agents.runtime import prepare_process
from edge_llm_gym.codecs import make_codec, on_threads
from edge_llm_gym.sb3.forking import ForkCallback
from edge_llm_gym.sb3.observations import READERS
from edge_llm_gym.sb3.vec_env import NativeVecEnv
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.sheets.progress import progress


def train(
    config: RunConfig, folder: Path, *, start: Start = "new", bar: bool = False, scored: Scored = ignored
) -> BaseAlgorithm:
    """Runs a configuration to its number of steps and returns the model.

    With `bar` it says how far it is, and what each evaluation gives: bars on a terminal, lines elsewhere. `scored` is
    called with the steps so far and the score of each evaluation.

    `start` "resume" continues from the last checkpoint, and where there is none yet, from the last finished round of
    the imitation or from the beginning. "overwrite" removes the run in the folder.

    Raises ConfigError for an inconsistent configuration, for a folder that already holds a run or holds none to resume,
    and for a checkpoint that belongs to another run or cannot be read; ValueError for a folder that cannot be written
    into.
    """
    prepare_process(config.threads)
    check_folder(folder, start)
    check_experts(config)
    check_imitation(config)
    checkpoint = find_checkpoint(folder, config) if start == "resume" else None
    curves = Curves(folder)
    with _closing(make_env(config)) as env:
        model = make_model(config, env, env.envs.scenario) if checkpoint is None else checkpoint.load(env, config)
        begin_folder(config, folder, start)
        if checkpoint is None and config.imitation is not None:
            imitate(model.policy, config, config.imitation, folder, bar=bar)
        with _logging(model, curves, checkpoint):
            _learn(model, env, config, folder, curves, checkpoint, bar, scored)
        save_model(model, folder / "model.zip")
        remove_rounds(folder)
    return model


def make_env(config: RunConfig) -> NativeVecEnv:
    """The vector environment of a run. Raises ConfigError for a codec that does not exist or does not fit."""
    envs = make_envs(config, config.rows)
    try:
        threads = on_threads(config.codec.name, envs.scenario, config.threads)
        codec = make_codec(config.codec.name, envs.scenario, **(threads | config.codec.settings))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"codec: {error}") from error
    reader = READERS[config.policy.kind](envs.scenario)
    return NativeVecEnv(envs, codec, config.environment.reward_scale, reader, config.group)


def _learn(
    model: BaseAlgorithm,
    env: NativeVecEnv,
    config: RunConfig,
    folder: Path,
    curves: Curves,
    checkpoint: Checkpoint | None,
    bar: bool,
    scored: Scored,
) -> None:
    """Reinforcement learning for the steps that remain, up to the last checkpoint."""
    remaining = config.steps - model.num_timesteps
    if remaining <= 0:
        return
    with progress(bar) as shown:
        evaluation, images = (
            EvaluationCallback(folder, config, shown.say, scored),
            EpisodeImageCallback(config.evaluation.every),
        )
        checkpoints = CheckpointCallback(folder, config, curves, {"evaluation": evaluation, "images": images})
        if checkpoint is not None:
            with checkpoint.reading():
                checkpoints.resume(checkpoint.progress, model.num_timesteps)
        callbacks: list[BaseCallback] = [checkpoints, MetricsCallback(), evaluation, images]
        if config.group > 1:
            callbacks.insert(0, ForkCallback())
        if config.imitation is not None:
            callbacks.insert(0, CriticFirstCallback(config.imitation.critic_steps))
        callbacks.append(ProgressCallback(shown, config.steps))
        model.learn(remaining, callback=callbacks, reset_num_timesteps=checkpoint is None)
    checkpoints.act()


@contextmanager
def _closing(env: NativeVecEnv) -> Iterator[NativeVecEnv]:
    try:
        yield env
    finally:
        env.close()


@contextmanager
def _logging(model: BaseAlgorithm, curves: Curves, checkpoint: Checkpoint | None) -> Iterator[None]:
    """Opens the curves where the checkpoint left them, and closes them at the end."""
    curves.open(None if checkpoint is None else checkpoint.curves)
    model.set_logger(curves.logger)
    try:
        yield
    finally:
        curves.logger.close()
