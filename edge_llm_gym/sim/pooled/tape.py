"""Generation of tapes of pooled dynamics: cost drivers and latest start times of the requests, and their exits."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.exits import exit_table, single_exit_table
from edge_llm_gym.sim.pooled.records import PooledTape
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.tape import Episode, ExitGenerator, Generator, TapeGenerator
from edge_llm_gym.workload.workload import Arrivals


class _Limits(NamedTuple):
    """What limits the service of a request on the entry nodes, as the kernel takes it."""

    downlink_slot_s: float
    kv_capacity_bytes: Array  # [K1] float64
    best_quality: Array  # [K1] float64


class PooledTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario with pooled dynamics; the first decision sees the arrivals of one epoch."""

    def __init__(self, scenario: Scenario, costs: RequestCosts) -> None:
        super().__init__(scenario, scenario.horizon_epochs + 1)
        self.costs = costs
        self._exits = ExitGenerator(scenario) if scenario.exits is not None else None
        self.exit_table = single_exit_table() if self._exits is None else exit_table(self._exits.profile)
        entry, nodes = scenario.network.entry_nodes, costs.nodes
        quality = np.array([node.quality for node in nodes])
        capacity_bytes = np.array([node.kv_capacity_bytes for node in nodes])
        self._limits = _Limits(scenario.downlink_slot_s, capacity_bytes[entry], np.minimum(quality, 1.0)[entry])
        coefficients = costs.cost_coefficients[costs.first_hosted[entry]]
        self._alone_s = (coefficients[..., WORK] + coefficients[..., SHARED]).T
        self._kv_bytes = coefficients[..., KV].T

    def _write_rest(self, rng: Generator, episode: Episode, tape: PooledTape, row: int) -> None:
        arrivals = episode.arrivals
        drivers = self.costs.drivers(arrivals.prompt_tokens, arrivals.output_tokens)
        tape.cost_drivers[row, : len(drivers)] = drivers
        if self._exits is not None:
            self._exits.write(rng, episode, tape.exits, row)
        if self.scenario.lengths.prediction.sigma > 0:
            drivers = self._predicted_drivers(arrivals, tape, row)
        _write_latest_starts(self._limits, drivers @ self._alone_s, drivers @ self._kv_bytes, tape, row)

    def _predicted_drivers(self, arrivals: Arrivals, tape: PooledTape, row: int) -> Array:
        """Writes what follows from the predicted output tokens; returns the cost drivers [n, Q]."""
        predicted = tape.requests.predicted_tokens[row, : arrivals.output_tokens.size].astype(np.int64)
        drivers = self.costs.drivers(arrivals.prompt_tokens, predicted)
        tape.predicted_drivers[row, : len(drivers)] = drivers
        return drivers


@kernel
def _write_latest_starts(limits: _Limits, alone_s: Array, kv_bytes: Array, tape: PooledTape, row: int) -> None:
    """Writes latest start times; alone_s and kv_bytes [n, K1] are costs of a batch of one, of the predicted length.

    Started at its latest start time, a request that exits at its first exit is answered just in time. The time is -inf
    where the request does not fit or can never reach its quality demand.
    """
    requests = tape.requests
    for request in range(alone_s.shape[0]):
        by_s = requests.deadline_s[row, request] - limits.downlink_slot_s
        demand = requests.quality_demand[row, request]
        for node in range(alone_s.shape[1]):
            fits = kv_bytes[request, node] <= limits.kv_capacity_bytes[node] and demand <= limits.best_quality[node]
            tape.latest_start_s[row, request, node] = by_s - alone_s[request, node] if fits else -np.inf
