"""Compares policies with common random numbers: every policy runs on the same seeds, and differences are paired."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.identity import identity_of
from edge_llm_gym.evaluation.jobs import Job, Progress, Setup, run_jobs
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.evaluation.store import EpisodeStore, MemoryRecords, Records
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, ScenarioSource

__all__ = ["Comparison", "Settings", "Setup", "compare"]


class Settings(TypedDict, total=False):
    """Keyword arguments of `compare` that define the environment."""

    scenario: ScenarioSource | None
    overrides: Mapping[str, Any] | None
    gap_every: int | None


def compare(
    environment: str,
    policies: Iterable[PolicyLike | tuple[str, PolicyLike]],
    seeds: Iterable[int] = range(30),
    *,
    bound: bool = False,
    jobs: int = 1,
    progress: Progress | None = None,
    store: EpisodeStore | str | Path | None = None,
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
        progress: called after every finished episode, and at first if a store holds some.
        store: a folder that keeps every finished episode in episodes.jsonl as soon as it ends. The same call continues
            there after an interruption, and may have further seeds and policies; another comparison is refused unless
            the store is an `EpisodeStore(folder, overwrite=True)`. By default episodes are lost with the process.
        settings: `scenario` and `overrides` as for `gymnasium.make`; `gap_every` measures the gap to the exact optimum
            in every `gap_every`-th epoch (see EpochGap; several nodes need the extra "solvers").

    Raises ValueError before the first episode for unknown names, and for bounds and gaps that the scenario does not
    support, for a store that cannot be written or holds another comparison, and for one with policies that cannot be
    identified (see `evaluation.identity`).
    """
    known_name("environment", environment, ENVIRONMENTS)
    chosen = tuple(seeds)
    if not chosen:
        raise ValueError("compare needs at least one seed, got none; pass for example seeds=range(30)")
    setup = _setup(environment, settings)
    sources = policy_sources(policies, setup.scenario())
    env = setup.check(sources, bound)
    scenario, replay = env.unwrapped.scenario, Replay.of(env.unwrapped.simulator)  # type: ignore[attr-defined]
    env.close()
    records = _records(store, setup, scenario, sources)
    owners = (*sources, *((None,) if bound else ()))
    work = [Job(source, seed) for seed in chosen for source in owners]
    run_jobs(work, setup, records, processes=jobs, progress=progress)
    episodes = {source.name: tuple(records[Job(source, seed).key] for seed in chosen) for source in sources}
    bounds = tuple(records[Job(None, seed).key]["bound"] for seed in chosen) if bound else ()
    return Comparison(environment, chosen, episodes, bounds, scenario.variant, replay)


def _setup(environment: str, settings: Settings) -> Setup:
    scenario, overrides = settings.get("scenario"), settings.get("overrides")
    arguments = {"overrides": dict(overrides or {})} | ({} if scenario is None else {"scenario": scenario})
    return Setup(environment, arguments, settings.get("gap_every"))


def _records(
    store: EpisodeStore | str | Path | None, setup: Setup, scenario: Scenario, sources: list[PolicySource]
) -> Records:
    """The records so far."""
    if store is None:
        return MemoryRecords()
    opened = store if isinstance(store, EpisodeStore) else EpisodeStore(store)
    return opened.open(identity_of(setup.environment, scenario, sources, gap_every=setup.gap_every))
