"""Calibration of scenarios: the value served by experts and at random, and the resources that bind."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.decisions import DecisionBlocks, Decisions
from edge_llm_gym.evaluation.exclusion import QUALITY, TIME, exclusions, limit_reader
from edge_llm_gym.evaluation.jobs import Setup
from edge_llm_gym.evaluation.metrics import ratio
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.store import Key, MemoryRecords, Records
from edge_llm_gym.evaluation.workers import Jobs, in_workers
from edge_llm_gym.scenario import Scenario, scenario_of

RESOURCES: Final = ("time", "memory", "uplink", "downlink")
"""The resources that are checked: those of `exclusion.RESOURCES` but quality, which counts as time."""
EXPERT_SHARES = (0.5, 0.85)
"""Range of the share of the value that the best expert should serve."""
MOST_AT_RANDOM = 0.5
"""Greatest share of the best expert's value that random decisions should serve."""
LEAST_BINDING = 0.1
"""Least share of the epochs in which each resource should bind."""
LEAST_HEADROOM = 0.05
"""Least relative distance of the clairvoyant bound above the best expert."""


class BindingCounter(DecisionBlocks):
    """Counts the epochs in which a resource binds, that is, excludes a waiting request from a node's batch.

    A resource excludes a request that a policy leaves waiting if adding the request to the batch of some node would
    violate that constraint. It is the only cause if adding it would violate no other constraint there. On a node of too
    low quality, the resource "time" excludes a request.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__()
        self._reader = limit_reader(scenario)
        self._epochs = 0
        self._binding = np.zeros(len(RESOURCES), np.int64)
        self._only_cause = np.zeros(len(RESOURCES), np.int64)

    def process(self, decisions: Decisions) -> None:
        """Counts a block of decisions."""
        excluded = exclusions(self._reader, decisions.observation, decisions.admitted)
        violated = excluded[..., : len(RESOURCES)] & decisions.waiting[..., None, None]
        violated[..., TIME] |= excluded[..., QUALITY] & decisions.waiting[..., None]
        alone = violated & (violated.sum(axis=-1, keepdims=True) == 1)
        self._epochs += len(violated)
        self._binding += violated.any(axis=(1, 2)).sum(axis=0)
        self._only_cause += alone.any(axis=(1, 2)).sum(axis=0)

    def counts(self) -> dict[str, float]:
        """The counts by name: "epochs", and of each resource r "r" and "r_only"."""
        self.finish()
        each = zip(RESOURCES, self._binding, self._only_cause, strict=True)
        named = {name: float(count) for r, binding, only in each for name, count in ((r, binding), (f"{r}_only", only))}
        return {"epochs": float(self._epochs)} | named


def binding_shares(
    environment: str,
    policy: str,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    records: Records | None = None,
    *,
    jobs: Jobs = 1,
) -> dict[str, tuple[float, float]]:
    """Per resource the share of the epochs in which it binds, and in which it is the only cause for a request.

    They are those under an expert over the tapes of the seeds. `records` keeps the counts of each seed; `jobs` are as
    for `compare`.
    """
    kept: Records = MemoryRecords() if records is None else records
    keys: dict[Key, int] = {("binding", policy, seed): seed for seed in seeds}
    missing = [key for key in keys if key not in kept]
    count = partial(_binding_counts, Setup(environment, settings), PolicySource(policy, policy))
    with closing(in_workers(count, missing, jobs)) as results:
        for key, counts in results:
            kept.add(key, counts)
    return _shares([kept[key] for key in keys])


def _binding_counts(setup: Setup, source: PolicySource, key: Key) -> tuple[Key, dict[str, float]]:
    """A key, whose last part is a seed, and its counts."""
    seed, env = int(key[-1]), setup.make()
    counter = BindingCounter(scenario_of(env))
    run_episode(env, source.make(env, seed), seed, recorder=counter)
    return key, counter.counts()


def _shares(counts: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    epochs = sum(count["epochs"] for count in counts)
    return {
        name: (sum(count[name] for count in counts) / epochs, sum(count[f"{name}_only"] for count in counts) / epochs)
        for name in RESOURCES
    }


@dataclass(frozen=True)
class Check:
    """One property that a scenario worth learning should have; a value that is undefined (NaN) does not hold."""

    name: str
    value: float
    target: str
    holds: bool


def calibration_checks(comparison: Comparison, shares: Mapping[str, tuple[float, float]]) -> list[Check]:
    """The checks of a scenario: `comparison` holds experts and "random", `shares` come from `binding_shares`.

    If the comparison has bounds, their distance above the best expert is checked too.
    """
    best = comparison.mean(comparison.best, "served_share").mean
    random = ratio(comparison.mean("random", "served_share").mean, best)
    low, high = EXPERT_SHARES
    checks = [
        Check(
            f"value served by the best expert, {comparison.best}", best, f"{low:.0%} to {high:.0%}", low <= best <= high
        ),
        Check(
            "value served at random / by the best expert",
            random,
            f"below {MOST_AT_RANDOM:.0%}",
            random < MOST_AT_RANDOM,
        ),
        *_binding_checks(shares),
    ]
    if comparison.bounds:
        headroom, name = comparison.headroom, "clairvoyant bound above the best expert"
        checks.append(Check(name, headroom, f"at least {LEAST_HEADROOM:.0%}", headroom >= LEAST_HEADROOM))
    return checks


def _binding_checks(shares: Mapping[str, tuple[float, float]]) -> list[Check]:
    bandwidth = max(shares["uplink"][0], shares["downlink"][0])
    binding = {"time": shares["time"][0], "memory": shares["memory"][0], "bandwidth": bandwidth}
    return [
        Check(f"epochs in which {name} binds", share, f"at least {LEAST_BINDING:.0%}", share >= LEAST_BINDING)
        for name, share in binding.items()
    ]
