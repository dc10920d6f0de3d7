"""Baselines for routing schedulers: proportional rules, selfish routing, genetic search, fixed thresholds."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from edge_llm_gym.names import known_name
from edge_llm_gym.numeric import real_number
from edge_llm_gym.problems.arrays import Floats
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate
from edge_llm_gym.solvers import dto_ee
from edge_llm_gym.solvers.solutions import RoutingSolution, routing_solution

Rule = Callable[[RoutingProblem, Generator, float], RoutingSolution]

DEFAULT_THRESHOLD = 0.8
"""Default exit confidence for baselines that do not optimise thresholds."""
SELFISH_ROUNDS = 400
GENERATIONS = 60
POPULATION = 40
PARENTS = 10
MUTATION_RATE = 0.1
SATURATION = 0.999
"""Utilisation above which a queueing delay is extrapolated linearly, so that it stays finite under overload."""


def solve(name: str, problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """The plan of the baseline of this ``name``; ``threshold`` applies to those that do not optimise thresholds.

    Raises ValueError, with a suggestion, for an unknown name, and for a threshold that is not a number.
    """
    threshold = real_number("threshold", threshold, -np.inf, infinite=True)
    return BASELINES[known_name("routing baseline", name, BASELINES)](problem, rng, threshold)


def uniform(problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """Every sender splits evenly over its links."""
    return routing_solution(
        problem, _proportional(problem, np.ones(problem.node_count)), _fixed_threshold(problem, threshold)
    )


def compute_proportional(
    problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD
) -> RoutingSolution:
    """Shares in proportion to the receivers' service rates."""
    return routing_solution(
        problem, _proportional(problem, 1 / problem.service_s), _fixed_threshold(problem, threshold)
    )


def bandwidth_proportional(
    problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD
) -> RoutingSolution:
    """Shares in proportion to the inverse delay of the links."""
    fastest = (
        max(float(problem.link_delay_s[problem.has_link].max()), 1e-300) * 1e-6
    )  # links without delay get almost all
    speed = 1 / np.maximum(problem.link_delay_s, fastest)
    return routing_solution(problem, _proportional(problem, speed), _fixed_threshold(problem, threshold))


def selfish(problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """Wardrop equilibrium, in which each request takes its own fastest path.

    By the method of successive averages: in round n, each sender moves 1 / (1 + n) of its requests to its best link.
    """
    fixed = _fixed_threshold(problem, threshold)
    offload = _proportional(problem, 1 / problem.service_s)
    for done in range(1, SELFISH_ROUNDS + 1):
        quickest = np.argmin(experienced_delay_s(problem, offload, fixed), axis=1)
        choice = np.eye(problem.node_count)[quickest] * problem.has_link
        offload += (choice - offload) / (1 + done)
    return routing_solution(problem, offload, fixed, rounds=SELFISH_ROUNDS)


def experienced_delay_s(problem: RoutingProblem, offload: Floats, threshold: Floats | None) -> Floats:
    """[D + K, K] mean delay of a request from each link to its completion, infinite where there is no link."""
    outcome = evaluate(problem, offload, threshold)
    idle = np.maximum(1 - outcome.utilisation, 1 - SATURATION)
    overload = 1 + np.maximum(outcome.utilisation - SATURATION, 0.0) / (1 - SATURATION)
    wait_s = problem.excess_s * outcome.utilisation / idle
    to_go_s = wait_s * overload + problem.service_s
    for stage in range(int(problem.stage.max()) - 1, 0, -1):
        senders = np.flatnonzero((problem.stage == stage) & ~problem.is_last)
        link_s = np.where(problem.has_link, problem.link_delay_s, 0.0)[problem.device_count + senders] + to_go_s
        share = offload[problem.device_count + senders]
        to_go_s[senders] += outcome.pass_ratio[senders] * (share * link_s).sum(axis=1)
    return problem.link_delay_s + to_go_s


def genetic(problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """Genetic search over shares and free thresholds: elitism, uniform crossover, Gaussian mutation."""
    genes = problem.link_delay_s.size + (problem.node_count if problem.early_exit is not None else 0)
    population = rng.normal(0.0, 1.0, (POPULATION, genes))
    for _ in range(GENERATIONS):
        elite = _fittest(problem, population)[:PARENTS]
        population = np.concatenate([elite, _offspring(elite, POPULATION - PARENTS, rng)])
    return routing_solution(problem, *_expressed(problem, _fittest(problem, population)[0]), rounds=GENERATIONS)


def _fittest(problem: RoutingProblem, population: Floats) -> Floats:
    """The population by falling fitness."""
    fitness = [_fitness(problem, genes) for genes in population]
    return population[sorted(range(len(fitness)), key=lambda i: fitness[i], reverse=True)]


def _offspring(elite: Floats, count: int, rng: Generator) -> Floats:
    first, second = elite[rng.integers(len(elite), size=(2, count))]
    children = np.where(rng.random(first.shape) < 0.5, first, second)
    return children + rng.normal(0.0, 1.0, children.shape) * (rng.random(children.shape) < MUTATION_RATE)


def _expressed(problem: RoutingProblem, genes: Floats) -> tuple[Floats, Floats | None]:
    """Shares in proportion to the exponentials of the first genes, thresholds as a logistic function of the rest."""
    links = problem.link_delay_s.size
    offload = _proportional(problem, np.exp(2 * genes[:links]).reshape(problem.link_delay_s.shape))
    return offload, None if problem.early_exit is None else 1 / (1 + np.exp(-genes[links:]))


def _fitness(problem: RoutingProblem, genes: Floats) -> tuple[float, float]:
    """Least overload first, then the utility."""
    outcome = evaluate(problem, *_expressed(problem, genes))
    return -float(np.maximum(outcome.utilisation - SATURATION, 0.0).sum()), outcome.utility_s


def fixed_threshold(problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """The routing of DTO-EE with all thresholds at ``threshold``; ValueError where pass ratios are given."""
    return dto_ee.solve(problem, threshold=np.full(problem.node_count, threshold))


def no_exit(problem: RoutingProblem, rng: Generator, threshold: float = DEFAULT_THRESHOLD) -> RoutingSolution:
    """The routing of DTO-EE without exits before the last stage; ValueError where pass ratios are given."""
    return dto_ee.solve(problem, threshold=np.full(problem.node_count, np.inf))


BASELINES: dict[str, Rule] = {
    "uniform": uniform,
    "compute-proportional": compute_proportional,
    "bandwidth-proportional": bandwidth_proportional,
    "selfish": selfish,
    "genetic": genetic,
    "fixed-threshold": fixed_threshold,
    "no-exit": no_exit,
}
"""All baselines; the last two need a problem with free thresholds."""


def _proportional(problem: RoutingProblem, weight: Floats) -> Floats:
    """[D + K, K] shares of the links in proportion to ``weight``, which must broadcast to [D + K, K]."""
    share = problem.has_link * weight
    return share / np.where(problem.has_link.any(axis=1), share.sum(axis=1), 1.0)[:, None]


def _fixed_threshold(problem: RoutingProblem, threshold: float) -> Floats | None:
    return None if problem.early_exit is None else np.full(problem.node_count, threshold)
