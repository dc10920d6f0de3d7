"""What routing schedulers return."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.problems.routing import RoutingProblem
from edge_llm_gym.problems.routing_outcome import evaluate

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RoutingSolution:
    """A plan for devices and nodes, and what it leads to. Arrays are read-only."""

    offload: Floats
    """[D + K, K] share of its requests that each device and each node sends on each link."""
    threshold: Floats | None
    """[K] confidence at which a request exits; None where pass ratios are given."""
    mean_delay_s: float
    """Mean delay of a request; infinite if a queue is unstable."""
    accuracy: float | None
    """Share of right answers; None where pass ratios are given."""
    utility_s: float
    """What was maximised: accuracy_weight_s * accuracy - mean_delay_s, or - mean_delay_s."""
    utilisation: Floats
    """[K] share of the time that each node works."""
    rounds: int
    """Rounds of message passing until the plan stood; 0 for a rule."""
    messages: int
    """Messages between neighbours in these rounds."""
    history: Floats
    """[1 + rounds] cost in seconds at the start and after each round: mean delay, overload fenced, less the worth."""
    gap_s: float
    """No routing with these pass ratios has a mean delay under mean_delay_s - gap_s. NaN if that is not known."""

    @property
    def stable(self) -> bool:
        """Whether every queue is stable."""
        return bool((self.utilisation < 1).all())


def solution(
    problem: RoutingProblem,
    offload: Floats,
    threshold: Floats | None = None,
    *,
    rounds: int = 0,
    messages: int = 0,
    history: Floats | None = None,
    gap_s: float = float("nan"),
) -> RoutingSolution:
    """The solution record of a plan, evaluated."""
    outcome = evaluate(problem, offload, threshold)
    history = np.array([-outcome.utility_s]) if history is None else history
    for array in (offload, history, outcome.utilisation, *(() if threshold is None else (threshold,))):
        array.flags.writeable = False
    return RoutingSolution(
        offload=offload,
        threshold=threshold,
        mean_delay_s=outcome.mean_delay_s,
        accuracy=outcome.accuracy,
        utility_s=outcome.utility_s,
        utilisation=outcome.utilisation,
        rounds=rounds,
        messages=messages,
        history=history,
        gap_s=gap_s,
    )
