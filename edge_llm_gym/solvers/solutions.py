"""Solutions that the schedulers return."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.problems.arrays import Flags, Floats, Ints
from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate


@dataclass(frozen=True, eq=False)
class BatchSolution:
    """A feasible batch for one node, and what is proved about it.

    ``value`` is the objective of the problem: the total value, less the price of the batch's time if there is one.
    ``optimal`` means that no feasible batch has a greater one, up to 1e-9 of the greatest single value;
    ``tie_break_optimal`` that no batch of equal value has a greater urgency (also true if no urgency was given).
    """

    selected: Flags  # [N]
    value: float
    upper_bound: float  # no feasible batch has a greater value
    optimal: bool
    nodes_visited: int
    tie_break_optimal: bool = True

    def __post_init__(self) -> None:
        self.selected.setflags(write=False)


@dataclass(frozen=True, eq=False)
class AssignmentSolution:
    """A feasible assignment of requests to nodes, and what is proved about it; ``value`` is the problem's objective."""

    node: Ints  # [N] 0: left out, k: the k-th node
    value: float
    upper_bound: float  # no feasible assignment has a greater value
    optimal: bool  # whether the value reaches the upper bound
    optimal_oracles: bool  # whether every single-node problem was solved to proved optimality
    nodes_visited: int

    def __post_init__(self) -> None:
        self.node.setflags(write=False)


@dataclass(frozen=True)
class RoutingSolution:
    """A routing plan and its outcome. Arrays are read-only."""

    offload: Floats
    """[D + K, K] share of its requests that each device and each node sends on each link."""
    threshold: Floats | None
    """[K] confidence at which a request exits; None where pass ratios are given."""
    mean_delay_s: float
    """Mean delay of a request; infinite if a queue is unstable."""
    accuracy: float | None
    """Share of correct answers; None where pass ratios are given."""
    utility_s: float
    """The maximised objective: accuracy_weight_s * accuracy - mean_delay_s, or - mean_delay_s."""
    utilisation: Floats
    """[K] utilisation of each node."""
    pass_ratio: Floats
    """[K] share of its requests that each node forwards."""
    rounds: int
    """Rounds of message passing until the plan was final; 0 for a rule."""
    messages: int
    """Messages between neighbours in these rounds."""
    history: Floats
    """[1 + rounds] cost in seconds at the start and after each round: mean delay with the overload penalty, less the
    value of the answers."""
    gap_s: float
    """No routing with these pass ratios has a mean delay under mean_delay_s - gap_s. NaN if no such bound is known."""

    @property
    def stable(self) -> bool:
        """Whether every queue is stable."""
        return bool((self.utilisation < 1).all())


def routing_solution(
    problem: RoutingProblem,
    offload: Floats,
    threshold: Floats | None = None,
    *,
    rounds: int = 0,
    messages: int = 0,
    history: Floats | None = None,
    gap_s: float = float("nan"),
) -> RoutingSolution:
    """The record of a plan ``offload`` [D + K, K] and ``threshold`` [K]; raises ValueError as ``evaluate`` does."""
    outcome = evaluate(problem, offload, threshold)
    history = np.array([-outcome.utility_s]) if history is None else history
    for array in (
        offload,
        history,
        outcome.utilisation,
        outcome.pass_ratio,
        *(() if threshold is None else (threshold,)),
    ):
        array.flags.writeable = False
    return RoutingSolution(
        offload=offload,
        threshold=threshold,
        mean_delay_s=outcome.mean_delay_s,
        accuracy=outcome.accuracy,
        utility_s=outcome.utility_s,
        utilisation=outcome.utilisation,
        pass_ratio=outcome.pass_ratio,
        rounds=rounds,
        messages=messages,
        history=history,
        gap_s=gap_s,
    )
