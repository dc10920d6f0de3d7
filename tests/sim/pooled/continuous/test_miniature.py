"""Epochs of continuous batching solved by hand, array by array.

One node. An iteration of B sequences that attend to C tokens takes 1/16 + B/32 + C/256 s, and a prefill 1/4 s.
Times are sums of powers of two, so that they are exact.
"""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import CONTINUOUS_METRICS
from edge_llm_gym.sim.columns import KV
from edge_llm_gym.sim.outcomes import EXPIRED, LATE, REFUSED_MEMORY, RUNNING, SERVED, WAITING
from edge_llm_gym.sim.pooled.continuous.records import IterationConstants
from edge_llm_gym.sim.pooled.continuous.transition import reset_row
from edge_llm_gym.sim.request_costs import KV_TOKENS, PREFILL_FLOPS
from edge_llm_gym.sim.simulator import Simulator

TIMING = {"epoch_s": 2.0, "uplink_slot_s": 0.5, "downlink_slot_s": 0.25, "slots": 4, "horizon_epochs": 5}
#           arrival deadline prompt output predicted value
REQUESTS = [
    (0.5, 9.0, 2, 3, 3, 1.0),
    (1.0, 3.5, 4, 2, 2, 2.0),
    (3.0, 8.0, 2, 1, 1, 4.0),
    (3.5, 9.5, 6, 9, 2, 8.0),
]
CAPACITY_TOKENS = 13


@pytest.fixture
def simulator() -> Simulator:
    one_node = {"nodes": load_scenario("single-node").model_dump(mode="json")["nodes"], "lengths.prediction.sigma": 0.4}
    simulator = Simulator(load_scenario("continuous", TIMING | one_node))
    dynamics, parameters, tape, rows = simulator._dynamics, simulator.parameters, simulator.tape, np.array(REQUESTS)
    size, requests = len(rows), tape.requests
    parameters.kv_capacity_bytes[:] = 2.0 * CAPACITY_TOKENS
    parameters.quality[:] = 1.0
    parameters.radio.bandwidth_hz[:] = 1e9
    parameters.cost_coefficients[:, :, KV] = 0.0
    parameters.cost_coefficients[:, KV_TOKENS, KV] = 2.0
    dynamics.constants = IterationConstants(
        step_s=np.array([1 / 16]),
        sequence_s=np.array([1 / 32]),
        context_s=np.array([1 / 256]),
        prefill_s=np.array([1 / 8]),
        prefill_flop_s=np.array([1 / 8]),
        token_bytes=np.array([2.0]),
        capacity_tokens=np.array([float(CAPACITY_TOKENS)]),
        padded_prompt=0,
    )
    requests.length[0] = size
    requests.arrival_s[0, :size], requests.deadline_s[0, :size] = rows[:, 0], rows[:, 1]
    requests.prompt_tokens[0, :size], requests.output_tokens[0, :size] = rows[:, 2], rows[:, 3]
    requests.predicted_tokens[0, :size], requests.value[0, :size] = rows[:, 4], rows[:, 5]
    requests.bits[0, :size], requests.answer_bits[0, :size], requests.quality_demand[0, :size] = 1.0, 1.0, 0.5
    tape.cost_drivers[0, :size, PREFILL_FLOPS] = 1.0
    tape.predicted_drivers[0, :size, KV_TOKENS] = rows[:, 2] + rows[:, 4]
    tape.latest_start_s[0, :size, 0] = rows[:, 1] - 0.75
    tape.channels.spectral_efficiency[0] = 2.0
    reset_row(parameters, tape, simulator.state, 0)
    return simulator


def act(simulator: Simulator, *batch: int):
    slots = np.zeros((1, 4), np.int64)
    slots[0, : len(batch)] = batch
    return simulator.step(slots, np.ones((1, 4, 2)))


def metrics_of(result) -> dict[str, float]:
    return {name: float(value) for name, value in zip(CONTINUOUS_METRICS, result.metrics[0], strict=True) if value}


def nodes_of(simulator: Simulator) -> dict[str, float]:
    nodes = simulator.state.nodes
    names = ("boundary_s", "iteration", "held_tokens", "reserved_tokens", "running", "admitted", "prefilled")
    return {name: float(getattr(nodes, name)[0, 0]) for name in names}


def test_two_sequences_of_the_first_epoch(simulator):
    """Requests 1 and 0 join at 2.5: prefills to 2.75 and 3.0; held tokens 5 and 3.

    One iteration of both: 1/16 + 2/32 + 8/256 = 5/32, to 3.15625, where request 1 has its two tokens and leaves. The
    last one of request 0 alone, with 4 tokens: 1/16 + 1/32 + 4/256 = 7/64, to 3.265625.
    """
    assert simulator.state.queue.request[0, :2].tolist() == [1, 0]
    result = act(simulator, 1, 1)
    assert result.slot_request[0].tolist() == [1, 0, -1, -1]
    assert result.slot_outcome[0].tolist() == [SERVED, SERVED, 0, 0]
    assert result.slot_latency_s[0].tolist() == [3.40625 - 1.0, 3.515625 - 0.5, 0.0, 0.0]
    log, sequences = simulator.state.requests, simulator.state.sequences
    assert log.finish_s[0, :2, 0].tolist() == [3.265625, 3.15625]
    assert sequences.begin_s[0, :2].tolist() == [2.75, 2.5]
    assert sequences.first_token_s[0, :2].tolist() == [3.0, 2.75]
    assert log.node[0, :4, 0].tolist() == [1, 1, 0, 0]
    assert nodes_of(simulator) == {
        "boundary_s": 4.0,  # idle
        "iteration": 2.0,
        "held_tokens": 0.0,
        "reserved_tokens": 0.0,
        "running": 0.0,
        "admitted": 2.0,
        "prefilled": 2.0,
    }
    assert result.reward[0] == 3.0
    metrics, device = metrics_of(result), simulator.scenario.nodes[0].device()
    node_j = 2.0 * device.idle_w + (device.busy_w - device.idle_w) * 0.765625
    assert metrics.pop("node_energy_j") == pytest.approx(node_j)
    assert metrics.pop("device_energy_j") == pytest.approx(2 * 0.5 * 10**2.3 / 1000)  # both send in the whole slot
    assert metrics.pop("energy_j") == pytest.approx(node_j + 10**2.3 / 1000)
    assert metrics == {
        "arrived": 2.0,  # requests 2 and 3 by 4.0
        "arrived_value": 12.0,
        "served": 2.0,
        "served_value": 3.0,
        "pending": 2.0,
        "requested": 2.0,
        "admitted": 2.0,
        "delay_s": 2.40625 + 3.015625,
        "quality": 2.0,
        "utilisation": 0.765625 / 2.0,
        "first_tokens": 2.0,
        "ttft_s": 1.75 + 2.5,
        "decoded": 2.0,
        "mean_ttft_s": 2.125,
        "tpot_s": 0.40625 + 0.265625 / 2,
        "mean_tpot_s": 0.26953125,
        "goodput_per_s": 1.0,
    }


def test_an_underestimated_sequence_grows_until_the_next_one_finds_no_memory(simulator):
    """Request 3 reserves 6 + 2 tokens and needs 15 of the 13: it is evicted as the latest when its 14th would come.

    It joins at 4.5 and holds 7 tokens from 4.75 on. Iteration with C tokens: 3/32 + C/256; six of them, C = 7 ... 12,
    take 6 x 3/32 + 57/256 = 201/256. At 4.75 + 201/256 = 5.53515625 the seventh needs a 14th token.
    """
    act(simulator, 0, 0)
    assert simulator.state.queue.request[0, :3].tolist() == [2, 0, 3]
    result = act(simulator, 0, 0, 1)
    assert simulator.state.requests.outcome[0, :4].tolist() == [WAITING, EXPIRED, WAITING, LATE]
    assert simulator.state.requests.finish_s[0, 3, 0] == 4.75 + 201 / 256
    assert simulator.state.requests.latency_s[0, 3] == 0.0
    assert (result.slot_outcome[0, 2], result.slot_evicted[0].tolist()) == (LATE, [False, False, True, False])
    assert nodes_of(simulator)["held_tokens"] == nodes_of(simulator)["reserved_tokens"] == 0.0
    found = metrics_of(result)
    assert (found["evicted"], found["late"], found["late_value"], found["first_tokens"]) == (1.0, 1.0, 8.0, 1.0)
    assert "decoded" not in found
    assert found["utilisation"] == pytest.approx((0.25 + 201 / 256) / 2.0)


def test_a_sequence_runs_into_the_next_epoch_and_holds_its_reservation(simulator):
    """With iterations of 3/4 s, request 0 has its tokens at 2.75, 3.5 and 4.25.

    At 4.0 it still holds 5 reserved tokens, so that 8 more fit: request 3 (8) does, and request 2 (3) then does not.
    """
    simulator._dynamics.constants.step_s[:] = 0.75 - 1 / 32
    simulator._dynamics.constants.context_s[:] = 0.0
    first = act(simulator, 0, 1)
    assert first.slot_outcome[0].tolist() == [WAITING, RUNNING, 0, 0]
    assert nodes_of(simulator)["boundary_s"] == 3.5  # the second iteration, to 4.25, is not over
    assert metrics_of(first)["running"] == 1.0
    assert simulator.conserves()
    queue = simulator.state.queue.request[0, :2].tolist()
    assert queue == [2, 3]
    assert simulator.admissible()[0, :3, 1].tolist() == [True, True, False]
    second = act(simulator, 1, 1)
    assert second.slot_outcome[0].tolist() == [SERVED, REFUSED_MEMORY, 0, 0]
    # request 0 ends at 4.25; the node is idle until 4.5, and request 2 has its only token after its prefill
    assert simulator.state.requests.finish_s[0, [0, 2], 0].tolist() == [4.25, 4.75]
    assert simulator.state.requests.outcome[0, [0, 2]].tolist() == [SERVED, SERVED]
    found = metrics_of(second)
    assert (found["served"], found["decoded"], found["first_tokens"]) == (2.0, 1.0, 1.0)
    assert found["utilisation"] == pytest.approx(0.5 / 2.0)
    assert second.reward[0] == 5.0


def test_a_prefill_stalls_the_running_sequence(simulator):
    """With iterations of 3/4 s, request 0 has tokens at 2.75, 3.5, 4.25 and 5.0; request 2 is ready at 4.5.

    Its prefill takes from 5.0 to 5.25, so that the fifth token of request 0 comes at 6.0.
    """
    simulator._dynamics.constants.step_s[:] = 0.75 - 1 / 32
    simulator._dynamics.constants.context_s[:] = 0.0
    simulator.tape.requests.output_tokens[0, 0] = 5
    simulator.tape.requests.predicted_tokens[0, 0] = 5
    simulator.tape.predicted_drivers[0, 0, KV_TOKENS] = 7.0
    act(simulator, 0, 1)
    act(simulator, 1)
    finish_s, first_token_s = simulator.state.requests.finish_s, simulator.state.sequences.first_token_s
    assert finish_s[0, 0, 0] == 6.0
    assert first_token_s[0, 2] == finish_s[0, 2, 0] == 5.25
