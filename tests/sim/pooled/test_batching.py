"""Epochs solved by hand, array by array."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN, METRICS
from edge_llm_gym.sim.columns import KV, WORK
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EXPIRED, LATE, REFUSED_MEMORY, REFUSED_UPLINK, SERVED, WAITING
from edge_llm_gym.sim.pooled.transition import reset_row
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import write_costs
from tests.sim.power_by_hand import set_power

TIMING = {"epoch_s": 2.0, "uplink_slot_s": 0.5, "downlink_slot_s": 0.25, "slots": 4, "horizon_epochs": 5}
#           arrival deadline  up bits  down  accuracy value work shared  KV
REQUESTS = [
    (0.2, 9.2, 4e5, 1e5, 0.0, 1.0, 1.0, 1.5, 4e8),
    (0.6, 6.6, 2e5, 1e5, 0.95, 2.0, 0.5, 0.5, 3e8),
    (1.5, 5.0, 5e5, 1e5, 0.5, 4.0, 0.25, 1.0, 5e8),
    (3.0, 4.0, 1e5, 1e5, 0.0, 8.0, 0.25, 0.5, 1e8),
]
ROOM_BYTES, QUALITY, BANDWIDTH_HZ, EFFICIENCY = 1e9, 0.9, 1e6, 2.0


@pytest.fixture
def simulator() -> Simulator:
    """One node whose uplink slot carries 1e6 bits and whose downlink slot carries 5e5, and the requests above."""
    simulator = Simulator(load_scenario("single-node", TIMING))
    simulator.parameters.kv_capacity_bytes[:] = ROOM_BYTES
    simulator.parameters.quality[:] = QUALITY
    simulator.parameters.radio.bandwidth_hz[:] = BANDWIDTH_HZ
    rows = np.array(REQUESTS)
    size = len(rows)
    write_costs(simulator, rows[:, [6]], rows[:, [7]], rows[:, [8]], size)
    set_power(simulator, 10.0, [40.0])
    tape = simulator.tape
    tape.requests.length[0] = size
    tape.requests.arrival_s[0, :size], tape.requests.deadline_s[0, :size] = rows[:, 0], rows[:, 1]
    tape.requests.bits[0, :size] = rows[:, 2:4]
    tape.requests.quality_demand[0, :size], tape.requests.value[0, :size] = rows[:, 4], rows[:, 5]
    tape.latest_start_s[0, :size, 0] = rows[:, 1] - TIMING["downlink_slot_s"] - rows[:, 6] - rows[:, 7]
    tape.channels.spectral_efficiency[0] = EFFICIENCY
    reset_row(simulator.parameters, tape, simulator.state, 0)
    return simulator


def act(simulator: Simulator, batch: list[int], up: list[float], down: list[float]):
    bandwidth = np.stack([up, down], axis=-1)[None].astype(np.float64)
    return simulator.step(np.array([batch], np.int64), bandwidth)


def metrics_of(result) -> dict[str, float]:
    return {name: value for name, value in zip(METRICS, result.metrics[0], strict=True) if value}


def test_first_decision_sees_what_arrived_before_it_by_deadline(simulator):
    assert simulator.state.queue.request[0, :3].tolist() == [2, 1, 0]
    assert simulator.state.queue.length[0] == 3
    assert simulator.state.totals[0, COLUMN["arrived"]] == 3
    assert simulator.state.totals[0, COLUMN["arrived_value"]] == 7.0


def test_epoch_with_one_served_one_poor_one_refused(simulator):
    # Uplink weights .5, .3, .2 are the shares; needed are .5, .2, .4.
    # Downlink weights are zero: a third each, .2 needed.
    # T = .25 + .5 + max(1, .5) = 1.75 from 2.5 to 4.25; answers are back at 4.5.
    result = act(simulator, [1, 1, 1, 1], [0.5, 0.3, 0.2, 1.0], [0.0] * 4)
    assert result.slot_request[0].tolist() == [2, 1, 0, -1]
    assert result.slot_outcome[0].tolist() == [SERVED, BELOW_QUALITY, REFUSED_UPLINK, 0]
    assert result.slot_latency_s[0] == pytest.approx([3.0, 3.9, 0.0, 0.0])
    assert simulator.state.node_free_s[0, 0] == 4.25
    assert simulator.state.batches.end_s[0, 0].tolist() == [4.25, *[-np.inf] * 4]
    assert simulator.state.batches.kv_bytes[0, 0].tolist() == [8e8, 0, 0, 0, 0]
    assert simulator.state.requests.outcome[0, :4].tolist() == [WAITING, BELOW_QUALITY, SERVED, EXPIRED]
    assert simulator.state.requests.node[..., 0][0, :4].tolist() == [0, 1, 1, 0]
    assert simulator.state.queue.length[0] == 1
    assert simulator.state.queue.request[0, 0] == 0
    assert result.reward[0] == 4.0
    assert metrics_of(result) == pytest.approx(
        {
            "arrived": 1,
            "served": 1,
            "below_quality": 1,
            "expired": 1,  # the request of deadline 4 came in at 3 and is hopeless at 4
            "pending": 1,
            "requested": 3,
            "admitted": 2,
            "refused_uplink": 1,
            "arrived_value": 8.0,
            "served_value": 4.0,
            "below_quality_value": 2.0,
            "expired_value": 8.0,
            "delay_s": 3.0,
            "quality": QUALITY,
            "utilisation": 0.75,  # busy from 2.5 to 4 within the epoch from 2 to 4
            "node_energy_j": 2.0 * 10.0 + 1.5 * 40.0,
            "device_energy_j": 2 * 0.5 * 0.25,  # the request that the uplink refuses is not sent
            "energy_j": 80.25,
        }
    )
    assert simulator.conserves()


def test_a_later_batch_waits_for_the_uplink_and_its_kv_room(simulator):
    act(simulator, [1, 1, 1, 0], [0.5, 0.3, 0.2, 0.0], [0.0] * 4)
    # At 4.5, when the uplink ends, the first batch (until 4.25) has left the memory.
    result = act(simulator, [1, 0, 0, 0], [1.0] * 4, [1.0] * 4)
    assert result.slot_outcome[0].tolist() == [SERVED, 0, 0, 0]
    assert result.slot_latency_s[0, 0] == pytest.approx(7.0 + 0.25 - 0.2)
    assert simulator.state.node_free_s[0, 0] == 7.0
    assert metrics_of(result)["utilisation"] == pytest.approx((0.25 + 1.5) / 2.0)
    assert metrics_of(result)["node_energy_j"] == pytest.approx(2.0 * 10.0 + 1.75 * 40.0)


def test_memory_refuses_in_slot_order_and_goes_on(simulator):
    simulator.parameters.kv_capacity_bytes[:] = 7e8
    simulator.tape.requests.bits[0, 0, 0] = 1e5
    simulator.parameters.cost_coefficients[0, 0, KV] = 2e8
    result = act(simulator, [1, 1, 1, 0], [0.5, 0.2, 0.3, 0.0], [1.0] * 4)
    # 5e8 + 3e8 > 7e8, but 5e8 + 2e8 fits. T = .25 + 1 + 1.5 ends at 5.25: too late for the first, in time for the last.
    assert result.slot_outcome[0].tolist() == [LATE, REFUSED_MEMORY, SERVED, 0]
    assert simulator.state.batches.kv_bytes[0, 0, 0] == 7e8
    assert metrics_of(result)["device_energy_j"] == 3 * 0.5 * 0.25, "memory refuses what has been sent"


def test_memory_counts_unfinished_batches(simulator):
    simulator.parameters.kv_capacity_bytes[:] = 8e8
    simulator.parameters.cost_coefficients[0, 2, WORK] = (
        2.5  # the first batch now ends at 6, after the next uplink slot
    )
    first = act(simulator, [1, 0, 0, 0], [1.0] * 4, [1.0] * 4)
    assert first.slot_outcome[0, 0] == LATE  # 6.25 > 5
    # The node being busy until 6, request 1 (latest start 5.35) has expired; request 0 wants 4e8 of the 3e8 left.
    assert simulator.state.queue.request[0, : simulator.state.queue.length[0]].tolist() == [0]
    assert not simulator.admissible()[0, 0, 1]
    assert act(simulator, [1, 0, 0, 0], [1.0] * 4, [1.0] * 4).slot_outcome[0, 0] == REFUSED_MEMORY


def test_late_is_computed_in_vain(simulator):
    simulator.parameters.cost_coefficients[0, 2, WORK] = 3.0
    result = act(simulator, [1, 0, 0, 0], [1.0] * 4, [1.0] * 4)
    assert result.slot_outcome[0, 0] == LATE
    assert metrics_of(result)["late_value"] == 4.0
    assert result.reward[0] == 0.0


def test_waiting_costs_nothing_and_expires(simulator):
    outcomes = []
    for _ in range(5):
        act(simulator, [0] * 4, [0.0] * 4, [0.0] * 4)
        outcomes.append(simulator.state.requests.outcome[0, :4].tolist())
    # Decisions at 4, 6, 8, 10: latest starts are 3.5 and 5.35 and 6.45 less the uplink slot of .5.
    assert outcomes[0] == [WAITING, WAITING, EXPIRED, EXPIRED]
    assert outcomes[1] == [EXPIRED, EXPIRED, EXPIRED, EXPIRED]
    assert simulator.ended()[0]
    with pytest.raises(RuntimeError, match="episode has ended"):
        act(simulator, [0] * 4, [0.0] * 4, [0.0] * 4)
