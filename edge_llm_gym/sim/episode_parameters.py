"""Parameters of an episode: numbers of the scenario, or drawn anew for every episode where it gives a range."""

from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.ranges import Span
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.sections import DriftSection


class EpisodeParameters(NamedTuple):
    """What holds for all requests and channels of one episode. Without early exits or drift, the latter two are 0."""

    rate_per_s: float
    """Mean arrivals per s"""
    shadowing_db: float
    """Standard deviation of the shadowing in dB"""
    drift_period_s: float
    """Period of the difficulty drift in s"""
    drift_depth: float
    """Amplitude of the difficulty drift"""

    def drift(self, section: DriftSection | None) -> DriftSection | None:
        """The drift of the episode; None for a scenario without one."""
        if section is None:
            return None
        return section.model_copy(update={"period_s": self.drift_period_s, "depth": self.drift_depth})


PARAMETERS: Final = EpisodeParameters._fields
"""Names of the parameters, in the order of their columns."""


class ParameterSampler:
    """Draws the parameters of episodes of a scenario.

    Only ranges draw random numbers, one each, in the order of `PARAMETERS`. `rate_per_s` is the mean rate of the
    workload, which the scenario does not always state.
    """

    def __init__(self, scenario: Scenario, rate_per_s: float) -> None:
        drift = scenario.exits.drift if scenario.exits is not None else None
        rate, shadowing = scenario.arrivals.rate_per_s, scenario.channel.shadowing_db
        self._values: tuple[float | Span, ...] = (
            rate if isinstance(rate, tuple) else rate_per_s,
            shadowing if isinstance(shadowing, tuple) else scenario.channel.shadowing_deviation_db,
            0.0 if drift is None else drift.period_s,
            0.0 if drift is None else drift.depth,
        )
        drawn = any(isinstance(value, tuple) for value in self._values)
        self._fixed = None if drawn else EpisodeParameters(*(float(value) for value in self._values))  # type: ignore[arg-type]
        self.has_own_rate = isinstance(rate, tuple)
        """Whether every episode has a rate of its own."""

    def draw(self, rng: np.random.Generator) -> EpisodeParameters:
        """The parameters of the next episode."""
        return self._fixed or EpisodeParameters(*(_drawn(rng, value) for value in self._values))


def _drawn(rng: np.random.Generator, value: float | Span) -> float:
    return float(rng.uniform(*value)) if isinstance(value, tuple) else float(value)
