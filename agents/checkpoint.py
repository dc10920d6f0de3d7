"""Saves and restores the full state of a training run, at the boundary between two rollouts.

A checkpoint is a folder: `model.zip` as Stable-Baselines3 writes it (weights, optimiser, counters), `arrays.npz` (the
simulator's rows, the vector environment's counts, the replay buffer, PyTorch's generator) and `state.json` (the states
of NumPy's generators, the configuration of the environment). Only model.zip holds pickles. With the same versions
on the same machine a resumed run repeats the run that was never interrupted.
"""

import json
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from agents.config import RunConfig
from edge_llm_gym.arrays import Array
from edge_llm_gym.sb3.algorithms import ALGORITHMS
from edge_llm_gym.sb3.vec_env import NativeVecEnv
from edge_llm_gym.settings import ConfigError
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Snapshot

BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
Arrays = dict[str, Array]


def save_checkpoint(folder: Path, model: BaseAlgorithm, env: NativeVecEnv, config: RunConfig) -> None:
    """Writes a checkpoint beside the folder, then moves it into place: an interruption leaves no partial files."""
    fresh = folder.with_name(folder.name + ".new")
    fresh.mkdir(parents=True, exist_ok=True)
    model.save(fresh / "model.zip")
    arrays: Any = _env_arrays(env) | _buffer_arrays(model) | {"torch": th.get_rng_state().numpy()}
    np.savez(fresh / "arrays.npz", **arrays)
    state = {"steps": model.num_timesteps, "identity": identity(config)} | _generator_states(model, env)
    (fresh / "state.json").write_text(json.dumps(state), "utf-8")
    _replace(fresh, folder)


def _replace(fresh: Path, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in fresh.iterdir():
        path.replace(folder / path.name)
    fresh.rmdir()


def load_checkpoint(folder: Path, env: NativeVecEnv, config: RunConfig) -> BaseAlgorithm:
    """The model of a checkpoint on a fresh environment, with all state restored.

    Warns that the archive holds pickles: load only files that you trust. Raises ConfigError for a folder without a
    checkpoint and for a checkpoint of another environment, codec, algorithm or policy.
    """
    state = _read_state(folder, config)
    warnings.warn(
        f"{folder / 'model.zip'} holds pickles, which can run code: load only files that you trust", stacklevel=2
    )
    model_class: Any = ALGORITHMS[config.algorithm].model_class
    model: BaseAlgorithm = model_class.load(folder / "model.zip", env=env, device="cpu", force_reset=False)
    with np.load(folder / "arrays.npz") as arrays:
        _restore_env(env, arrays)
        _restore_buffer(model, arrays)
        th.set_rng_state(th.from_numpy(arrays["torch"]))
    _restore_generators(model, env, state)
    return model


def identity(config: RunConfig) -> dict[str, Any]:
    """The settings that a checkpoint must share with the run that resumes it."""
    kept = config.model_dump(mode="json", include={"environment", "codec", "algorithm", "policy", "rows"})
    return dict(kept)


def _read_state(folder: Path, config: RunConfig) -> dict[str, Any]:
    path = folder / "state.json"
    if not path.is_file():
        raise ConfigError(f"there is no checkpoint in {folder}; a run writes one at <run>/checkpoint")
    state: dict[str, Any] = json.loads(path.read_text("utf-8"))
    for key, value in identity(config).items():
        if state["identity"][key] != value:
            raise ConfigError(
                f"the checkpoint in {folder} belongs to {key} {state['identity'][key]!r}, and this run has {value!r}; "
                f"resume with the configuration that wrote it, or start a new run"
            )
    return state


def _env_arrays(env: NativeVecEnv) -> Arrays:
    simulator = env.envs.simulator
    records = (("tape", dict(leaves(simulator.tape))), ("sim", dict(leaves(simulator.state))), ("raw", env.raw))
    arrays = {f"{label}.{name}": array for label, record in records for name, array in record.items()}
    return arrays | {"vec_env.returns": env.returns, "vec_env.lengths": env.lengths}


def _restore_env(env: NativeVecEnv, arrays: Any) -> None:
    env.envs.reset(seed=0)  # creates the generators, whose states are restored later
    parts = {label: _part(arrays, label) for label in ("tape", "sim", "raw")}
    for row in range(env.num_envs):
        tape, moment = ({name: array[row] for name, array in parts[label].items()} for label in ("tape", "sim"))
        env.envs.simulator.restore(Snapshot(env.envs.scenario, tape, moment), row)
    env.raw = parts["raw"]
    env.returns, env.lengths = arrays["vec_env.returns"], arrays["vec_env.lengths"]


def _part(arrays: Any, label: str) -> Arrays:
    return {name.removeprefix(f"{label}."): arrays[name] for name in arrays.files if name.startswith(f"{label}.")}


def _buffer_arrays(model: BaseAlgorithm) -> Arrays:
    """The replay buffer as flat arrays; empty for algorithms without one."""
    buffer = getattr(model, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer):
        return {}
    arrays: Arrays = {"buffer.position": np.array([buffer.pos, buffer.full])}
    for name in BUFFER_ARRAYS:
        value = getattr(buffer, name)
        parts = value if isinstance(value, dict) else {"": value}
        arrays |= {f"buffer.{name}.{key}": array for key, array in parts.items()}
    return arrays


def _restore_buffer(model: BaseAlgorithm, arrays: Any) -> None:
    buffer = getattr(model, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer):
        return
    position, full = arrays["buffer.position"]
    buffer.pos, buffer.full = int(position), bool(full)
    for name in BUFFER_ARRAYS:
        target = getattr(buffer, name)
        for key, array in target.items() if isinstance(target, dict) else (("", target),):
            array[...] = arrays[f"buffer.{name}.{key}"]


def _generator_states(model: BaseAlgorithm, env: NativeVecEnv) -> dict[str, Any]:
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - the library draws from it
    return {
        "rows": [generator.bit_generator.state for generator in env.envs.np_random],
        "actions": model.action_space.np_random.bit_generator.state,
        "numpy": [kind, np.asarray(keys).tolist(), position, has_gauss, cached],
        "python": list(random.getstate()[1]),
    }


def _restore_generators(model: BaseAlgorithm, env: NativeVecEnv, state: dict[str, Any]) -> None:
    for generator, saved in zip(env.envs.np_random, state["rows"], strict=True):
        generator.bit_generator.state = saved
    model.action_space.np_random.bit_generator.state = state["actions"]
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), position, has_gauss, cached))  # noqa: NPY002
    random.setstate((3, tuple(state["python"]), None))
