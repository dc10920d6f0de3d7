"""Epochs with predicted output lengths solved by hand, array by array."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import ENERGY_TABLE, METRICS
from edge_llm_gym.sim.outcomes import EXPIRED, LATE, REFUSED_MEMORY, SERVED, WAITING
from edge_llm_gym.sim.pooled.observation import FREE_KV_BYTES, OUTPUT_TOKENS, TIME_UNTIL_FREE, PooledObserver
from edge_llm_gym.sim.pooled.transition import reset_row
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import write_predicted_costs

TIMING = {"epoch_s": 2.0, "uplink_slot_s": 0.5, "downlink_slot_s": 0.25, "slots": 4, "horizon_epochs": 5}
CAPACITY_BYTES, QUALITY, BANDWIDTH_HZ, EFFICIENCY = 1e9, 0.9, 1e6, 2.0
#    arrival deadline latest  predicted: down, work, shared, KV    true: answer, work, shared, KV
REQUESTS = np.array(
    [
        (0.2, 6.8, 6.0, 1e5, 0.5, 0.5, 3e8, 1e5, 1.0, 1.0, 4e8),
        (0.4, 6.9, 6.0, 1e5, 0.5, 1.0, 3e8, 2.5e5, 0.5, 2.0, 5e8),
        (0.6, 14.0, 9.0, 1e5, 0.5, 0.5, 3e8, 5e4, 0.5, 0.5, 3e8),
        (3.0, 15.0, 12.0, 1e5, 1.0, 0.75, 5e8, 1e5, 3.0, 2.0, 5e8),
        (3.5, 12.0, 5.5, 1e5, 1.0, 1.0, 5e8, 1e5, 1.0, 1.0, 5e8),
        (8.5, 20.0, 18.0, 1e5, 0.5, 0.5, 5e8, 1e5, 0.5, 0.5, 6e8),
    ]
)
VALUE = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]


@pytest.fixture
def simulator() -> Simulator:
    """One node whose uplink slot carries 1e6 bits and whose downlink slot carries 5e5, and the requests above."""
    simulator = Simulator(load_scenario("single-node", TIMING | {"lengths.prediction.sigma": 0.5}))
    simulator.parameters.kv_capacity_bytes[:] = CAPACITY_BYTES
    simulator.parameters.quality[:] = QUALITY
    simulator.parameters.radio.bandwidth_hz[:] = BANDWIDTH_HZ
    size = len(REQUESTS)
    predicted, true = (REQUESTS[:, None, first : first + 3].transpose(2, 0, 1) for first in (4, 8))
    write_predicted_costs(simulator, true, predicted, size)
    tape, requests = simulator.tape, simulator.tape.requests
    requests.length[0] = size
    requests.arrival_s[0, :size], requests.deadline_s[0, :size] = REQUESTS[:, 0], REQUESTS[:, 1]
    tape.latest_start_s[0, :size, 0] = REQUESTS[:, 2]
    requests.bits[0, :size, 0], requests.bits[0, :size, 1] = 1e5, REQUESTS[:, 3]
    requests.answer_bits[0, :size] = REQUESTS[:, 7]
    requests.quality_demand[0, :size], requests.value[0, :size] = 0.0, VALUE
    requests.predicted_tokens[0, :size], requests.output_tokens[0, :size] = 128, 77
    tape.channels.spectral_efficiency[0] = EFFICIENCY
    reset_row(simulator.parameters, tape, simulator.state, 0)
    return simulator


def act(simulator: Simulator, batch: list[int], down=(1.0, 1.0, 1.0, 1.0)):
    bandwidth = np.stack([np.ones(4), down], axis=-1)[None]
    return simulator.step(np.array([batch], np.int64), bandwidth)


def metrics_of(result) -> dict[str, float]:
    """The metrics that are not 0, without those of energy."""
    pairs = zip(METRICS, result.metrics[0], strict=True)
    return {name: value for name, value in pairs if value and name not in ENERGY_TABLE}


def node_seen(simulator: Simulator) -> list[float]:
    """Time until the node is free in s, and free memory in bytes."""
    node = PooledObserver(simulator).observe()["nodes"][0, 0]
    return [float(node[TIME_UNTIL_FREE] * 2.0), pytest.approx(float(node[FREE_KV_BYTES]) * CAPACITY_BYTES, abs=100)]


def test_the_last_admitted_sequence_is_evicted_where_true_caches_overflow(simulator):
    # Reservations 3 + 3 + 3 fit into 10; true caches 4, 4 + 5, 4 + 5 + 3 do not: the third is evicted.
    # True time 1 + .5 + .5 + max(1, 2, .5) = 4 from 2.5 to 6.5: evictions shorten nothing.
    # Downlink shares 1/2, 1/4, 1/4 carry 2.5e5, 1.25e5, 1.25e5 bits: the second answer takes 2 x .25 s.
    result = act(simulator, [1, 1, 1, 0], [0.5, 0.25, 0.25, 0.0])
    state = simulator.state
    assert result.slot_request[0].tolist() == [0, 1, 2, -1]
    assert result.slot_outcome[0].tolist() == [SERVED, LATE, LATE, 0]
    assert result.slot_evicted[0].tolist() == [False, False, True, False]
    assert result.slot_latency_s[0] == pytest.approx([6.75 - 0.2, 7.0 - 0.4, 0.0, 0.0])
    assert state.requests.outcome[0, :3].tolist() == [SERVED, LATE, LATE]
    assert state.node_free_s[0, 0] == 6.5
    assert state.batches.kv_bytes[0, 0].tolist() == [9e8, 0, 0, 0, 0], "reserved"
    assert state.predictions.used_bytes[0, 0].tolist() == [9e8, 0, 0, 0, 0]
    assert state.predictions.ready_s[0, 0, 0] == 2.5
    assert state.predictions.duration_s[0, 0].tolist() == [2.5, 0, 0, 0, 0], ".5 + .5 + .5 + max(.5, 1, .5)"
    assert metrics_of(result) == pytest.approx(
        {
            "arrived": 2,
            "served": 1,
            "late": 2,
            "pending": 2,
            "requested": 3,
            "admitted": 3,
            "evicted": 1,
            "arrived_value": 24.0,
            "served_value": 1.0,
            "late_value": 6.0,
            "delay_s": 6.55,
            "quality": QUALITY,
            "utilisation": 0.75,
        }
    )
    assert result.reward[0] == 1.0
    assert simulator.conserves()


def test_earlier_sequences_stay_even_if_later_ones_alone_would_fit(simulator):
    # True caches 4, 4 + 7 > 10: the second is evicted and so is the third, admitted later, although 4 + 3 would fit.
    simulator.parameters.cost_coefficients[0, 1, 2] = 7e8
    result = act(simulator, [1, 1, 1, 0])
    assert result.slot_evicted[0].tolist() == [False, True, True, False]
    assert simulator.state.predictions.used_bytes[0, 0, 0] == 4e8


def test_a_request_that_never_fits_is_evicted_alone(simulator):
    simulator.parameters.cost_coefficients[0, 0, 2] = 1.1e9
    result = act(simulator, [1, 0, 0, 0])
    assert (result.slot_outcome[0, 0], result.slot_evicted[0, 0]) == (LATE, True)
    assert simulator.state.predictions.used_bytes[0, 0, 0] == 0.0


def test_what_is_observed_is_what_is_expected(simulator):
    act(simulator, [1, 1, 1, 0])  # in truth until 6.5, as predicted until 2.5 + 2.5 = 5
    state, seen = simulator.state, PooledObserver(simulator).observe()
    assert seen["requests"][0, :2, OUTPUT_TOKENS].tolist() == [0.25, 0.25], "128 / 512"
    # At 4, before an uplink slot until 4.5. Request 4 (latest start 5.5) still waits: the node may be free at 5.
    assert state.queue.request[0, :2].tolist() == [4, 3]
    assert node_seen(simulator) == [0.5, 1e8]
    assert not simulator.admissible()[0, 0, 1]
    refused = act(simulator, [0, 1, 0, 0])
    assert refused.slot_outcome[0].tolist() == [WAITING, REFUSED_MEMORY, 0, 0]
    # At 6 the batch is overdue by 1 s, so it is expected to end at 7, and holds its memory. 6.5 is too late for 4.
    assert state.queue.request[0, : state.queue.length[0]].tolist() == [3]
    assert state.requests.outcome[0, 4] == EXPIRED
    assert state.predictions.expired_epoch[0].tolist()[:6] == [-1, -1, -1, -1, 2, -1]
    assert node_seen(simulator) == [0.5, 1e8]
    assert act(simulator, [1, 0, 0, 0]).slot_outcome[0, 0] == REFUSED_MEMORY
    # At 8 it has ended.
    assert node_seen(simulator) == [0.0, 1e9]
    assert simulator.admissible()[0, 0, 1]


def test_a_batch_that_does_not_end_as_expected_costs_the_next_one_its_memory(simulator):
    for _ in range(3):
        act(simulator, [0, 0, 0, 0])
    # At 8: request 3 runs from 8.5, in truth for 3 + 2 s until 13.5, as predicted for 1 + .75 s until 10.25.
    assert simulator.state.queue.request[0, :1].tolist() == [2]
    first = act(simulator, [0, 1, 0, 0])
    assert first.slot_request[0, 1] == 3
    assert (first.slot_outcome[0, 1], first.slot_evicted[0, 1]) == (SERVED, False)
    # At 10 it is expected to leave 5e8 bytes before 10.5, so request 5 is admitted; 5e8 + 6e8 do not fit.
    assert node_seen(simulator) == [0.0, 1e9]
    slot = simulator.state.queue.request[0, :2].tolist().index(5)
    second = act(simulator, [int(index == slot) for index in range(4)])
    assert (second.slot_outcome[0, slot], second.slot_evicted[0, slot]) == (LATE, True)
    state = simulator.state
    assert state.batches.begin_s[0, 0, 3:].tolist() == [8.5, 13.5]
    assert state.node_free_s[0, 0] == 14.5
    # At 12 the first is overdue by 1.75 s, so the second is expected to run from 13.75 for .5 + .5 s. Both reservations
    # are held.
    assert state.predictions.node_free_s[0, 0] == 14.75
    assert state.predictions.held_bytes[0, 0] == 1e9
