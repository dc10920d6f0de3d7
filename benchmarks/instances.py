"""Instances for the benchmarks of the exact schedulers: from the environments, conflicting, and degenerate."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy.random import Generator

import edge_llm_gym  # noqa: F401  registers the environments
from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.experts import make_expert
from edge_llm_gym.problems import AssignmentProblem, BatchProblem
from edge_llm_gym.problems.random_instances import conflicting, degenerate
from edge_llm_gym.scenario import scenario_of

ENVIRONMENTS = ("EdgeLLM/SingleNode-v0", "EdgeLLM/MultiNode-v0")
EXPERTS = ("random", "fcfs", "edf", "sjf", "stb", "nob", "dftsp", "ot-gah")
UNEQUAL_VALUES = (0.2, 1.0)  # range of the requests' values if they are not all 1
_EPOCHS = 30
_PER_EPISODE = 10  # problems taken from one episode
_ARRIVALS_PER_SLOT = (0.05, 0.4)  # arrivals per second and slot: from an almost empty queue to an overflowing one


class Instance(NamedTuple):
    """A problem and where it comes from."""

    family: str
    equal_values: bool
    problem: BatchProblem


def sizes(rng: Generator, largest: int) -> Iterator[int]:
    """Numbers of requests from 1 to ``largest``, log-uniform, endless: mostly small or medium, some large."""
    while True:
        yield int(np.exp(rng.uniform(0.0, np.log(largest + 1))))


def from_random(
    rng: Generator, family: str, make: Callable[..., BatchProblem], largest: int, equal_values: bool
) -> Iterator[Instance]:
    """Random problems of a family, endless."""
    for n in sizes(rng, largest):
        yield Instance(family, equal_values, make(rng, n, equal_values=equal_values))


def from_environments(rng: Generator, largest: int, equal_values: bool) -> Iterator[Instance]:
    """Single-node problems from random epochs and nodes of episodes, endless."""
    for problem in met_in(rng, ENVIRONMENTS, sizes(rng, largest), equal_values):
        yield Instance("environment", equal_values, problem.nodes[rng.integers(problem.node_count)])


def met_in(
    rng: Generator, environments: Sequence[str], slots: Iterable[int], equal_values: bool = True, full: bool = False
) -> Iterator[AssignmentProblem]:
    """Problems of random epochs of episodes under random experts and arrival rates.

    There is one episode for each number of ``slots``, the greatest number of visible requests; epochs without requests
    are skipped, with ``full`` also those with an empty slot.
    """
    for count in slots:
        name, expert = str(rng.choice(environments)), str(rng.choice(EXPERTS))
        overrides = {
            "slots": count,
            "horizon_epochs": _EPOCHS,
            "arrivals.rate_per_s": float(max(count, 8) * rng.uniform(*_ARRIVALS_PER_SLOT)),
        } | ({} if equal_values else {"requests.value": UNEQUAL_VALUES})
        least = count if full else 1
        met = [problem for problem in _episode(rng, name, expert, overrides) if problem.request_count >= least]
        yield from (met[i] for i in rng.permutation(len(met))[:_PER_EPISODE])


def _episode(rng: Generator, name: str, expert: str, overrides: dict[str, Any]) -> list[AssignmentProblem]:
    """The problem of every epoch, decoded from the observation as by an expert."""
    env = gymnasium.make(name, overrides=overrides)
    reader = BatchingReader(scenario_of(env), float(rng.choice([0.0, scenario_of(env).epoch_s, np.inf])))
    seed, seen = int(rng.integers(2**31)), []
    run_episode(env, make_expert(expert, env, seed=seed), seed, watch=lambda _, observed, action: seen.append(observed))
    return [reader.read(observed).problem for observed in seen]


def _empty(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    return conflicting(rng, 0, equal_values=equal_values)


def _nothing_fits(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    problem = conflicting(rng, n, equal_values=equal_values)
    return problem.replace(budget_s=-problem.budget_s)


def _no_capacity(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    return conflicting(rng, n, equal_values=equal_values).replace(memory_bytes=0.0, time_cap_s=0.0)


def _no_costs(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """All costs are zero; only requests with a negative budget are infeasible."""
    problem, nothing = conflicting(rng, n, equal_values=equal_values), np.zeros(n)
    budget_s = rng.choice([-1.0, 0.0, 1.0], n)
    return BatchProblem(nothing, nothing, nothing, nothing, nothing, budget_s, problem.value, 0.0, 0.0)


def _identical(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """All requests are equal, except perhaps in value: sets of the same size tie."""
    problem, first = conflicting(rng, n, equal_values=equal_values), slice(0, 1)
    columns = ("time_s", "shared_time_s", "kv_bytes", "uplink_share", "downlink_share", "budget_s")
    return problem.replace(**{name: np.repeat(getattr(problem, name)[first], n) for name in columns})


def _equal_budgets(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    problem = conflicting(rng, n, equal_values=equal_values)
    return problem.replace(budget_s=np.full(n, problem.budget_s.mean()), time_cap_s=np.inf)


def _worthless(rng: Generator, n: int, *, equal_values: bool = True) -> BatchProblem:
    """Some or all of the requests have value 0."""
    problem = conflicting(rng, n, equal_values=equal_values)
    return problem.replace(value=problem.value * (rng.random(n) < rng.choice([0.0, 0.5])))


SHAPES: dict[str, Callable[..., BatchProblem]] = {
    "ties, zeros, exact fits": degenerate,
    "empty": _empty,
    "nothing feasible": _nothing_fits,
    "no capacity": _no_capacity,
    "no costs": _no_costs,
    "identical requests": _identical,
    "equal budgets": _equal_budgets,
    "worthless requests": _worthless,
}
"""Degenerate shapes by name."""


def from_shapes(rng: Generator, largest: int, equal_values: bool) -> Iterator[Instance]:
    """Degenerate problems, every other one a random lattice of ties, endless."""
    shapes = [shape for name, shape in SHAPES.items() if name != "ties, zeros, exact fits"]
    for turn, n in enumerate(sizes(rng, largest)):
        shape = degenerate if turn % 2 == 0 else shapes[turn // 2 % len(shapes)]
        yield Instance("degenerate", equal_values, shape(rng, n, equal_values=equal_values))
