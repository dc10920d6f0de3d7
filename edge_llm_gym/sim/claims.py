"""What requests claim of a node: work and KV caches, which add up over a batch, and time that a batch shares."""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.state import KV, SHARED, WORK, Array


@kernel
def claimed(unit_claim: Array, place: int, column: int, demand: Array, request: int) -> float:
    """A column of what a request with demands [C, Q] claims at a place, where units of them claim [P, Q, 3]."""
    total = 0.0
    for kind in range(demand.shape[1]):
        total += unit_claim[place, kind, column] * demand[request, kind]
    return total


@kernel
def note_claim(unit_claim: Array, place: int, demand: Array, request: int, claim: Array, slot: int) -> None:
    """Notes in claim [N, 3] what a request claims at a place."""
    work_s, shared_s, kv_bytes = 0.0, 0.0, 0.0
    for kind in range(demand.shape[1]):
        amount = demand[request, kind]
        work_s += unit_claim[place, kind, WORK] * amount
        shared_s += unit_claim[place, kind, SHARED] * amount
        kv_bytes += unit_claim[place, kind, KV] * amount
    claim[slot, WORK], claim[slot, SHARED], claim[slot, KV] = work_s, shared_s, kv_bytes


@kernel
def add_claim(load: Array, node: int, claim: Array, slot: int) -> None:
    """One more request in a node's batch: work and caches add up, shared time is the longest."""
    load[node, WORK] += claim[slot, WORK]
    load[node, SHARED] = max(load[node, SHARED], claim[slot, SHARED])
    load[node, KV] += claim[slot, KV]
