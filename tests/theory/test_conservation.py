"""The conservation law, causality and monotone facts under many random actions."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, SERVED, WAITING
from edge_llm_gym.sim.pooled.observation import PooledObserver
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape
from tests.sim.fields import array_of
from tests.sim.totals_by_hand import LEVELS, MEANS

SCENARIOS = ("single-node", "multi-node")


def random_action(rng, simulator):
    """Sparse and dense batches alike, so that some are served, some late and some refused."""
    shape = (simulator.rows, simulator.scenario.slots)
    batch = rng.integers(simulator.nodes + 1, size=shape)
    batch[rng.random(shape) < rng.random()] = 0
    return batch, rng.random((*shape, 2))


@pytest.mark.parametrize("name", SCENARIOS)
def test_ten_thousand_random_actions_conserve_requests(name):
    simulator = Simulator(load_scenario(name), rows=20)
    rng = np.random.default_rng(0)
    seen = np.zeros(6)
    for _ in range(5):
        for row in range(simulator.rows):
            simulator.reset(row, rng)
        for _ in range(simulator.scenario.horizon_epochs):
            before = simulator.state.totals.copy()
            result = simulator.step(*random_action(rng, simulator))
            assert simulator.conserves()
            assert (result.metrics >= 0).all()
            flows = [name not in LEVELS | MEANS.keys() for name in simulator.scenario.metrics]
            np.testing.assert_allclose((simulator.state.totals - before)[:, flows], result.metrics[:, flows])
            column = COLUMN
            refused = sum(result.metrics[:, column[f"refused_{why}"]] for why in ("uplink", "downlink", "memory"))
            assert (result.metrics[:, column["requested"]] == refused + result.metrics[:, column["admitted"]]).all()
            assert (result.metrics[:, column["utilisation"]] <= 1.0 + 1e-12).all()
        for row in range(simulator.rows):
            seen += np.bincount(simulator.state.requests.outcome[row], minlength=6)
            check_outcomes(simulator, row)
    assert (seen[[WAITING, SERVED, LATE, EXPIRED]] > 0).all(), "the actions must reach every outcome"


def check_outcomes(simulator: Simulator, row: int) -> None:
    """Every outcome agrees with its definition, recomputed from the tape."""
    tape, state = simulator.tape, simulator.state
    size = tape.requests.length[row]
    outcome, latency_s = state.requests.outcome[row, :size], state.requests.latency_s[row, :size]
    computed = np.isin(outcome, (SERVED, LATE, BELOW_QUALITY))
    node = state.requests.node[..., 0][row, :size] - 1
    assert ((node >= 0) == computed).all()
    in_time = latency_s <= (tape.requests.deadline_s - tape.requests.arrival_s)[row, :size] + 1e-9
    good = simulator.parameters.quality[node] >= tape.requests.quality_demand[row, :size]
    np.testing.assert_array_equal(outcome == SERVED, computed & in_time & good)
    np.testing.assert_array_equal(outcome == LATE, computed & ~in_time)
    np.testing.assert_array_equal(outcome == BELOW_QUALITY, computed & in_time & ~good)
    least_s = simulator.scenario.uplink_slot_s + simulator.scenario.downlink_slot_s
    chosen = np.flatnonzero(computed)
    work_s, shared_s, _ = costs_of_tape(simulator, row)
    alone_s = (work_s + shared_s)[chosen, node[chosen]]
    assert (latency_s[chosen] >= alone_s + least_s - 1e-9).all()


@pytest.mark.parametrize("name", SCENARIOS)
def test_observations_never_read_ahead(name):
    """Scrambling everything that lies in the future leaves the observation as it is."""
    simulator = Simulator(load_scenario(name))
    simulator.reset(0, np.random.default_rng(3))
    rng = np.random.default_rng(4)
    observer = PooledObserver(simulator)
    for _ in range(10):
        simulator.step(*random_action(rng, simulator))
        before = observer.observe()
        saved = simulator.snapshot()
        future = slice(int(simulator.state.queue.next_arrival[0]), None)
        for name_ in ("deadline_s", "bits", "quality_demand", "value", "cost_drivers", "prompt_tokens"):
            array_of(simulator.tape, name_)[0, future] = 77
        simulator.tape.channels.spectral_efficiency[0, simulator.state.epoch[0] + 1 :] = 7.0
        for field, array in observer.observe().items():
            np.testing.assert_array_equal(array, before[field], err_msg=field)
        simulator.restore(saved)


def test_a_request_is_expired_exactly_when_no_node_can_serve_it_alone():
    """Brute force over nodes: a pending request served alone at once, on an idle future, is in time somewhere."""
    simulator = Simulator(load_scenario("multi-node", {"channel.spectral_efficiency_cap": 7.4}))
    simulator.reset(0, np.random.default_rng(5))
    rng = np.random.default_rng(6)
    (work_s, shared_s, kv_bytes), checked = costs_of_tape(simulator), 0
    for _ in range(60):
        simulator.step(*random_action(rng, simulator))
        state, tape = simulator.state, simulator.tape
        now_s = (state.epoch[0] + 1) * simulator.scenario.epoch_s
        start_s = np.maximum(now_s + simulator.scenario.uplink_slot_s, state.node_free_s[0])
        for request in range(state.queue.next_arrival[0]):
            finish_s = start_s + work_s[request] + shared_s[request]
            finish_s += simulator.scenario.downlink_slot_s
            able = finish_s <= tape.requests.deadline_s[0, request]
            able &= tape.requests.quality_demand[0, request] <= simulator.parameters.quality
            able &= kv_bytes[request] <= simulator.parameters.kv_capacity_bytes
            if state.requests.outcome[0, request] == WAITING:
                assert able.any()
                checked += 1
            elif state.requests.outcome[0, request] == EXPIRED:
                assert not able.any()
                checked += 1
    assert checked > 1000
