"""The state of a training run at the boundary between two rollouts, as flat arrays: environment and replay buffer."""

from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from edge_llm_gym.arrays import Array
from edge_llm_gym.sb3.vec_env import NativeVecEnv
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import PARAMETERS_KEY, Snapshot

BUFFER_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
Arrays = dict[str, Array]


def env_arrays(env: NativeVecEnv) -> Arrays:
    """The rows of the simulator, the last observations and the counts of the vector environment."""
    simulator = env.envs.simulator
    tape = dict(leaves(simulator.tape)) | {PARAMETERS_KEY: simulator.episode_parameters}
    records = (("tape", tape), ("sim", dict(leaves(simulator.state))), ("raw", env.raw))
    arrays = {f"{label}.{name}": array for label, record in records for name, array in record.items()}
    return arrays | {"vec_env.returns": env.returns, "vec_env.lengths": env.lengths}


def restore_env(env: NativeVecEnv, arrays: Any) -> None:
    """Restores what `env_arrays` returned; the generators of the rows are restored afterwards."""
    env.envs.reset(seed=0)  # creates the generators, whose states are restored later
    parts = {label: _part(arrays, label) for label in ("tape", "sim", "raw")}
    for row in range(env.num_envs):
        tape, moment = ({name: array[row] for name, array in parts[label].items()} for label in ("tape", "sim"))
        env.envs.simulator.restore(Snapshot(env.envs.scenario, tape, moment), row)
    env.raw = parts["raw"]
    env.returns, env.lengths = arrays["vec_env.returns"], arrays["vec_env.lengths"]


def _part(arrays: Any, label: str) -> Arrays:
    return {name.removeprefix(f"{label}."): arrays[name] for name in arrays.files if name.startswith(f"{label}.")}


def buffer_arrays(model: BaseAlgorithm) -> Arrays:
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


def restore_buffer(model: BaseAlgorithm, arrays: Any) -> None:
    """Restores what `buffer_arrays` returned."""
    buffer = getattr(model, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer):
        return
    position, full = arrays["buffer.position"]
    buffer.pos, buffer.full = int(position), bool(full)
    for name in BUFFER_ARRAYS:
        target = getattr(buffer, name)
        for key, array in target.items() if isinstance(target, dict) else (("", target),):
            array[...] = arrays[f"buffer.{name}.{key}"]
