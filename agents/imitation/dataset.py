"""Labels out of datasets in Minari's format, which hold whole episodes with the environment's own dictionaries.

`edge_llm_gym.evaluation.datasets` records them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.imitation.labels import Arrays
from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.datasets import minari_module


def labelled(dataset: Any) -> tuple[Arrays, Arrays]:
    """Observations and actions of all steps of a dataset, as dictionaries of arrays [steps, ...]."""
    episodes = list(dataset.iterate_episodes())
    observations = [_states(episode.observations) for episode in episodes]
    actions: list[Mapping[str, Array]] = [episode.actions for episode in episodes]
    return _joined(observations), _joined(actions)


def load(dataset_id: str) -> Any:
    """A dataset of Minari's local store. Raises FileNotFoundError for one that the store does not hold."""
    return minari_module().load_dataset(dataset_id)


def _states(observations: Mapping[str, Array]) -> Arrays:
    """All but the last one, which has no action."""
    return {key: array[:-1] for key, array in observations.items()}


def _joined(parts: list[Any]) -> Arrays:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
