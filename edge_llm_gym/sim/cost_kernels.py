"""What requests claim of a node: work and KV caches, which add up over a batch, and time that a batch shares."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.columns import KV, SHARED, WORK


@kernel
def claimed(cost_coefficients: Array, place: int, column: int, demand: Array, request: int) -> float:
    """A column of what a request with demands [C, Q] claims at a place, where units of them claim [P, Q, 3]."""
    total = 0.0
    for kind in range(demand.shape[1]):
        total += cost_coefficients[place, kind, column] * demand[request, kind]
    return total


@kernel
def write_cost(cost_coefficients: Array, place: int, demand: Array, request: int, claim: Array, slot: int) -> None:
    """Notes in claim [N, 3] what a request claims at a place."""
    work_s, shared_s, kv_bytes = 0.0, 0.0, 0.0
    for kind in range(demand.shape[1]):
        amount = demand[request, kind]
        work_s += cost_coefficients[place, kind, WORK] * amount
        shared_s += cost_coefficients[place, kind, SHARED] * amount
        kv_bytes += cost_coefficients[place, kind, KV] * amount
    claim[slot, WORK], claim[slot, SHARED], claim[slot, KV] = work_s, shared_s, kv_bytes


@kernel
def add_cost(load: Array, node: int, claim: Array, slot: int) -> None:
    """One more request in a node's batch: work and caches add up, shared time is the longest."""
    load[node, WORK] += claim[slot, WORK]
    load[node, SHARED] = max(load[node, SHARED], claim[slot, SHARED])
    load[node, KV] += claim[slot, KV]
