"""Generation of tapes of pooled dynamics: cost drivers and latest start times of the requests, and their exits."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import stream_kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.entries import Entries
from edge_llm_gym.sim.exits import exit_table, single_exit_table
from edge_llm_gym.sim.pooled.records import PooledTape
from edge_llm_gym.sim.request_costs import KV_TOKENS, RequestCosts, weighted_drivers
from edge_llm_gym.sim.tape import ExitGenerator, TapeGenerator


class _Limits(NamedTuple):
    """What limits the service of a request on the entry nodes, as the kernel takes it."""

    downlink_slot_s: float
    token_bytes: Array  # [K1] float64, KV cache of a token
    kv_capacity_bytes: Array  # [K1] float64
    best_quality: Array  # [K1] float64
    alone_s: Array  # [Q, K1] float64, time of a batch of one request for one unit of each of its cost drivers


class PooledTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario with pooled dynamics; the first decision sees the arrivals of one epoch."""

    def __init__(self, scenario: Scenario, costs: RequestCosts) -> None:
        super().__init__(scenario, scenario.horizon_epochs + 1)
        self.costs = costs
        self._exits = ExitGenerator(scenario) if scenario.exits is not None else None
        self.exit_table = single_exit_table() if self._exits is None else exit_table(self._exits.profile)
        entry, nodes = scenario.network.entry_nodes, costs.nodes
        coefficients = costs.cost_coefficients[costs.first_hosted[entry]]
        self._limits = _Limits(
            downlink_slot_s=scenario.downlink_slot_s,
            token_bytes=coefficients[:, KV_TOKENS, KV].copy(),
            kv_capacity_bytes=np.array([node.kv_capacity_bytes for node in nodes])[entry],
            best_quality=np.minimum([node.quality for node in nodes], 1.0)[entry],
            alone_s=np.ascontiguousarray((coefficients[..., WORK] + coefficients[..., SHARED]).T),
        )

    def _write_rest(self, entries: Entries, predicted: Array, tape: PooledTape) -> None:
        first, rows, drivers = entries.first, entries.rows, tape.cost_drivers
        self.costs.write_drivers(entries.prompt_tokens, entries.output_tokens, first, drivers, rows)
        if self._exits is not None:
            self._exits.write(entries, tape.exits)
        if self.scenario.lengths.prediction.sigma > 0:
            drivers = tape.predicted_drivers
            self.costs.write_drivers(entries.prompt_tokens, predicted, first, drivers, rows)
        requests = tape.requests.deadline_s, tape.requests.quality_demand
        _write_latest_starts(self._limits, first, drivers, *requests, tape.latest_start_s, rows)


@stream_kernel
def _write_latest_starts(
    limits: _Limits, first: Array, drivers: Array, deadline_s: Array, demand: Array, latest_start_s: Array, rows: Array
) -> None:
    """Writes latest start times [R, C, K1] of rows [n]; drivers [R, C, Q] are those of the predicted lengths.

    Started at its latest start time, a request that exits at its first exit is answered just in time, alone in its
    batch. The time is -inf where the request does not fit or can never reach its quality demand.
    """
    for index in range(rows.size):
        row = rows[index]
        for request in range(first[index + 1] - first[index]):
            by_s, own = deadline_s[row, request] - limits.downlink_slot_s, drivers[row, request]
            for node in range(limits.token_bytes.size):
                fits = own[KV_TOKENS] * limits.token_bytes[node] <= limits.kv_capacity_bytes[node]
                good = demand[row, request] <= limits.best_quality[node]
                alone_s = weighted_drivers(own, limits.alone_s, node)
                latest_start_s[row, request, node] = by_s - alone_s if fits and good else -np.inf
