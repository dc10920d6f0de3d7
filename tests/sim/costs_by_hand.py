"""Costs of requests: written by hand into a simulator, and computed from its tape."""

import numpy as np

from edge_llm_gym.sim.columns import KV, SHARED, WORK
from edge_llm_gym.sim.simulator import Simulator


def write_costs(simulator: Simulator, work_s, shared_s, kv_bytes, size: int) -> None:
    """Sets the costs of the first `size` requests of all rows on the P hosted blocks to the tables [size, P].

    Each request gets a cost driver of its own, of one unit, so that `cost_coefficients` [P, size, 3] are the tables.
    """
    rows, capacity = simulator.tape.requests.arrival_s.shape
    drivers = np.zeros((rows, capacity, size + 1))[..., :size]  # not contiguous, like the allocated one
    drivers[:, :size] = np.eye(size)
    cost_coefficients = np.zeros((simulator.parameters.cost_coefficients.shape[0], size, 3))
    for column, table in ((WORK, work_s), (SHARED, shared_s), (KV, kv_bytes)):
        cost_coefficients[..., column] = np.broadcast_to(table, (size, len(cost_coefficients))).T
    simulator.tape = simulator.tape._replace(cost_drivers=drivers, predicted_drivers=drivers)
    simulator.parameters = simulator.parameters._replace(cost_coefficients=cost_coefficients)
    simulator._dynamics.parameters = simulator.parameters


def write_predicted_costs(simulator: Simulator, true, predicted, size: int) -> None:
    """As `write_costs`, for two tables (work_s, shared_s, kv_bytes) of costs: of the true and the predicted lengths."""
    write_costs(simulator, *(np.concatenate(pair) for pair in zip(true, predicted, strict=True)), 2 * size)
    rows, capacity = simulator.tape.requests.arrival_s.shape
    drivers = np.zeros((2, rows, capacity, 2 * size + 1))[..., : 2 * size]
    for which in range(2):
        drivers[which, :, :size, which * size : (which + 1) * size] = np.eye(size)
    simulator.tape = simulator.tape._replace(cost_drivers=drivers[0], predicted_drivers=drivers[1])


def costs_of_tape(simulator: Simulator, row: int = 0, drivers: np.ndarray | None = None) -> np.ndarray:
    """[3, n, P] WORK, SHARED and KV of the n requests on the tape of a row, on each hosted block.

    Of the true lengths, or of other drivers [R, C, Q].
    """
    drivers = simulator.tape.cost_drivers if drivers is None else drivers
    drivers = drivers[row, : simulator.tape.requests.length[row]]
    return np.einsum("nq,pqc->cnp", drivers, simulator.parameters.cost_coefficients)


def node_of_hosted(simulator: Simulator) -> np.ndarray:
    """[P] the node of each hosted block."""
    hosted = np.arange(len(simulator.parameters.cost_coefficients))
    return np.searchsorted(simulator.parameters.network.first_hosted, hosted, side="right") - 1
