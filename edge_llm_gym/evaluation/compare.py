"""Compares policies with common random numbers: every policy runs on the same seeds, and differences are paired."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from edge_llm_gym.env.own_functions import Feature, RewardFunction
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.identity import OWN, Identity, identity_of, own_identities
from edge_llm_gym.evaluation.jobs import Progress, Setup
from edge_llm_gym.evaluation.policies import PolicyLike, policy_sources
from edge_llm_gym.evaluation.prepared import Prepared
from edge_llm_gym.evaluation.store import EpisodeStore, MemoryRecords, Records
from edge_llm_gym.evaluation.workers import Jobs
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import ScenarioSource

__all__ = ["Comparison", "Settings", "Setup", "compare", "opened", "setup_of"]


class OwnSettings(TypedDict, total=False):
    """Keyword arguments for functions of a user's own."""

    reward: RewardFunction | str | None
    features: Iterable[Feature | str] | None


class Settings(OwnSettings, total=False):
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
    jobs: Jobs = 1,
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
        jobs: number of processes (more than one needs the extra "parallel"), or `Workers`, for example those of a Ray
            cluster.
        progress: called after every finished episode, and at first if a store holds some.
        store: a folder that keeps every finished episode in episodes.jsonl as soon as it ends. The same call continues
            there after an interruption, and may have further seeds and policies; another comparison is refused unless
            the store is an `EpisodeStore(folder, overwrite=True)`. By default episodes are lost with the process.
        settings: `scenario`, `overrides`, `reward` and `features` as for `gymnasium.make`; `gap_every` measures the gap
            to the exact optimum in every `gap_every`-th epoch (see EpochGap; several nodes need the extra "solvers").

    Raises ValueError before the first episode for unknown names, and for bounds and gaps that the scenario does not
    support, for a store that cannot be written or holds another comparison, and for one with policies that cannot be
    identified (see `evaluation.identity`).
    """
    known_name("environment", environment, ENVIRONMENTS)
    chosen = tuple(seeds)
    if not chosen:
        raise ValueError("compare needs at least one seed, got none; pass for example seeds=range(30)")
    setup = setup_of(environment, settings)
    prepared = Prepared.of(setup, policy_sources(policies, setup.scenario()), bound=bound)
    return prepared.run(chosen, opened(store, lambda: _identity(prepared)), workers=jobs, progress=progress)


def setup_of(environment: str, settings: Settings) -> Setup:
    """How to build the environment that the settings define."""
    given: dict[str, Any] = {key: settings.get(key) for key in ("scenario", *OWN)}
    if isinstance(given["features"], Iterator):  # which could be read once
        given["features"] = tuple(given["features"])
    arguments = {"overrides": dict(settings.get("overrides") or {})}
    arguments |= {key: value for key, value in given.items() if value is not None}
    return Setup(environment, arguments, settings.get("gap_every"))


def opened(store: EpisodeStore | str | Path | None, identity: Callable[[], Identity]) -> Records:
    """The records so far; those of a store are found by the identity of the work."""
    if store is None:
        return MemoryRecords()
    return (store if isinstance(store, EpisodeStore) else EpisodeStore(store)).open(identity())


def _identity(prepared: Prepared) -> Identity:
    setup = prepared.setup
    further = {"gap_every": setup.gap_every, **own_identities(setup.settings)}
    return identity_of(setup.environment, prepared.scenario, prepared.sources, **further)
