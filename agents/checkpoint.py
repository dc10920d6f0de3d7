"""Saves and restores the full state of a training run, at the boundary between two rollouts.

A checkpoint is a folder `checkpoint-<steps>` in the folder of the run: `model.zip` as Stable-Baselines3 writes it
(weights, optimiser, counters), `arrays.npz` (the simulator's rows, the vector environment's counts, the replay buffer)
and `state.json` (generators, configuration, best score, schedules, positions in the curves). `checkpoint.json` names
the one that counts: it is replaced once the folder is complete, and the folder before is removed after that, so that a
kill at any moment leaves a complete checkpoint. Each part holds the number of steps; parts of two checkpoints are
refused. Only model.zip holds pickles. With the same versions on the same machine a resumed run repeats the run that was
never interrupted.
"""

import json
import shutil
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.archives import save_model
from agents.config import RunConfig
from agents.curves import Position
from agents.generators import generator_states, restore_generators
from agents.training_state import buffer_arrays, env_arrays, restore_buffer, restore_env
from edge_llm_gym.archives import require_size
from edge_llm_gym.files import remove_leftovers, replacing, write_text
from edge_llm_gym.sb3.algorithms import ALGORITHMS
from edge_llm_gym.sb3.vec_env import NativeVecEnv
from edge_llm_gym.settings import ConfigError

POINTER: Final = "checkpoint.json"
FOLDERS: Final = "checkpoint-*"
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
    zipfile.BadZipFile,
)


def save_checkpoint(
    run: Path, model: BaseAlgorithm, env: NativeVecEnv, config: RunConfig, progress: Mapping[str, Any]
) -> None:
    """Writes a checkpoint, makes it the one that counts, and removes all others.

    `progress` is what else the run needs to go on, as values that JSON holds.
    """
    folder = _unused(run, model.num_timesteps)
    shutil.rmtree(folder, ignore_errors=True)  # left over from a kill
    folder.mkdir()
    steps = model.num_timesteps
    save_model(model, folder / "model.zip")
    arrays: Any = env_arrays(env) | buffer_arrays(model) | {"steps": np.array(steps)}
    with replacing(folder / "arrays.npz") as temporary:
        np.savez(temporary, **arrays)
    state = {"steps": steps, "identity": identity(config), "progress": progress, "generators": _generators(model, env)}
    write_text(folder / "state.json", json.dumps(state))
    write_text(run / POINTER, json.dumps({"folder": folder.name, "steps": steps}) + "\n")
    remove_others(run)


def _unused(run: Path, steps: int) -> Path:
    """A folder for a checkpoint, other than the one that counts."""
    folder = run / f"checkpoint-{steps:09d}"
    return folder if folder != current(run) else run / f"{folder.name}-again"


def current(run: Path) -> Path | None:
    """The folder of the checkpoint that counts; None before the first. Raises ConfigError for an unreadable pointer."""
    try:
        return run / json.loads((run / POINTER).read_text("utf-8"))["folder"]
    except FileNotFoundError:
        return None
    except UNREADABLE as error:
        raise _unreadable(run / POINTER, error) from error


def remove_others(run: Path) -> None:
    """Removes all checkpoints but the one that counts, and the temporary files of processes that were killed."""
    kept = current(run)
    for folder in run.glob(FOLDERS):
        if folder != kept:
            shutil.rmtree(folder, ignore_errors=True)
    remove_leftovers(run)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that fits the configuration of the run that resumes it; `state` is the content of state.json."""

    folder: Path
    state: dict[str, Any]

    @property
    def progress(self) -> dict[str, Any]:
        """What `save_checkpoint` got."""
        kept: dict[str, Any] = self.state["progress"]
        return kept

    def load(self, env: NativeVecEnv, config: RunConfig) -> BaseAlgorithm:
        """The model on a fresh environment, with all state restored.

        Warns that the archive holds pickles: load only files that you trust. Raises ConfigError for parts that are
        missing or damaged, or that belong to different checkpoints.
        """
        path = self.folder / "model.zip"
        warnings.warn(f"{path} holds pickles, which can run code: load only files that you trust", stacklevel=2)
        model_class: Any = ALGORITHMS[config.algorithm].model_class
        try:
            for name in ("model.zip", "arrays.npz"):  # both are written without compression
                require_size(self.folder / name, (self.folder / name).stat().st_size)
            model: BaseAlgorithm = model_class.load(path, env=env, device="cpu", force_reset=False)
            with (self.folder / "arrays.npz").open("rb") as file, np.load(file) as arrays:
                self._check(model.num_timesteps, int(arrays["steps"]))
                restore_env(env, arrays)
                restore_buffer(model, arrays)
            _restore(model, env, self.state["generators"])
        except ConfigError:
            raise
        except Exception as error:  # a damaged pickle raises anything
            raise _unreadable(self.folder, error) from error
        return model

    @property
    def curves(self) -> Position:
        """The position in the curves. Raises ConfigError where it is missing or damaged."""
        with self.reading():
            position = self.progress["curves"]
            sizes = {str(name): int(size) for name, size in position["sizes"].items()}
            return {"lines": int(position["lines"]), "sizes": sizes}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """In this block, parts of the state that are missing or damaged raise ConfigError."""
        try:
            yield
        except UNREADABLE as error:
            raise _unreadable(self.folder, error) from error

    def _check(self, model: int, arrays: int) -> None:
        state = self.state["steps"]
        if not state == model == arrays:
            raise ConfigError(
                f"{self.folder} mixes parts of different checkpoints: state.json is of step {state}, model.zip of step "
                f"{model}, arrays.npz of step {arrays}; {_REMEDY}"
            )


def find_checkpoint(run: Path, config: RunConfig) -> Checkpoint | None:
    """The checkpoint of a run that is to be resumed; None for a run that ended before its first one.

    Raises ConfigError for a checkpoint of another environment, codec, algorithm or policy, and for an unreadable one.
    """
    folder = current(run)
    if folder is None:
        _refuse_old(run)
        return None
    try:
        state: dict[str, Any] = json.loads((folder / "state.json").read_text("utf-8"))
        kept = {key: state["identity"][key] for key in identity(config)}
    except UNREADABLE as error:
        raise _unreadable(folder, error) from error
    check_identity(kept, identity(config), folder)
    return Checkpoint(folder, state)


def identity(config: RunConfig) -> dict[str, Any]:
    """The settings that a checkpoint must share with the run that resumes it."""
    kept = config.model_dump(mode="json", include={"environment", "codec", "algorithm", "policy", "rows", "group"})
    return dict(kept)


def check_identity(kept: Mapping[str, Any], wanted: Mapping[str, Any], folder: Path) -> None:
    """Raises ConfigError where the settings that a checkpoint was written with differ from those of the run."""
    for key, value in wanted.items():
        if kept.get(key) != value:
            raise ConfigError(
                f"the checkpoint in {folder} belongs to {key} {kept.get(key)!r}, and this run has {value!r}; "
                f"resume with the configuration that wrote it, or start a new run"
            )


_REMEDY: Final = "start the run anew with --overwrite, or in another folder"


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"the checkpoint {path} cannot be read ({type(error).__name__}: {error}); {_REMEDY}")


def _refuse_old(run: Path) -> None:
    """A folder `checkpoint` is of a version that wrote checkpoints in place."""
    if (run / "checkpoint" / "state.json").is_file():
        raise ConfigError(f"{run / 'checkpoint'} is a checkpoint of an earlier version; {_REMEDY}")


def _generators(model: BaseAlgorithm, env: NativeVecEnv) -> dict[str, Any]:
    return generator_states() | {
        "rows": [generator.bit_generator.state for generator in env.envs.np_random],
        "actions": model.action_space.np_random.bit_generator.state,
    }


def _restore(model: BaseAlgorithm, env: NativeVecEnv, states: Mapping[str, Any]) -> None:
    for generator, saved in zip(env.envs.np_random, states["rows"], strict=True):
        generator.bit_generator.state = saved
    model.action_space.np_random.bit_generator.state = states["actions"]
    restore_generators(states)
