"""Runs episodes in which a node slows down in mid-run, and keeps them epoch by epoch."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Setup
from edge_llm_gym.evaluation.policies import PolicySource, policy_sources
from edge_llm_gym.evaluation.reproduce.routing import Disturbance, RoutingStudy
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN

SUMS = ("arrived", "response_s", "correct")
"""What is kept of an epoch's arrivals: their number, the sum of their delays in s, their right answers."""


@dataclass(frozen=True, eq=False)
class Disturbed:
    """`traces[policy]` [n, H, 3] holds for each seed and epoch the numbers named in SUMS."""

    disturbance: Disturbance
    epoch_s: float
    traces: Mapping[str, Array]

    def delay_s(self, policy: str, phase: str) -> Array:
        """[n] mean delay of the requests that arrive in a phase."""
        return self._ratio(policy, self.disturbance.phases[phase], "response_s")

    def accuracy(self, policy: str, phase: str) -> Array:
        """[n] accuracy of the requests that arrive in a phase."""
        return self._ratio(policy, self.disturbance.phases[phase], "correct")

    def _ratio(self, policy: str, epochs: slice, sums: str) -> Array:
        total = self.traces[policy][:, epochs].sum(axis=1)
        return total[:, SUMS.index(sums)] / np.where(total[:, 0] > 0, total[:, 0], np.nan)

    def series(self, policy: str, sums: str) -> tuple[Array, list[Interval]]:
        """Middles of the bins in s, and in each of them the mean over its arrivals, averaged over seeds."""
        width, horizon = self.disturbance.bin_epochs, self.disturbance.horizon_epochs
        starts = np.arange(0, horizon, width)
        means = [bootstrap_mean(self._ratio(policy, slice(start, start + width), sums)) for start in starts]
        return (starts + width / 2) * self.epoch_s, means


def disturb(study: RoutingStudy, seeds: tuple[int, ...], jobs: int, tell: Callable[[], None]) -> Disturbed:
    """Every policy on every seed's tape; calls `tell` after each episode."""
    epoch_s = load_scenario(study.scenario).epoch_s
    settings = {"scenario": study.scenario, "overrides": study.disturbance.overrides(epoch_s)}
    setup, sources = Setup(study.environment, settings), policy_sources(study.disturbed_policies)
    work = [(source, seed) for source in sources for seed in seeds]
    traces = []
    for trace in _traces(work, setup, jobs):
        traces.append(trace)
        tell()
    by_policy = np.array(traces).reshape(len(sources), len(seeds), *traces[0].shape)
    return Disturbed(study.disturbance, epoch_s, dict(zip((one.name for one in sources), by_policy, strict=True)))


def _traces(work: list[tuple[PolicySource, int]], setup: Setup, jobs: int) -> Iterable[Array]:
    if jobs == 1:
        return (_trace(setup, *job) for job in work)
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise ImportError("jobs > 1 needs joblib: pip install 'edge-llm-gym[parallel]'") from error
    return Parallel(n_jobs=jobs, return_as="generator")(delayed(_trace)(setup, *job) for job in work)


def _trace(setup: Setup, source: PolicySource, seed: int) -> Array:
    """[H, 3] of an episode: differences of what the simulator has summed up before each step and after the last."""
    env = setup.make()
    totals: list[Array] = []

    def note(env: gymnasium.Env, *_: Any) -> None:
        totals.append(env.unwrapped.simulator.state.totals[0].copy())  # type: ignore[attr-defined]

    run_episode(env, source.make(env, seed), seed, watch=note)
    note(env)
    return np.diff(totals, axis=0)[:, [STREAMING_COLUMN[name] for name in SUMS]]
