"""Calibration of scenarios: the value served by experts and at random, and the resources that bind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.metrics import ratio
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.store import Key, MemoryRecords, Records
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.scenario import scenario_of

RESOURCES = ("time", "memory", "uplink", "downlink")
EXPERT_SHARES = (0.5, 0.85)
"""Range of the share of the value that the best expert should serve."""
MOST_AT_RANDOM = 0.5
"""Greatest share of the best expert's value that random decisions should serve."""
LEAST_BINDING = 0.1
"""Least share of the epochs in which each resource should bind."""
LEAST_HEADROOM = 0.05
"""Least relative distance of the clairvoyant bound above the best expert."""


@dataclass
class BindingCounter:
    """Counts the epochs in which a resource binds, that is, excludes a waiting request from a node's batch.

    A resource excludes a request that a policy leaves waiting if adding the request to the batch of some node would
    violate that constraint. It is the only cause if adding it would violate no other constraint there.
    """

    reader: BatchingReader
    epochs: int = 0
    binding: Array = field(default_factory=lambda: np.zeros(len(RESOURCES), np.int64))
    only_cause: Array = field(default_factory=lambda: np.zeros(len(RESOURCES), np.int64))

    def watch(self, observation: Mapping[str, Array], action: Mapping[str, Array]) -> None:
        """Counts one decision."""
        problem = self.reader.read(observation).problem
        node = np.asarray(action["batch"])[np.asarray(observation["request_mask"]).astype(bool)]
        violated = np.concatenate(
            [violated_by_joining(one, node == index + 1, node == 0) for index, one in enumerate(problem.nodes)]
        )
        self.epochs += 1
        self.binding += violated.any(axis=0)
        self.only_cause += violated[violated.sum(axis=1) == 1].any(axis=0)

    def counts(self) -> dict[str, float]:
        """The counts by name: "epochs", and of each resource r "r" and "r_only"."""
        each = zip(RESOURCES, self.binding, self.only_cause, strict=True)
        named = {name: float(count) for r, binding, only in each for name, count in ((r, binding), (f"{r}_only", only))}
        return {"epochs": float(self.epochs)} | named


def violated_by_joining(problem: BatchProblem, chosen: Array, waiting: Array) -> Array:
    """[w, 4] bool: for each of the `waiting` [N] bool, the RESOURCES it violates if it joins the `chosen` [N] bool."""
    rows = [_violated(problem, chosen, int(request)) for request in np.flatnonzero(waiting)]
    return np.array(rows, np.bool_).reshape(-1, len(RESOURCES))


def _violated(problem: BatchProblem, chosen: Array, request: int) -> Array:
    joined = chosen.copy()
    joined[request] = True
    return np.array([not within_limit(used, limit) for used, limit in problem.loads(joined).values()])


def binding_shares(
    environment: str, policy: str, seeds: Sequence[int], settings: Mapping[str, Any], records: Records | None = None
) -> dict[str, tuple[float, float]]:
    """Per resource the share of the epochs in which it binds, and in which it is the only cause for a request.

    They are those under an expert over the tapes of the seeds. `records` keeps the counts of each seed.
    """
    kept: Records = MemoryRecords() if records is None else records
    keys: dict[Key, int] = {("binding", policy, seed): seed for seed in seeds}
    env = gymnasium.make(environment, **settings)
    for key, seed in keys.items():
        if key not in kept:
            kept.add(key, _binding_counts(env, PolicySource(policy, policy), seed))
    return _shares([kept[key] for key in keys])


def _binding_counts(env: gymnasium.Env, source: PolicySource, seed: int) -> dict[str, float]:
    counter = BindingCounter(batch_reader(scenario_of(env)))
    run_episode(
        env, source.make(env, seed), seed, watch=lambda _, observation, action: counter.watch(observation, action)
    )
    return counter.counts()


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
