"""Shows whether a scenario is worth learning: what experts and chance achieve, and which resources bind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.evaluation.compare import Comparison
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.scenario import scenario_of

RESOURCES = ("time", "memory", "uplink", "downlink")


@dataclass
class BindingCounter:
    """Counts the epochs in which a resource keeps somebody out of a node's batch.

    A resource refuses a request that a policy leaves waiting if adding it to some node's batch would break that
    constraint; it refuses it alone if it would break no other there.
    """

    reader: BatchingReader
    epochs: int = 0
    refused: Array = field(default_factory=lambda: np.zeros(len(RESOURCES), np.int64))
    refused_alone: Array = field(default_factory=lambda: np.zeros(len(RESOURCES), np.int64))

    def watch(self, observation: Mapping[str, Array], action: Mapping[str, Array]) -> None:
        """Takes in one decision."""
        problem = self.reader.read(observation).problem
        node = np.asarray(action["batch"])[np.asarray(observation["request_mask"]).astype(bool)]
        broken = np.concatenate(
            [broken_by_joining(one, node == index + 1, node == 0) for index, one in enumerate(problem.nodes)]
        )
        self.epochs += 1
        self.refused += broken.any(axis=0)
        self.refused_alone += broken[broken.sum(axis=1) == 1].any(axis=0)

    def shares(self) -> dict[str, tuple[float, float]]:
        """Per resource the share of the epochs in which it refused somebody, and somebody alone."""
        pairs = zip(self.refused / max(self.epochs, 1), self.refused_alone / max(self.epochs, 1), strict=True)
        return {name: (float(any_), float(alone)) for name, (any_, alone) in zip(RESOURCES, pairs, strict=True)}


def broken_by_joining(problem: BatchProblem, chosen: Array, waiting: Array) -> Array:
    """[w, 4] bool: for each of the `waiting` [N] bool, the RESOURCES it breaks if it joins the `chosen` [N] bool."""
    rows = [_broken(problem, chosen, int(request)) for request in np.flatnonzero(waiting)]
    return np.array(rows, np.bool_).reshape(-1, len(RESOURCES))


def _broken(problem: BatchProblem, chosen: Array, request: int) -> Array:
    joined = chosen.copy()
    joined[request] = True
    return np.array([not within_limit(used, limit) for used, limit in problem.loads(joined).values()])


def binding_shares(
    environment: str, policy: str, seeds: range, settings: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Shares as in `BindingCounter.shares`, under an expert over the seeds' tapes."""
    env = gymnasium.make(environment, **settings)
    counter = BindingCounter(batch_reader(scenario_of(env)))
    source = PolicySource(policy, policy)
    for seed in seeds:
        run_episode(env, source.make(env, seed), seed, watch=lambda _, seen, action: counter.watch(seen, action))
    return counter.shares()


@dataclass(frozen=True)
class Check:
    """One thing that a scenario worth learning should satisfy."""

    name: str
    value: float
    wanted: str
    holds: bool


def calibration_checks(comparison: Comparison, shares: Mapping[str, tuple[float, float]]) -> list[Check]:
    """The checks of a scenario: `comparison` holds experts and "random", `shares` come from `binding_shares`.

    With bounds in the comparison, that they leave the best expert something to gain is checked too.
    """
    best = comparison.mean(comparison.best, "served_share").mean
    chance = comparison.mean("random", "served_share").mean / best
    bandwidth = max(shares["uplink"][0], shares["downlink"][0])
    refusals = {"time": shares["time"][0], "memory": shares["memory"][0], "bandwidth": bandwidth}
    checks = [
        Check(f"value served by the best expert, {comparison.best}", best, "50-85 %", 0.5 <= best <= 0.85),
        Check("value served at random / by the best expert", chance, "under 50 %", chance < 0.5),
        *(
            Check(f"epochs in which {name} refuses somebody", share, "10 % or more", share >= 0.1)
            for name, share in refusals.items()
        ),
    ]
    if comparison.bounds:
        room = comparison.room_to_gain
        checks.append(Check("clairvoyant bound above the best expert", room, "5 % or more", room >= 0.05))
    return checks
