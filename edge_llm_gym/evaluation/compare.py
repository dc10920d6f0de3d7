"""Compares policies with common random numbers: every policy runs on the same seeds, and differences are paired."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import gymnasium

from edge_llm_gym.evaluation.bounds import clairvoyant_bound, require_bound
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.evaluation.rollout import Episode, run_episode
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, ScenarioSource, scenario_of

__all__ = ["Comparison", "Settings", "Setup", "compare"]

Job = tuple[PolicySource | None, int]
"""A policy and a seed; no policy stands for the clairvoyant bound of the seed's tape."""
Progress = Callable[[int, int], None]
"""Called with the number of finished jobs and the number of all jobs."""


class Settings(TypedDict, total=False):
    """Keyword arguments of `compare` that define the environment."""

    scenario: ScenarioSource | None
    overrides: Mapping[str, Any] | None
    gap_every: int | None


@dataclass(frozen=True)
class Setup:
    """How to build the environment of a comparison, in any process."""

    environment: str
    settings: Mapping[str, Any]
    gap_every: int | None = None

    def make(self) -> gymnasium.Env:
        """A new environment."""
        assert self.environment in ENVIRONMENTS  # importing the package registered the ids in this process
        env = gymnasium.make(self.environment, **self.settings)
        return env if self.gap_every is None else EpochGap(env, self.gap_every)

    def check(self, sources: Sequence[PolicySource], bound: bool) -> Scenario:
        """The scenario. Raises ValueError for settings, policies, gaps or bounds that do not fit the environment."""
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
    bound: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    **settings: Unpack[Settings],
) -> Comparison:
    """Runs every policy on every seed's tape.

    Args:
        environment: a registered id, as for `gymnasium.make`.
        policies: experts' names, "package.module:factory", paths of trained policies, factories that take the
            environment, or objects with `predict`; a pair (name, policy) names the policy.
        seeds: seeds of the episodes; the seed determines the tape, that is all exogenous randomness.
        bound: also compute the clairvoyant bound of every tape, which takes seconds each. It bounds the value served,
            not the reward.
        jobs: number of processes (more than one needs the extra "parallel").
        progress: called after every finished episode.
        settings: `scenario` and `overrides` as for `gymnasium.make`; `gap_every` measures the gap to the exact optimum
            in every `gap_every`-th epoch (see EpochGap; several nodes need the extra "solvers").

    Raises ValueError before the first episode for unknown names, and for bounds and gaps that the scenario does not
    support.
    """
    known_name("environment", environment, ENVIRONMENTS)
    sources, chosen = policy_sources(policies), tuple(seeds)
    if not chosen:
        raise ValueError("compare needs at least one seed, got none; pass for example seeds=range(30)")
    setup = _setup(environment, settings)
    scenario = setup.check(sources, bound)
    work: list[Job] = [(source, seed) for seed in chosen for source in (*sources, *((None,) if bound else ()))]
    results = _run(work, setup, jobs, progress)
    records = {
        source: tuple(record for (owner, _), record in zip(work, results, strict=True) if owner is source)
        for source in (*sources, None)
    }
    bounds = tuple(record["bound"] for record in records.pop(None))
    episodes = {source.name: episodes for source, episodes in records.items() if source}
    return Comparison(environment, chosen, episodes, bounds, scenario.variant)


def _setup(environment: str, settings: Settings) -> Setup:
    scenario, overrides = settings.get("scenario"), settings.get("overrides")
    arguments = {"overrides": dict(overrides or {})} | ({} if scenario is None else {"scenario": scenario})
    return Setup(environment, arguments, settings.get("gap_every"))


def _run(work: Sequence[Job], setup: Setup, jobs: int, progress: Progress | None) -> list[Episode]:
    results: list[Episode] = []
    for episode in _episodes(work, setup, jobs):
        results.append(episode)
        if progress is not None:
            progress(len(results), len(work))
    return results


def _episodes(work: Sequence[Job], setup: Setup, jobs: int) -> Iterable[Episode]:
    if jobs == 1:
        env = setup.make()
        return (_run_job(env, source, seed) for source, seed in work)
    try:
        from joblib import Parallel, delayed
    except ImportError as error:
        raise ImportError("jobs > 1 needs joblib: pip install 'edge-llm-gym[parallel]'") from error
    return Parallel(n_jobs=jobs, return_as="generator")(delayed(_run_in_worker)(setup, *job) for job in work)


def _run_in_worker(setup: Setup, source: PolicySource | None, seed: int) -> Episode:
    return _run_job(setup.make(), source, seed)


def _run_job(env: gymnasium.Env, source: PolicySource | None, seed: int) -> Episode:
    """An episode of a policy, or the clairvoyant bound of the seed's tape if there is no policy."""
    if source is not None:
        return run_episode(env, source.make(env, seed), seed)
    env.reset(seed=seed)
    return {"bound": clairvoyant_bound(env.unwrapped.simulator)}  # type: ignore[attr-defined]
