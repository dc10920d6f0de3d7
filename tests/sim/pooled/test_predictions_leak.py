"""Nothing that a policy observes depends on the true length of a request before its batch has ended."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.pooled.observation import PooledObserver
from edge_llm_gym.sim.simulator import Simulator

LONG_BATCHES = {  # batches last several epochs and queue up; memory refuses, requests expire
    "lengths.prediction.sigma": 0.8,
    "horizon_epochs": 24,
    "epoch_s": 1.0,
    "uplink_slot_s": 0.6,
    "downlink_slot_s": 0.1,
    "requests.budget_s": [8.0, 25.0],
    "arrivals.rate_per_s": 4.0,
}
LONGEST = 512


def drawn_actions(simulator: Simulator) -> list:
    rng, slots, nodes = np.random.default_rng(0), simulator.scenario.slots, simulator.nodes
    entries, epochs = simulator.scenario.network.entry_nodes.size, simulator.scenario.horizon_epochs
    batches = rng.integers(1, entries + 1, (epochs, 1, slots)) * (rng.random((epochs, 1, slots)) < 0.15)
    bandwidth = np.ones((1, slots, 2))
    if simulator.scenario.exits is None:
        return [(batch, bandwidth) for batch in batches]
    routes = np.ones((1, nodes, nodes), np.float32), np.full((1, nodes), 0.7, np.float32)
    return [(batch, bandwidth, *routes) for batch in batches]


def play(name: str, change=None) -> tuple[Simulator, list]:
    """An episode on one tape, changed or not: the simulator and what is observed at every decision time."""
    simulator = Simulator(load_scenario(name, LONG_BATCHES))
    simulator.reset(0, np.random.default_rng(3))
    if change is not None:
        change(simulator)
    observer, seen = PooledObserver(simulator), []
    for action in drawn_actions(simulator):
        seen.append(observer.observe() | {"mask": simulator.admissible()})
        simulator.step(*action)
    return simulator, seen


def lengthen(unfinished: np.ndarray):
    """A change of the tape: other, longer true lengths of some requests."""

    def change(simulator: Simulator) -> None:
        tape, requests = simulator.tape, simulator.tape.requests
        rng = np.random.default_rng(5)
        true = requests.output_tokens[0, unfinished].astype(np.int64)
        longer = np.minimum(true + rng.integers(20, 400, true.size), LONGEST)
        requests.output_tokens[0, unfinished] = longer
        requests.answer_bits[0, unfinished] += simulator.scenario.requests.bits_per_token * (longer - true)
        costs = simulator.tape_generator.costs
        tape.cost_drivers[0, unfinished] = costs.drivers(requests.prompt_tokens[0, unfinished], longer)
        if simulator.scenario.exits is not None:
            tape.exits.round_trips[0, unfinished] = longer - 1

    return change


@pytest.mark.parametrize("name", ["multi-node", "joint"])
def test_observations_before_the_end_of_a_batch_do_not_depend_on_true_lengths(name):
    simulator, seen = play(name)
    log, size = simulator.state.requests, int(simulator.tape.requests.length[0])
    running = 0
    for epoch in range(3, 22):
        now_s = (epoch + 1) * simulator.scenario.epoch_s
        ended = (log.node[0, :size, 0] > 0) & (log.finish_s[0, :size, 0] <= now_s)
        admitted = simulator.state.admissions.request[0, : simulator.state.admissions.until[0, epoch]]
        running += np.count_nonzero(~ended[admitted])
        other, seen_by_other = play(name, lengthen(np.flatnonzero(~ended)))
        for before in range(epoch + 1):
            for key, array in seen[before].items():
                np.testing.assert_array_equal(seen_by_other[before][key], array, err_msg=f"{key} in {before}")
        if epoch < 15:
            assert other.state.totals.tolist() != simulator.state.totals.tolist(), "in the end lengths matter"
    assert running > 50, "requests in running and queued batches are among those changed"


def test_the_episodes_of_this_test_refuse_and_expire():
    simulator, _ = play("multi-node")
    totals = dict(zip(simulator.scenario.metrics, simulator.state.totals[0], strict=True))
    assert min(totals["refused_memory"], totals["expired"], totals["admitted"]) > 2
    assert totals["evicted"] > 0
