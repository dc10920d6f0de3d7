"""Expert data in Minari's format: export and import of whole episodes in the environment's observations and actions."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.imitation.labels import Arrays
from edge_llm_gym.arrays import Array
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.vector_rollout import steps_of
from edge_llm_gym.experts import Policy


def export(envs: EdgeLLMVectorEnv, expert: Policy, dataset_id: str, seed: int, *, name: str, environment: str) -> Any:
    """One episode of every row under the expert, as a Minari dataset (HDF5) of its local store; returns the dataset.

    Raises ImportError where Minari is missing: it is in the extra "data".
    """
    minari = _minari()
    with warnings.catch_warnings():
        # Minari warns about a missing author and link to the code, which only published datasets need.
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
    steps = list(steps_of(envs, expert, seed))
    observations = [*(step.observation for step in steps), steps[-1].last_observation()]
    actions = [step.action for step in steps]
    ends = [False] * (len(steps) - 1) + [True]
    return [
        buffer_of(
            id=row,
            seed=seed + row,
            observations=_column(observations, row),
            actions=_column(actions, row),
            rewards=[float(step.reward[row]) for step in steps],
            terminations=[False] * len(steps),
            truncations=ends,
            infos={},
        )
        for row in range(envs.num_envs)
    ]


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
    """A dataset of Minari's local store. Raises FileNotFoundError for one that the store does not hold."""
    return _minari().load_dataset(dataset_id)


def _states(observations: Mapping[str, Array]) -> Arrays:
    """All but the last one, which has no action."""
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
