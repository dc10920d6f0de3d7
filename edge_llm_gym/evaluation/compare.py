"""Compares policies on common tapes: every policy meets the same seeds, differences are taken seed by seed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.evaluation.rollout import Episode, run_episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sim.loading import ScenarioSource
from edge_llm_gym.sim.state import Array

SCORE = "served_value"
Job = tuple[PolicySource, int]
Progress = Callable[[int, int], None]
"""Called with the number of episodes done and of all."""


@dataclass(frozen=True)
class Comparison:
    """Episodes of every policy on the same seeds.

    `episodes[policy]` holds one record per seed, in the order of `seeds`.
    """

    environment: str
    seeds: tuple[int, ...]
    episodes: Mapping[str, tuple[Episode, ...]]

    @property
    def policies(self) -> list[str]:
        """Policy names, best mean score first."""
        return sorted(self.episodes, key=lambda name: -self.mean(name, SCORE).mean)

    @property
    def best(self) -> str:
        """The policy with the highest mean served value."""
        return self.policies[0]

    @property
    def metrics(self) -> list[str]:
        """Names of the figures of an episode."""
        return list(next(iter(self.episodes.values()))[0])

    def samples(self, policy: str, metric: str) -> Array:
        """One figure per seed [n]."""
        return np.array([episode[metric] for episode in self.episodes[policy]])

    def mean(self, policy: str, metric: str) -> Interval:
        """Mean over seeds with its 95 % bootstrap interval."""
        return bootstrap_mean(self.samples(policy, metric))

    def difference(self, policy: str, reference: str | None = None, metric: str = SCORE) -> Interval:
        """Paired difference policy - reference (the best policy by default) with its 95 % bootstrap interval."""
        return paired_difference(self.samples(policy, metric), self.samples(reference or self.best, metric))

    def records(self) -> list[dict[str, Any]]:
        """One flat record per policy and seed."""
        return [
            {"policy": policy, "seed": seed, **episode}
            for policy in self.policies
            for seed, episode in zip(self.seeds, self.episodes[policy], strict=True)
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One record per policy: each figure's mean and interval, and the paired difference to the best."""
        return [
            {"policy": policy, "to_best": self.difference(policy)}
            | {metric: self.mean(policy, metric) for metric in self.metrics}
            for policy in self.policies
        ]


@dataclass(frozen=True)
class Setup:
    """How to build the environment of a comparison, in any process."""

    environment: str
    settings: Mapping[str, Any]
    gap_every: int | None = None

    def make(self) -> gymnasium.Env:
        """A fresh environment."""
        assert self.environment in ENVIRONMENTS  # importing the package registered the ids in this process
        env = gymnasium.make(self.environment, **self.settings)
        return env if self.gap_every is None else EpochGap(env, self.gap_every)


def compare(
    environment: str,
    policies: Iterable[PolicyLike | tuple[str, PolicyLike]],
    seeds: Iterable[int] = range(30),
    *,
    scenario: ScenarioSource | None = None,
    overrides: Mapping[str, Any] | None = None,
    gap_every: int | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Runs every policy on every seed's tape.

    A policy is an expert's name, "package.module:factory", a factory taking the environment, or an object with
    `predict`; a (name, policy) pair names it. `gap_every` measures the gap to the exact optimum of every so many
    epochs (see EpochGap; needs the extra "solvers"). `jobs` processes share the work (needs the extra "parallel").
    Raises ValueError for unknown names, before anything runs.
    """
    known_name("environment", environment, ENVIRONMENTS)
    sources, chosen = policy_sources(policies), tuple(seeds)
    if not chosen:
        raise ValueError("there is no seed to compare on; give at least one")
    settings = {"overrides": dict(overrides or {})} | ({} if scenario is None else {"scenario": scenario})
    setup = Setup(environment, settings, gap_every)
    setup.make().close()
    work: list[Job] = [(source, seed) for seed in chosen for source in sources]
    results = _run(work, setup, jobs, progress)
    episodes = {
        source.name: tuple(episode for (who, _), episode in zip(work, results, strict=True) if who is source)
        for source in sources
    }
    return Comparison(environment, chosen, episodes)


def _run(work: Sequence[Job], setup: Setup, jobs: int, progress: Progress | None) -> list[Episode]:
    tell = progress or (lambda done, of: None)
    results: list[Episode] = []
    for episode in _episodes(work, setup, jobs):
        results.append(episode)
        tell(len(results), len(work))
    return results


def _episodes(work: Sequence[Job], setup: Setup, jobs: int) -> Iterable[Episode]:
    if jobs == 1:
        env = setup.make()
        return (_one(env, source, seed) for source, seed in work)
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise ImportError("jobs > 1 needs joblib: pip install 'edge-llm-gym[parallel]'") from error
    return Parallel(n_jobs=jobs, return_as="generator")(delayed(_in_worker)(setup, *job) for job in work)


def _in_worker(setup: Setup, source: PolicySource, seed: int) -> Episode:
    return _one(setup.make(), source, seed)


def _one(env: gymnasium.Env, source: PolicySource, seed: int) -> Episode:
    return run_episode(env, source.make(env, seed), seed)
