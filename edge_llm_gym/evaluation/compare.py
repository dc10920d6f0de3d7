"""Compares policies on common tapes: every policy meets the same seeds, differences are taken seed by seed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.bounds import clairvoyant_bound, require_bound
from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.measures import MEASURES, Measures
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.evaluation.rollout import Episode, run_episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, ScenarioSource, scenario_of

SERVED_VALUE = "served_value"
Job = tuple[PolicySource | None, int]
"""A policy and a seed; without a policy, the clairvoyant bound of the seed's tape."""
Progress = Callable[[int, int], None]
"""Called with the number of episodes done and of all."""


@dataclass(frozen=True)
class Comparison:
    """Episodes of every policy on the same seeds.

    `episodes[policy]` holds one record per seed, in the order of `seeds`; `bounds` an upper bound on the value that any
    policy can serve per seed, where they were asked for, else nothing.
    """

    environment: str
    seeds: tuple[int, ...]
    episodes: Mapping[str, tuple[Episode, ...]]
    bounds: tuple[float, ...] = ()
    dynamics: str = "batching"

    @property
    def measures(self) -> Measures:
        """What is measured, and how it is shown."""
        return MEASURES[self.dynamics]

    @property
    def policies(self) -> list[str]:
        """Policy names, best mean score first."""
        return sorted(self.episodes, key=lambda name: -self.mean(name, self.measures.score).mean)

    @property
    def best(self) -> str:
        """The policy with the highest mean score."""
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

    def difference(self, policy: str, reference: str | None = None, metric: str | None = None) -> Interval:
        """Paired difference policy - reference with its 95 % bootstrap interval.

        By default it is that of the score to the best policy's.
        """
        metric = metric or self.measures.score
        return paired_difference(self.samples(policy, metric), self.samples(reference or self.best, metric))

    def share_of_bound(self, policy: str) -> Interval:
        """Served value over the clairvoyant bound, tape by tape; raises ValueError where there are no bounds.

        A tape on which nothing can be served is left out.
        """
        if not self.bounds:
            raise ValueError("this comparison has no clairvoyant bounds; call compare(..., bound=True)")
        bounds = np.array(self.bounds)
        return bootstrap_mean(self.samples(policy, SERVED_VALUE) / np.where(bounds > 0.0, bounds, np.nan))

    @property
    def room_to_gain(self) -> float:
        """How far the bounds lie above what the best policy serves, over all tapes, as a share of it."""
        served = self.samples(self.best, SERVED_VALUE).sum()
        return float(np.sum(self.bounds) / served) - 1.0 if served > 0.0 else np.inf

    def records(self) -> list[dict[str, Any]]:
        """One flat record per policy and seed."""
        bounds = [{"bound": bound} for bound in self.bounds] or [{} for _ in self.seeds]
        return [
            {"policy": policy, "seed": seed, **episode, **bound}
            for policy in self.policies
            for seed, episode, bound in zip(self.seeds, self.episodes[policy], bounds, strict=True)
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One record per policy: each figure's mean and interval, and the paired difference to the best."""
        return [
            {"policy": policy, "to_best": self.difference(policy)}
            | ({"share_of_bound": self.share_of_bound(policy)} if self.bounds else {})
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

    def check(self, sources: Sequence[PolicySource], bound: bool) -> Scenario:
        """The scenario. Raises ValueError for settings that build no environment, and for what it has not."""
        env = self.make()
        scenario = scenario_of(env)
        if bound:
            require_bound(scenario)
        for source in sources:
            source.make(env, 0)
        env.close()
        return scenario


def compare(
    environment: str,
    policies: Iterable[PolicyLike | tuple[str, PolicyLike]],
    seeds: Iterable[int] = range(30),
    *,
    scenario: ScenarioSource | None = None,
    overrides: Mapping[str, Any] | None = None,
    gap_every: int | None = None,
    bound: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Comparison:
    """Runs every policy on every seed's tape.

    A policy is an expert's name, "package.module:factory", a factory taking the environment, or an object with
    `predict`; a (name, policy) pair names it. `gap_every` measures the gap to the exact optimum of every so many
    epochs (see EpochGap; needs the extra "solvers"). `bound` adds the clairvoyant bound of every tape, which takes
    seconds each. `jobs` processes share the work (needs the extra "parallel"). Raises ValueError for unknown names and
    for bounds and gaps of a scenario that has none, before anything runs.
    """
    known_name("environment", environment, ENVIRONMENTS)
    sources, chosen = policy_sources(policies), tuple(seeds)
    if not chosen:
        raise ValueError("there is no seed to compare on; give at least one")
    settings = {"overrides": dict(overrides or {})} | ({} if scenario is None else {"scenario": scenario})
    setup = Setup(environment, settings, gap_every)
    scenario_used = setup.check(sources, bound)
    work: list[Job] = [(source, seed) for seed in chosen for source in (*sources, *((None,) if bound else ()))]
    results = _run(work, setup, jobs, progress)
    records = {
        source: tuple(record for (who, _), record in zip(work, results, strict=True) if who is source)
        for source in (*sources, None)
    }
    bounds = tuple(record["bound"] for record in records.pop(None))
    episodes = {who.name: episodes for who, episodes in records.items() if who}
    return Comparison(environment, chosen, episodes, bounds, scenario_used.dynamics)


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


def _in_worker(setup: Setup, source: PolicySource | None, seed: int) -> Episode:
    return _one(setup.make(), source, seed)


def _one(env: gymnasium.Env, source: PolicySource | None, seed: int) -> Episode:
    """An episode of a policy, or without one the clairvoyant bound of the seed's tape."""
    if source is not None:
        return run_episode(env, source.make(env, seed), seed)
    env.reset(seed=seed)
    return {"bound": clairvoyant_bound(env.unwrapped.simulator)}  # type: ignore[attr-defined]
