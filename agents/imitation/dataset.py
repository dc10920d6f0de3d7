"""Expert data in Minari's format: whole episodes in the environment's observations and actions, out and in again."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.imitation.labels import Arrays
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.experts import Policy


def export(envs: EdgeLLMVectorEnv, expert: Policy, dataset_id: str, seed: int, *, name: str, environment: str) -> Any:
    """One episode of every row under the expert, as a Minari dataset (HDF5) of its local store; returns the dataset.

    Raises ImportError where Minari is missing: it is in the extra "data".
    """
    minari = _minari()
    with warnings.catch_warnings():
        # It asks for an author and a link to the code, which are for whoever publishes a dataset to name.
        warnings.filterwarnings("ignore", message="`.*` is set to None", category=UserWarning)
        return minari.create_dataset_from_buffers(
            dataset_id,
            episodes(envs, expert, seed),
            env=environment,
            algorithm_name=name,
            action_space=envs.single_action_space,
            observation_space=envs.single_observation_space,
            description=f"episodes of {name} on {environment}, scenario {envs.scenario.name}, seeds from {seed}",
            data_format="hdf5",
        )


def episodes(envs: EdgeLLMVectorEnv, expert: Policy, seed: int) -> list[Any]:
    """One EpisodeBuffer per row, seeded seed, seed + 1, ..."""
    buffer_of = _minari().data_collector.episode_buffer.EpisodeBuffer
    observations, actions, rewards = _play(envs, expert, seed)
    steps = len(rewards)
    ends = [False] * (steps - 1) + [True]
    return [
        buffer_of(
            id=row,
            seed=seed + row,
            observations=_column(observations, row),
            actions=_column(actions, row),
            rewards=[float(reward[row]) for reward in rewards],
            terminations=[False] * steps,
            truncations=ends,
            infos={},
        )
        for row in range(envs.num_envs)
    ]


def _play(envs: EdgeLLMVectorEnv, expert: Policy, seed: int) -> tuple[list[Arrays], list[Arrays], list[Array]]:
    """Observations (one more than steps), actions and rewards of all rows until their episodes end together."""
    now, _ = envs.reset(seed=seed)
    observations, actions, rewards = [now], [], []
    truncated = np.zeros(envs.num_envs, np.bool_)
    memory, starts = None, np.ones(envs.num_envs, np.bool_)
    while not truncated.all():
        action, memory = expert.predict(now, memory, starts, deterministic=True)
        starts = truncated
        now, reward, _, truncated, info = envs.step(action)
        actions.append(action)
        rewards.append(reward)
        observations.append(now)
    finals = info["final_obs"]
    observations[-1] = {key: np.stack([final[key] for final in finals]) for key in now}
    return observations, actions, rewards


def _column(steps: list[Arrays], row: int) -> Arrays:
    """One row over time, by key."""
    return {key: np.stack([step[key][row] for step in steps]) for key in steps[0]}


def labelled(dataset: Any) -> tuple[Arrays, Arrays]:
    """Observations and actions of all steps of a dataset, as dictionaries of arrays [steps, ...]."""
    episodes_ = list(dataset.iterate_episodes())
    observations = [_states(episode.observations) for episode in episodes_]
    actions: list[Mapping[str, Array]] = [episode.actions for episode in episodes_]
    return _joined(observations), _joined(actions)


def load(dataset_id: str) -> Any:
    """A dataset of Minari's local store. Raises FileNotFoundError where it is not there."""
    return _minari().load_dataset(dataset_id)


def _states(observations: Mapping[str, Array]) -> Arrays:
    """All but the last one, in which nothing was done."""
    return {key: array[:-1] for key, array in observations.items()}


def _joined(parts: list[Any]) -> Arrays:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _minari() -> Any:
    try:
        import minari  # type: ignore[import-untyped]
        import minari.data_collector.episode_buffer  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError("expert datasets need Minari: pip install 'edge-llm-gym[data]'") from error
    return minari
