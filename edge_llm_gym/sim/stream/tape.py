"""Draws the tape of stream admission."""

import numpy as np

from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.sim.recording import Generator, Recorder
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.sections import DriftSection
from edge_llm_gym.sim.state import Array
from edge_llm_gym.sim.stream.costs import ServiceTimes, forward_bits, hosted_blocks
from edge_llm_gym.sim.stream.state import StreamTape


class StreamRecorder(Recorder):
    """Draws the episodes of a scenario of stream admission; the first epoch begins before anybody has arrived."""

    def __init__(self, scenario: Scenario) -> None:
        assert scenario.exits is not None
        super().__init__(scenario, scenario.network.entry_nodes, scenario.horizon_epochs)
        self.hosted = hosted_blocks(scenario)
        self._service_times = ServiceTimes(scenario)
        self.profile: ExitProfile = exit_profile(scenario.exits.profile)
        self._drift = scenario.exits.drift
        self._easiest_first = np.argsort(self.profile.difficulty, kind="stable")

    def _write_rest(self, rng: Generator, tape: StreamTape, row: int, size: int) -> None:
        tape.route[row, :size] = rng.random((size, tape.route.shape[2]))
        chosen = self._easiest_first[self._ranks(rng, tape.arrival_s[row, :size])]
        tape.confidence[row, :size] = self.profile.confidence[chosen]
        tape.correct[row, :size] = self.profile.correct[chosen]
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        tape.service_s[row, :size] = self._service_times(prompt, output)
        tape.forward_bits[row, :size] = forward_bits(self.scenario, prompt, output)

    def _ranks(self, rng: Generator, arrival_s: Array) -> Array:
        """Place of each request's row in the profile, easiest first; takes the same numbers with and without drift."""
        phase, uniform = rng.random(), rng.random(arrival_s.size)
        swing = 0.0 if self._drift is None else drift_swing(self._drift, arrival_s, phase)
        difficulty = tilted(uniform, swing)
        return np.minimum((difficulty * self.profile.rows).astype(np.int64), self.profile.rows - 1)


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
