"""Which reader sees the batch problems behind the observations of a scenario."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.experts.epoch import EpochReader
from edge_llm_gym.experts.staged_reader import StagedReader
from edge_llm_gym.sim.scenario import Scenario

READERS: Final[Mapping[str, Callable[[Scenario, float], EpochReader]]] = MappingProxyType(
    {"epoch": EpochReader, "staged": StagedReader}
)
"""Admission -> reader; in staged admission it plans for requests that pass all blocks of their entry node."""


def batch_reader(scenario: Scenario, overrun_s: float = np.inf) -> EpochReader:
    """The reader of a scenario. Raises ValueError where nobody is asked to make batches."""
    if scenario.admission not in READERS:
        raise ValueError(
            f"batches are made under admission {' or '.join(map(repr, READERS))}, got scenario {scenario.name!r} with "
            f"admission {scenario.admission!r}"
        )
    return READERS[scenario.admission](scenario, overrun_s)
