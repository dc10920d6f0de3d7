"""Generation of tapes of pooled dynamics: cost drivers and latest start times of the requests, and their exits."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import stream_kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.exits import exit_table, single_exit_table
from edge_llm_gym.sim.pooled.records import PooledTape
from edge_llm_gym.sim.request_costs import KV_TOKENS, RequestCosts
from edge_llm_gym.sim.tape import Episode, ExitGenerator, Generator, TapeGenerator
from edge_llm_gym.workload.workload import Arrivals


class _Limits(NamedTuple):
    """What limits the service of a request on the entry nodes, as the kernel takes it."""

    downlink_slot_s: float
    token_bytes: Array  # [K1] float64, KV cache of a token
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
        coefficients = costs.cost_coefficients[costs.first_hosted[entry]]
        self._limits = _Limits(
            downlink_slot_s=scenario.downlink_slot_s,
            token_bytes=coefficients[:, KV_TOKENS, KV].copy(),
            kv_capacity_bytes=np.array([node.kv_capacity_bytes for node in nodes])[entry],
            best_quality=np.minimum([node.quality for node in nodes], 1.0)[entry],
        )
        self._alone_s = (coefficients[..., WORK] + coefficients[..., SHARED]).T

    def _write_rest(self, rng: Generator, episode: Episode, tape: PooledTape, row: int) -> None:
        arrivals, size = episode.arrivals, episode.requests
        drivers = tape.cost_drivers[row, :size]
        self.costs.write_drivers(arrivals.prompt_tokens, arrivals.output_tokens, drivers)
        if self._exits is not None:
            self._exits.write(rng, episode, tape.exits, row)
        if self.scenario.lengths.prediction.sigma > 0:
            drivers = self._predicted_drivers(arrivals, tape, row)
        requests, latest_start_s = tape.requests, tape.latest_start_s[row]
        deadline_s, demand, tokens = requests.deadline_s[row], requests.quality_demand[row], drivers[:, KV_TOKENS]
        _write_latest_starts(self._limits, drivers @ self._alone_s, tokens, deadline_s, demand, latest_start_s)

    def _predicted_drivers(self, arrivals: Arrivals, tape: PooledTape, row: int) -> Array:
        """Writes what follows from the predicted output tokens; returns the cost drivers [n, Q]."""
        predicted = tape.requests.predicted_tokens[row, : arrivals.output_tokens.size].astype(np.int64)
        drivers = tape.predicted_drivers[row, : predicted.size]
        self.costs.write_drivers(arrivals.prompt_tokens, predicted, drivers)
        return drivers


@stream_kernel
def _write_latest_starts(
    limits: _Limits, alone_s: Array, kv_tokens: Array, deadline_s: Array, demand: Array, latest_start_s: Array
) -> None:
    """Writes latest start times; alone_s [n, K1] is the time of a batch of one and kv_tokens [n] what it holds, as
    predicted.

    Started at its latest start time, a request that exits at its first exit is answered just in time. The time is -inf
    where the request does not fit or can never reach its quality demand.
    """
    for request in range(alone_s.shape[0]):
        by_s = deadline_s[request] - limits.downlink_slot_s
        for node in range(alone_s.shape[1]):
            fits = kv_tokens[request] * limits.token_bytes[node] <= limits.kv_capacity_bytes[node]
            good = demand[request] <= limits.best_quality[node]
            latest_start_s[request, node] = by_s - alone_s[request, node] if fits and good else -np.inf
