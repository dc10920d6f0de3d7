"""The info of a step in which the environment makes no epoch."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array

Info = dict[str, Any]


def info_within_epoch(last: Info) -> Info:
    """An info with the structure of the last one, of an epoch that has not been computed yet.

    Metrics and terms of the reward are 0 and slots are empty, so sums over steps count every epoch once. The other keys
    keep their values.
    """
    return {key: WITHIN_EPOCH.get(key, _same)(value) for key, value in last.items()}


def _zeros(numbers: Info) -> Info:
    return dict.fromkeys(numbers, 0.0)


def _empty_slots(slots: dict[str, Array]) -> Info:
    return {key: np.full_like(array, -1 if key == "request" else 0) for key, array in slots.items()}


def _same(value: Any) -> Any:
    return dict(value) if isinstance(value, dict) else value


WITHIN_EPOCH: Final[Mapping[str, Callable[[Any], Any]]] = {"metrics": _zeros, "rewards": _zeros, "slots": _empty_slots}
"""Key of the info -> its value within an epoch, from that of the last info."""
