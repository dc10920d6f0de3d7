"""Which rows of the exit profile an episode's requests take: a mix that may drift between easy and hard ones."""

import numpy as np

from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.sim.sections import DriftSection, ExitsSection
from edge_llm_gym.sim.state import Array


class ProfileRows:
    """Draws a row of a scenario's exit profile for each request."""

    def __init__(self, exits: ExitsSection) -> None:
        self.profile: ExitProfile = exit_profile(exits.profile)
        self._drift = exits.drift
        self._easiest_first = np.argsort(self.profile.difficulty, kind="stable")

    def draw(self, rng: np.random.Generator, arrival_s: Array) -> Array:
        """[n] rows of the profile for arrival times [n]; takes the same numbers with and without drift."""
        phase, uniform = rng.random(), rng.random(arrival_s.size)
        swing = 0.0 if self._drift is None else drift_swing(self._drift, arrival_s, phase)
        rank = (tilted(uniform, swing) * self.profile.rows).astype(np.int64)
        return self._easiest_first[np.minimum(rank, self.profile.rows - 1)]


def drift_swing(drift: DriftSection, time_s: Array, phase: float) -> Array:
    """Where the mix of requests stands at a time: from -depth (easy) to depth (hard). `phase` serves if none is set."""
    begun = phase if drift.phase is None else drift.phase
    return drift.depth * np.sin(2.0 * np.pi * (time_s / drift.period_s + begun))


def tilted(uniform: Array, swing: Array | float) -> Array:
    """Numbers in [0, 1) with the density 1 + c (2 u - 1), c being the swing in [-1, 1], from uniform ones.

    By inversion of the distribution function (1 - c) u + c u^2, in a form without cancellation at c = 0.
    """
    root = np.sqrt((1.0 - swing) ** 2 + 4.0 * swing * uniform)
    return 2.0 * uniform / np.maximum(1.0 - swing + root, np.finfo(np.float64).tiny)
