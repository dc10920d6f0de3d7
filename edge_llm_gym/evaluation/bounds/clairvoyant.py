"""Minimises the Lagrangian bound over prices by subgradient descent, on coarse and then on finer grids of time."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.bounds.batch_workspace import Workspace, new_workspace
from edge_llm_gym.evaluation.bounds.candidates import Candidates, candidates
from edge_llm_gym.evaluation.bounds.continuous import ContinuousLagrangian, admissions_of
from edge_llm_gym.evaluation.bounds.node_plan import Node, NodePrices, new_plan
from edge_llm_gym.evaluation.bounds.schedule import optimise, subtract_usage
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.simulator import Simulator


class Stage(NamedTuple):
    """A descent on one grid; the step decreases linearly to zero, in units of the mean value of a request."""

    cells: int
    iterations: int
    step: float


STAGES = (Stage(8, 80, 0.1), Stage(16, 40, 0.03), Stage(32, 40, 0.02))
CONTINUOUS_STAGES = (Stage(4, 150, 0.1), Stage(4, 100, 0.02))
ROUNDING = 1e-7
"""Relative and absolute margin for rounding errors of the sums."""


class Lagrangian:
    """The bound of a tape as a function of the prices, on a grid of `cells` cells per epoch.

    All prices form one vector: requests [C], then for each node memory [H] and time [H].
    """

    def __init__(self, found: Candidates, value: Array, epoch_s: float, cells: int) -> None:
        self._requests, self._horizon = value.size, found.first.shape[1] - 1
        self._nodes = tuple(_nodes(found, value, epoch_s, cells))
        last_cell = max(int(node.last_cell.max(initial=0)) for node in self._nodes)
        self._plan = new_plan(self._horizon, last_cell)
        self._workspace: Workspace = new_workspace(int(np.diff(found.first).max()), last_cell)

    @property
    def size(self) -> int:
        """Number of prices."""
        return self._requests + 2 * len(self._nodes) * self._horizon

    def evaluate(self, prices: Array) -> tuple[float, Array]:
        """The bound at non-negative prices [size], and a subgradient [size]."""
        slack = np.zeros_like(prices)
        slack[: self._requests] = 1.0
        bound = float(prices[: self._requests].sum())
        for index, node in enumerate(self._nodes):
            paid, left = self._of_node(prices, index), self._of_node(slack, index)
            bound += optimise(node, paid, self._plan, self._workspace)
            subtract_usage(node, paid, self._plan, self._workspace, left)
            slack[self._time(index)] = left.time[:-1]
        return bound, slack

    def _of_node(self, vector: Array, index: int) -> NodePrices:
        """Views of one node's part of a price vector; `time` is a copy with a trailing 0."""
        begin = self._time(index).start
        memory = vector[begin - self._horizon : begin]
        return NodePrices(vector[: self._requests], memory, np.append(vector[self._time(index)], 0.0))

    def _time(self, index: int) -> slice:
        begin = self._requests + (2 * index + 1) * self._horizon
        return slice(begin, begin + self._horizon)


def _nodes(found: Candidates, value: Array, epoch_s: float, cells: int) -> Iterator[Node]:
    last_cell = np.ceil(found.left_s * cells / epoch_s).astype(np.int64)
    for first in found.first:
        part = slice(first[0], first[-1])
        request = found.request[part]
        columns = (found.work_s[part], found.shared_s[part], found.usage[part], last_cell[part])
        yield Node(epoch_s, cells, first - first[0], request, value[request], *columns)


def require_bound(scenario: Scenario) -> None:
    """Raises ValueError for a scenario that has no clairvoyant bound."""
    if scenario.variant not in DESCENTS:
        raise ValueError(
            f"the clairvoyant bound is for pooled requests (dynamics batching or batching_routing), got scenario "
            f"{scenario.name!r} with dynamics {scenario.dynamics!r}; leave the bound out"
        )


def clairvoyant_bound(simulator: Simulator, row: int = 0, stages: tuple[Stage, ...] | None = None) -> float:
    """Upper bound on the value that any policy can serve on the tape of a row, independent of the row's state.

    Every choice of `stages` gives a valid bound; more and finer stages give lower ones. If all values are whole
    numbers, the bound is rounded down to one. Raises ValueError for a scenario of streaming dynamics.
    """
    require_bound(simulator.scenario)
    value = np.array(simulator.tape.requests.value[row, : simulator.tape.requests.length[row]])
    descend, default = DESCENTS[simulator.scenario.variant]
    best = descend(simulator, row, value, stages or default)
    if best == 0.0:
        return 0.0
    best += ROUNDING * (best + 1.0)
    return float(np.floor(best)) if (value == np.rint(value)).all() else best


def _descend(simulator: Simulator, row: int, value: Array, stages: tuple[Stage, ...]) -> float:
    """The lowest bound found for batches that are computed as a whole."""
    found, epoch_s = candidates(simulator, row), simulator.parameters.epoch_s
    if not value[found.request].any():
        return 0.0
    reachable = np.zeros(value.size, np.bool_)
    reachable[found.request] = True
    best, prices = float(value[reachable].sum()), np.zeros(0)
    for stage in stages:
        lagrangian = Lagrangian(found, value, epoch_s, stage.cells)
        if not prices.size:
            prices = np.zeros(lagrangian.size)
            prices[: value.size] = np.where(reachable, value, 0.0)
        bound, prices = _descend_stage(lagrangian, prices, stage, float(value[reachable].mean()))
        best = min(best, bound)
    return best


def _descend_continuous(simulator: Simulator, row: int, value: Array, stages: tuple[Stage, ...]) -> float:
    """The lowest bound found for continuous batching; all stages have the same cells."""
    nodes, horizon, cells = simulator.nodes, simulator.scenario.horizon_epochs, stages[0].cells
    found = admissions_of(simulator, row, cells)
    if not value[found.request].any():
        return 0.0
    lagrangian = ContinuousLagrangian(found, value, nodes, horizon, cells)
    best, prices = float(value[found.request].sum()), np.zeros(lagrangian.size)
    for stage in stages:
        bound, prices = _descend_stage(lagrangian, prices, stage, float(value[found.request].mean()))
        best = min(best, bound)
    return best


def _descend_stage(
    lagrangian: Lagrangian | ContinuousLagrangian, prices: Array, stage: Stage, unit: float
) -> tuple[float, Array]:
    """The lowest bound and its prices, by projected steps of Adam (Kingma & Ba 2015)."""
    mean, square = np.zeros_like(prices), np.zeros_like(prices)
    best, best_prices = np.inf, prices
    for iteration in range(stage.iterations):
        bound, slope = lagrangian.evaluate(prices)
        if bound < best:
            best, best_prices = bound, prices
        mean = 0.9 * mean + 0.1 * slope
        square = 0.99 * square + 0.01 * slope**2
        scale = np.sqrt(square / (1.0 - 0.99 ** (iteration + 1))) + 1e-8
        size = stage.step * unit * (1.0 - iteration / stage.iterations) / (1.0 - 0.9 ** (iteration + 1))
        prices = np.maximum(prices - size * mean / scale, 0.0)
    return best, best_prices


Descend = Callable[[Simulator, int, Array, tuple[Stage, ...]], float]
DESCENTS: Final[Mapping[str, tuple[Descend, tuple[Stage, ...]]]] = MappingProxyType(
    {
        "batching": (_descend, STAGES),
        "continuous_batching": (_descend_continuous, CONTINUOUS_STAGES),
        "batching_routing": (_descend, STAGES),
    }
)
"""Variant of the dynamics -> (simulator, row, values [C], stages) -> the lowest bound found, and its default stages."""
