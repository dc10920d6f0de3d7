"""What requests claim of nodes: written by hand, and read off a tape."""

import numpy as np

from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.simulator import Simulator


def write_claims(simulator: Simulator, work_s, shared_s, kv_bytes, size: int) -> None:
    """Has the first `size` requests of all rows claim, at each of the P places, what the tables [size, P] say.

    Each request then demands one unit of something of its own: `cost_coefficients` [P, size, 3] is the tables.
    """
    rows, capacity = simulator.tape.requests.arrival_s.shape
    demand = np.zeros((rows, capacity, size + 1))[..., :size]  # not contiguous, like the allocated one
    demand[:, :size] = np.eye(size)
    cost_coefficients = np.zeros((simulator.parameters.cost_coefficients.shape[0], size, 3))
    for column, table in ((WORK, work_s), (SHARED, shared_s), (KV, kv_bytes)):
        cost_coefficients[..., column] = np.broadcast_to(table, (size, len(cost_coefficients))).T
    simulator.tape = simulator.tape._replace(demand=demand)
    simulator.parameters = simulator.parameters._replace(cost_coefficients=cost_coefficients)
    simulator._physics.parameters = simulator.parameters


def claims(simulator: Simulator, row: int = 0) -> np.ndarray:
    """[3, n, P] WORK, SHARED and KV of the n requests on the tape of a row, at each place."""
    demand = simulator.tape.cost_drivers[row, : simulator.tape.requests.length[row]]
    return np.einsum("nq,pqc->cnp", demand, simulator.parameters.cost_coefficients)


def node_of_place(simulator: Simulator) -> np.ndarray:
    """[P] the node of each place."""
    places = np.arange(len(simulator.parameters.cost_coefficients))
    return np.searchsorted(simulator.parameters.network.first_hosted, places, side="right") - 1
