"""The reader of batch problems for the dynamics of a scenario."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.continuous import ContinuousReader
from edge_llm_gym.decoding.energy_price import FREE, EnergyPrice
from edge_llm_gym.scenario import Scenario

READERS: Final[Mapping[str, Callable[..., BatchingReader]]] = MappingProxyType(
    {"batching": BatchingReader, "continuous_batching": ContinuousReader, "batching_routing": CompositeReader}
)
"""Variant of the dynamics -> reader. For batching-and-routing dynamics, the arrays of `read_rows` assume that every
request computes all blocks of its entry node."""


def batch_reader(
    scenario: Scenario, overrun_s: float = np.inf, quantile: float | None = None, energy_price: EnergyPrice = FREE
) -> BatchingReader:
    """The reader of a scenario, with the settings of `BatchingReader`.

    Raises ValueError for dynamics that form no batches.
    """
    if scenario.variant not in READERS:
        raise ValueError(
            f"batches are formed in dynamics 'batching' or 'batching_routing', got scenario {scenario.name!r} with "
            f"dynamics {scenario.dynamics!r}; choose a scenario of these dynamics"
        )
    return READERS[scenario.variant](scenario, overrun_s=overrun_s, quantile=quantile, energy_price=energy_price)
