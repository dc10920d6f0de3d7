"""Draws the tape of a pool of requests: all that is random about an episode, from one Generator, before its start."""

from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.request_costs import RequestCosts
from edge_llm_gym.sim.tape import Generator, TapeGenerator
from edge_llm_gym.workload.workload import Arrivals


class _Limits(NamedTuple):
    """What bounds the service of a request beside its claims, as the kernel takes it."""

    downlink_slot_s: float
    room_bytes: Array  # [K1] float64
    offers: Array  # [K1] float64


class PooledTapeGenerator(TapeGenerator):
    """Draws the episodes of a scenario whose requests wait in a pool; the first decision sees an epoch's arrivals.

    `offers` [K] is the best quality that requests may be offered which come in at a node.
    """

    def __init__(self, scenario: Scenario, costs: RequestCosts, offers: Array) -> None:
        entry = scenario.network.entry_nodes
        super().__init__(scenario, entry, scenario.horizon_epochs + 1)
        self.costs = costs
        room_bytes = np.array([node.room_bytes for node in costs.nodes])
        self._limits = _Limits(scenario.downlink_slot_s, room_bytes[entry], offers[entry])
        cost_coefficients = costs.cost_coefficients[costs.first[entry]]
        self._alone_s = (cost_coefficients[..., WORK] + cost_coefficients[..., SHARED]).T
        self._kv_bytes = cost_coefficients[..., KV].T

    def _write_rest(self, rng: Generator, arrivals: Arrivals, tape: Any, row: int) -> None:
        demand = self.costs.demands(arrivals.prompt_tokens, arrivals.output_tokens)
        _write_demands(self._limits, demand, demand @ self._alone_s, demand @ self._kv_bytes, tape, row)


@kernel
def _write_demands(limits, demand, alone_s, kv_bytes, tape, row):  # type: ignore[no-untyped-def]
    """Writes demands [n, Q], and until when a node may start, where times alone and caches are [n, K1].

    That is when an answer at its first exit would just be in time; -inf where no answer ever is, or could be good.
    """
    for request in range(demand.shape[0]):
        for kind in range(demand.shape[1]):
            tape.demand[row, request, kind] = demand[request, kind]
        by_s, accuracy = tape.deadline_s[row, request] - limits.downlink_slot_s, tape.accuracy[row, request]
        for node in range(alone_s.shape[1]):
            can = kv_bytes[request, node] <= limits.room_bytes[node] and accuracy <= limits.offers[node]
            tape.latest_start_s[row, request, node] = by_s - alone_s[request, node] if can else -np.inf
