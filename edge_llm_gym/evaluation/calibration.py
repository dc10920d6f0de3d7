"""Calibration of scenarios: the value served by experts and at random, and the resources that bind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import run_episode
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

    def shares(self) -> dict[str, tuple[float, float]]:
        """Per resource the share of the epochs in which it binds, and in which it is the only cause for a request."""
        pairs = zip(self.binding / max(self.epochs, 1), self.only_cause / max(self.epochs, 1), strict=True)
        return {name: (float(binding), float(only)) for name, (binding, only) in zip(RESOURCES, pairs, strict=True)}


def violated_by_joining(problem: BatchProblem, chosen: Array, waiting: Array) -> Array:
    """[w, 4] bool: for each of the `waiting` [N] bool, the RESOURCES it violates if it joins the `chosen` [N] bool."""
    rows = [_violated(problem, chosen, int(request)) for request in np.flatnonzero(waiting)]
    return np.array(rows, np.bool_).reshape(-1, len(RESOURCES))


def _violated(problem: BatchProblem, chosen: Array, request: int) -> Array:
    joined = chosen.copy()
    joined[request] = True
    return np.array([not within_limit(used, limit) for used, limit in problem.loads(joined).values()])


def binding_shares(
    environment: str, policy: str, seeds: range, settings: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Shares as in `BindingCounter.shares`, under an expert over the tapes of the seeds."""
    env = gymnasium.make(environment, **settings)
    counter = BindingCounter(batch_reader(scenario_of(env)))
    source = PolicySource(policy, policy)
    for seed in seeds:
        run_episode(
            env, source.make(env, seed), seed, watch=lambda _, observation, action: counter.watch(observation, action)
        )
    return counter.shares()


@dataclass(frozen=True)
class Check:
    """One property that a scenario worth learning should have."""

    name: str
    value: float
    target: str
    holds: bool


def calibration_checks(comparison: Comparison, shares: Mapping[str, tuple[float, float]]) -> list[Check]:
    """The checks of a scenario: `comparison` holds experts and "random", `shares` come from `binding_shares`.

    If the comparison has bounds, their distance above the best expert is checked too.
    """
    best = comparison.mean(comparison.best, "served_share").mean
    random = comparison.mean("random", "served_share").mean / best
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
