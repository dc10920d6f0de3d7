"""Random staged networks and exit profiles, for tests and benchmarks of routing schedulers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator

from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.problems.routing import EarlyExit, RoutingProblem

_LINK_DENSITY = 0.7


def random_network(
    rng: Generator, devices: int | None = None, stage_sizes: Sequence[int] | None = None
) -> RoutingProblem:
    """Heterogeneous devices, links and nodes: by default 5-100 devices and 2-4 stages of 2-6 nodes.

    Mean service times vary by a factor of 10, link delays by a factor of 40. The squared coefficient of variation of a
    service time lies between 0 (constant) and 1.5 (exponential: 1). Each link exists with probability 0.7, and every
    sender and node has at least one. The arrival rates are arbitrary; scale them to a load.
    """
    count = int(rng.integers(5, 101)) if devices is None else devices
    sizes = rng.integers(2, 7, rng.integers(2, 5)).tolist() if stage_sizes is None else list(stage_sizes)
    nodes = sum(sizes)
    service_s = _log_uniform(rng, 0.02, 0.2, (nodes,))
    return RoutingProblem(
        arrival_rate=rng.exponential(1.0, count) + 0.05,
        link_delay_s=_links(rng, [count, *sizes]),
        service_s=service_s,
        service_sq_s2=service_s**2 * (1 + rng.uniform(0.0, 1.5, nodes)),
        pass_ratio=np.where(np.arange(nodes) < nodes - sizes[-1], rng.uniform(0.3, 0.9, nodes), 0.0),
    )


def with_wait_factors(problem: RoutingProblem, rng: Generator, low: float = 0.0, high: float = 2.0) -> RoutingProblem:
    """The same network with uniform wait factors between ``low`` and ``high``."""
    return replace(problem, wait_factor=rng.uniform(low, high, problem.node_count))


def _links(rng: Generator, sizes: list[int]) -> Floats:
    ends = np.cumsum(sizes)
    delay_s = np.full((ends[-1], ends[-1] - sizes[0]), np.inf)
    for before, start, end in zip(sizes[:-1], ends[:-1], ends[1:], strict=True):
        block = _log_uniform(rng, 0.005, 0.2, (before, end - start))
        exists = rng.random(block.shape) < _LINK_DENSITY
        exists[np.arange(before), rng.integers(end - start, size=before)] = True
        exists[rng.integers(before, size=end - start), np.arange(end - start)] = True
        delay_s[start - before : start, start - sizes[0] : end - sizes[0]] = np.where(exists, block, np.inf)
    return delay_s


def _log_uniform(rng: Generator, low: float, high: float, shape: tuple[int, ...]) -> Floats:
    return np.exp(rng.uniform(np.log(low), np.log(high), shape))


def random_profile(rng: Generator, rows: int, exits: int) -> tuple[Floats, Floats]:
    """Confidence and correctness [rows, exits] of requests of different difficulty; later exits are more accurate.

    Confidence is calibrated: an answer with confidence c is right with probability c.
    """
    skill = np.linspace(0.3, 1.0, exits)
    difficulty = rng.uniform(0.0, 0.9, (rows, 1))
    confidence = 1 / (1 + np.exp(-8 * (skill - difficulty) + rng.normal(0.0, 1.0, (rows, exits))))
    return confidence, (rng.random((rows, exits)) < confidence).astype(np.float64)


def free_thresholds(
    problem: RoutingProblem, rng: Generator, accuracy_weight_s: float, rows: int = 400
) -> RoutingProblem:
    """The same network with an exit after each stage and a random profile in place of its pass ratios."""
    confidence, correct = random_profile(rng, rows, int(problem.stage.max()))
    early_exit = EarlyExit(confidence, correct, np.maximum(problem.stage - 1, 0), accuracy_weight_s)
    return replace(problem, pass_ratio=None, early_exit=early_exit)
