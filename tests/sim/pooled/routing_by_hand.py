"""Small scenarios of batching-and-routing dynamics with tapes written by hand, and independent recomputations."""

import numpy as np

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.pooled.transition import reset_row
from edge_llm_gym.sim.simulator import Simulator
from tests.sim import streams
from tests.sim.costs_by_hand import node_of_hosted, write_costs
from tests.sim.fields import array_of

ROOM_BYTES = 1e6
STAGED = {
    "dynamics": "batching_routing",
    "epoch_s": 4.0,
    "uplink_slot_s": 0.5,
    "downlink_slot_s": 0.25,
    "horizon_epochs": 3,
    "slots": 6,
    "reward": {"served_value": 1.0},
}

HARSH = {
    "arrivals.rate_per_s": 5.0,
    "nodes.0.uplink_hz": 2.5e6,
    "nodes.1.downlink_hz": 2e6,
    "nodes.4.memory_fraction": 0.25,
    "nodes.5.memory_fraction": 0.173,
    "requests.accuracy": [0.5, 1.0],
    "requests.value": [0.5, 2.0],
}
"""Overrides of joint under which all outcomes occur: low quality, full memories on all nodes, refusals by the radio."""


def staged(sizes, **settings) -> Scenario:
    """The network of `streams.staged`, under batching-and-routing dynamics in epochs of 4 s."""
    return streams.staged(sizes, **STAGED | settings)


def by_hand(scenario: Scenario, arrival_s, **columns) -> Simulator:
    """A simulator of one row at its first decision, whose tape holds requests that arrive at `arrival_s` [n].

    `columns` are further fields of the tape, each [n, ...], and `hosted_work_s` and `hosted_shared_s` [n, P] and
    `kv_bytes` [n, K]; left out, requests need next to nothing of the radio, the wire, the nodes and their memory, never
    expire and are never late, want no accuracy, are always sure, and take the middle of the road.
    """
    arrival_s = np.asarray(arrival_s, np.float64)
    simulator = Simulator(scenario)
    size = arrival_s.size
    simulator._allocate(max(size, 2))  # for a single one, numba takes the arrays for others and compiles anew
    simulator.parameters.kv_capacity_bytes[:] = ROOM_BYTES
    work_s, shared_s = (columns.pop(name, 0.0) for name in ("hosted_work_s", "hosted_shared_s"))
    kv_bytes = np.broadcast_to(columns.pop("kv_bytes", 1.0), (size, simulator.nodes))
    write_costs(simulator, work_s, shared_s, kv_bytes[:, node_of_hosted(simulator)], size)
    tape = simulator.tape
    tape.requests.length[0] = size
    tape.requests.arrival_s[0, :size] = arrival_s
    tape.requests.deadline_s[0] = np.inf
    tape.latest_start_s[0] = np.inf
    tape.exits.confidence[0] = 1.0
    tape.exits.route[0] = 0.5
    tape.requests.value[0] = 1.0
    tape.channels.spectral_efficiency[:] = 1.0
    for name, values in columns.items():
        array_of(tape, name)[0, :size] = values
    reset_row(simulator.parameters, tape, simulator.state, 0)
    return simulator


def act(simulator: Simulator, batch, offload=None, threshold=None, bandwidth=None) -> PooledResult:
    """One epoch of the only row; equal shares of links and bands and thresholds of a half unless said."""
    slots, nodes = simulator.scenario.slots, simulator.nodes
    slot_node = np.zeros((1, slots), np.int64)
    slot_node[0, : len(batch)] = batch
    offload = np.ones((nodes, nodes)) if offload is None else offload
    threshold = np.full(nodes, 0.5) if threshold is None else threshold
    bandwidth = np.ones((slots, 2)) if bandwidth is None else bandwidth
    return simulator.step(
        slot_node,
        np.asarray(bandwidth, np.float64)[None],
        np.asarray(offload, np.float32)[None],
        np.asarray(threshold, np.float32)[None],
    )


def random_action(rng: np.random.Generator, simulator: Simulator):
    """Sparse and dense batches and weights, low and high thresholds: some leave at once, some go all the way."""
    rows, nodes, slots = simulator.rows, simulator.nodes, simulator.scenario.slots
    batch = rng.integers(simulator.scenario.network.entry_nodes.size + 1, size=(rows, slots))
    batch[rng.random((rows, slots)) < rng.random((rows, 1))] = 0
    offload = rng.random((rows, nodes, nodes), np.float32)
    offload[rng.random(offload.shape) < rng.random()] = 0.0
    return batch, rng.random((rows, slots, 2)), offload, rng.random((rows, nodes), np.float32)


def quality_at(profile: str, block: int, threshold: float, factor: float) -> float:
    """What an answer is offered: recomputed from the profile's table, relative to the last exit on the same rows."""
    table = exit_profile(profile)
    sure = table.confidence[:, block] >= np.float32(threshold)
    full = table.correct[sure, -1].sum()
    relative = min(table.correct[sure, block].sum() / full, 1.0) if full else 1.0
    return min(factor * relative, 1.0)
