"""What requests claim of nodes: written by hand, and read off a tape."""

import numpy as np

from edge_llm_gym.sim.simulator import Simulator
from edge_llm_gym.sim.state import KV, SHARED, WORK


def write_claims(simulator: Simulator, work_s, shared_s, kv_bytes, size: int) -> None:
    """Has the first `size` requests of all rows claim, at each of the P places, what the tables [size, P] say.

    Each request then demands one unit of something of its own: `unit_claim` [P, size, 3] is the tables.
    """
    rows, capacity = simulator.tape.arrival_s.shape
    demand = np.zeros((rows, capacity, size + 1))[..., :size]  # not contiguous, like the allocated one
    demand[:, :size] = np.eye(size)
    unit_claim = np.zeros((simulator.parameters.unit_claim.shape[0], size, 3))
    for column, table in ((WORK, work_s), (SHARED, shared_s), (KV, kv_bytes)):
        unit_claim[..., column] = np.broadcast_to(table, (size, len(unit_claim))).T
    simulator.tape = simulator.tape._replace(demand=demand)
    simulator.parameters = simulator.parameters._replace(unit_claim=unit_claim)
    simulator._physics.parameters = simulator.parameters


def claims(simulator: Simulator, row: int = 0) -> np.ndarray:
    """[3, n, P] WORK, SHARED and KV of the n requests on the tape of a row, at each place."""
    demand = simulator.tape.demand[row, : simulator.tape.length[row]]
    return np.einsum("nq,pqc->cnp", demand, simulator.parameters.unit_claim)


def node_of_place(simulator: Simulator) -> np.ndarray:
    """[P] the node of each place."""
    places = np.arange(len(simulator.parameters.unit_claim))
    return np.searchsorted(simulator.parameters.first_place, places, side="right") - 1
