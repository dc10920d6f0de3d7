"""Costs of requests on nodes: work and KV caches, which add up over a batch, and time that a batch shares."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.columns import KV, SHARED, WORK


@kernel
def cost_of(coefficients: Array, hosted: int, column: int, drivers: Array, request: int) -> float:
    """One column of the cost of a request with drivers [C, Q] on a hosted block, from coefficients [P, Q, 3]."""
    total = 0.0
    for driver in range(drivers.shape[1]):
        total += coefficients[hosted, driver, column] * drivers[request, driver]
    return total


@kernel
def write_cost(coefficients: Array, hosted: int, drivers: Array, request: int, cost: Array, slot: int) -> None:
    """Writes into cost [N, 3] the cost of a request on a hosted block."""
    work_s, shared_s, kv_bytes = 0.0, 0.0, 0.0
    for driver in range(drivers.shape[1]):
        amount = drivers[request, driver]
        work_s += coefficients[hosted, driver, WORK] * amount
        shared_s += coefficients[hosted, driver, SHARED] * amount
        kv_bytes += coefficients[hosted, driver, KV] * amount
    cost[slot, WORK], cost[slot, SHARED], cost[slot, KV] = work_s, shared_s, kv_bytes


@kernel
def add_cost(load: Array, node: int, cost: Array, slot: int) -> None:
    """Adds a request to a node's batch: work and caches add up, shared time is the maximum."""
    load[node, WORK] += cost[slot, WORK]
    load[node, SHARED] = max(load[node, SHARED], cost[slot, SHARED])
    load[node, KV] += cost[slot, KV]
