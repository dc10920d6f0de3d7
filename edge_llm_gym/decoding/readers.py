"""Which reader sees the batch problems behind the observations of a scenario."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.scenario import Scenario

READERS: Final[Mapping[str, Callable[[Scenario, float], BatchingReader]]] = MappingProxyType(
    {"batching": BatchingReader, "batching_routing": CompositeReader}
)
"""Admission -> reader; in batching-and-routing dynamics it plans for requests that pass all blocks of their entry node."""


def batch_reader(scenario: Scenario, overrun_s: float = np.inf) -> BatchingReader:
    """The reader of a scenario. Raises ValueError where nobody is asked to make batches."""
    if scenario.dynamics not in READERS:
        raise ValueError(
            f"batches are made under admission {' or '.join(map(repr, READERS))}, got scenario {scenario.name!r} with "
            f"admission {scenario.dynamics!r}"
        )
    return READERS[scenario.dynamics](scenario, overrun_s)
