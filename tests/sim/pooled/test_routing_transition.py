"""Epochs of batching-and-routing dynamics solved by hand, array by array, and against dynamics without routing."""

from typing import Any

import numpy as np
import pytest

from edge_llm_gym.models.exits import ExitProfile, save_profile
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.columns import KV, WORK
from edge_llm_gym.sim.outcomes import (
    BELOW_QUALITY,
    EMPTY,
    EXPIRED,
    LATE,
    REFUSED_DOWNLINK,
    REFUSED_MEMORY,
    REFUSED_UPLINK,
    SERVED,
    WAITING,
)
from edge_llm_gym.sim.pooled.observation import ROUTING_NODE_FEATURES, PooledObserver
from edge_llm_gym.sim.pooled.transition import reset_row
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.fields import array_of
from tests.sim.pooled.routing_by_hand import act, by_hand, quality_at, random_action, staged
from tests.sim.power_by_hand import set_power

# Entry nodes A and B host blocks 0 and 1, deep nodes C and D blocks 2 and 3. A's epoch begins at 4, its batch at 4.5.
# Hidden vectors take 1e6 bits: A -> C 0.25 + 1 s, A -> D 0.125 + 0.5 s, B -> C 0.5 + 0.25 s, B -> D 1 s.
NETWORK = {
    **{f"nodes.{node}.blocks": [0, 1] for node in (0, 1)},
    **{f"nodes.{node}.blocks": [2, 3] for node in (2, 3)},
    "links.0.rate_bps": 1e6,
    "links.0.latency_s": 0.25,
    "links.1.rate_bps": 2e6,
    "links.1.latency_s": 0.125,
    "links.2.rate_bps": 4e6,
    "links.2.latency_s": 0.5,
    "links.3.rate_bps": 1e6,
}
A, B = 1, 2
OFFLOAD = [[0, 0, 0.5, 0.5], [0, 0, 0.25, 0.75], [0, 0, 0, 0], [0, 0, 0, 0]]
THRESHOLD = [0.5, 0.6, 0.7, 0.5]
# fmt: off
REQUESTS: dict[str, Any] = {
    "arrival_s": [0.5, 1.0, 1.5, 2.0, 2.5, 4.5, 5.0],
    "deadline_s": [7.0, 10.0, 9.0, 12.0, 11.0, 20.0, 21.0],  # so slots are 0, 2, 1, 4, 3
    "quality_demand": [0.5, 0.8, 0.95, 0.9, 0.86, 0.0, 0.0],
    "value": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0],
    "forward_bits": [1e6] * 7,
    "route": [[0.9, 0.9], [0.9, 0.3], [0.9, 0.7], [0.9, 0.9], [0.9, 0.2], [0.9, 0.9], [0.9, 0.1]],
    "confidence": [
        [0.6, 0.9, 0.9, 0.9], [0.2, 0.3, 0.1, 0.9], [0.4, 0.45, 0.8, 0.0], [0.1, 0.6, 0.9, 0.9],
        [0.5, 0.5, 0.75, 0.1], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0],
    ],
    "correct": [[1, 0, 0, 1], [1, 1, 1, 0], [0, 0, 1, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    # through A's two blocks, B's, C's and D's; 9 s where the request does not come
    "hosted_work_s": [
        [0.25, 9, 9, 9, 9, 9, 9, 9], [0.25, 0.5, 9, 9, 0.5, 1.0, 9, 9], [0.25, 0.5, 9, 9, 9, 9, 0.5, 9],
        [9, 9, 0.5, 0.75, 9, 9, 9, 9], [9, 9, 0.25, 0.5, 0.5, 9, 9, 9],
        [0.25, 0.5, 9, 9, 9, 9, 0.5, 1.0], [9, 9, 0.125, 0.25, 0.5, 9, 9, 9],
    ],
    "hosted_shared_s": [
        [0.5, 9, 9, 9, 9, 9, 9, 9], [0.5, 0.75, 9, 9, 0.25, 0.5, 9, 9], [0.5, 1.0, 9, 9, 9, 9, 0.375, 9],
        [9, 9, 0.125, 0.25, 9, 9, 9, 9], [9, 9, 0.25, 0.5, 0.25, 9, 9, 9],
        [0.25, 0.5, 9, 9, 9, 9, 0.25, 0.5], [9, 9, 0.125, 0.25, 0.5, 9, 9, 9],
    ],
    "kv_bytes": [[1, 9, 9, 9], [2, 9, 3, 9], [3, 9, 9, 4], [9, 1, 9, 9], [9, 4, 2, 9], [1, 9, 9, 1], [9, 1, 1, 9]],
}
# fmt: on


@pytest.fixture
def simulator() -> Simulator:
    simulator = by_hand(staged([2, 2], **NETWORK), **REQUESTS)
    simulator.parameters.quality[:] = 0.8, 1.0, 0.9, 1.0
    set_power(simulator, 10.0, [1.0, 2.0, 4.0, 8.0])
    return simulator


def metrics_of(simulator: Simulator, result) -> dict[str, float]:
    return {name: value for name, value in zip(simulator.scenario.metrics, result.metrics[0], strict=True) if value}


def quality(block: int, threshold: float, factor: float) -> float:
    return quality_at("parametric", block, threshold, factor)


def test_first_epoch(simulator):
    # A: requests 0 (block 0), 1 and 2 (both blocks) take .25 + .5 + .5 + max(.5, .75, 1) = 2.25 s, until 6.75.
    # B: requests 3 (just sure enough at block 1) and 4 take .75 + .5 + max(.25, .5) = 1.75 s, until 6.25.
    # C gets request 4 at 7 and request 1 at 8: 1 + .5 + max(.5, .25) = 2 s, until 10. D gets request 2 at 7.375 and
    # computes one block in .875 s, until 8.25. Answers are back .25 s later.
    result = act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    state = simulator.state
    assert result.slot_request[0].tolist() == [0, 2, 1, 4, 3, -1]
    assert result.slot_outcome[0].tolist() == [SERVED, BELOW_QUALITY, LATE, SERVED, SERVED, EMPTY]
    assert result.slot_latency_s[0].tolist() == [6.5, 7.0, 9.25, 7.75, 4.5, 0.0]
    assert state.requests.outcome[0].tolist() == [SERVED, LATE, BELOW_QUALITY, SERVED, SERVED, WAITING, WAITING]
    assert state.requests.latency_s[0].tolist() == [6.5, 9.25, 7.0, 4.5, 7.75, 0.0, 0.0]
    assert state.requests.node[..., 0][0].tolist() == [A, A, A, B, B, 0, 0]
    assert state.requests.node[0].tolist() == [[1, 0], [1, 3], [1, 4], [2, 0], [2, 3], [0, 0], [0, 0]]
    assert state.requests.finish_s[0, :5].tolist() == [
        [6.75, 0.0],
        [6.75, 10.0],
        [6.75, 8.25],
        [6.25, 0.0],
        [6.25, 10.0],
    ]
    assert state.requests.exit_block[0].tolist() == [1, 4, 3, 2, 3, 0, 0]
    assert state.admissions.request[0, :5].tolist() == [0, 2, 1, 4, 3]
    assert state.admissions.until[0].tolist() == [0, 5, 0, 0]
    assert state.threshold_last[0].tolist() == pytest.approx(THRESHOLD)
    assert state.batches.begin_s[0].tolist() == [[start, np.inf, np.inf] for start in (4.5, 4.5, 8.0, 7.375)]
    assert state.batches.end_s[0].tolist() == [[end, -np.inf, -np.inf] for end in (6.75, 6.25, 10.0, 8.25)]
    assert state.batches.kv_bytes[0].tolist() == [[held, 0.0, 0.0] for held in (6.0, 5.0, 5.0, 4.0)]
    assert state.node_free_s[0].tolist() == [6.75, 6.25, 10.0, 8.25]
    assert result.reward[0] == 25.0
    assert metrics_of(simulator, result) == pytest.approx(
        {
            "arrived": 2,
            "served": 3,
            "late": 1,
            "below_quality": 1,
            "pending": 2,
            "requested": 5,
            "admitted": 5,
            "arrived_value": 96.0,
            "served_value": 25.0,
            "late_value": 2.0,
            "below_quality_value": 4.0,
            "delay_s": 6.5 + 4.5 + 7.75,
            "quality": quality(0, 0.5, 0.8) + quality(1, 0.6, 1.0) + quality(2, 0.7, 0.9),  # request 4 passed B and C
            "utilisation": (2.25 + 1.75 + 0.0 + 0.625) / 16.0,  # D is idle until 7.375, C until the epoch is over
            "node_energy_j": 4.0 * 10.0 + 2.25 * 1.0 + 1.75 * 2.0 + 0.625 * 8.0,
            "device_energy_j": 5 * 0.5 * 0.25,
            "energy_j": 50.75 + 0.625,
            "forwarded": 3,
            "correct": 0.8 + 0.8 + 1.0 + 0.9,
            "full_correct": 2.0,
            "exit_1": 1,
            "exit_2": 1,
            "exit_3": 2,
            "exit_4": 1,
        }
    )
    assert simulator.conserves()


def test_a_second_epoch_queues_behind(simulator):
    # At 8.5 A and B begin: A until 9.5, B until 9. Request 5 is on D at 10.125, request 6 on C at 9.75, which is busy
    # until 10 and then takes 1 s; D takes 1.5 s.
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    names = simulator.scenario.metrics
    before = dict(zip(names, simulator.state.totals[0].tolist(), strict=True))
    result = act(simulator, [A, B], OFFLOAD, THRESHOLD)
    state = simulator.state
    assert result.slot_request[0].tolist() == [5, 6, -1, -1, -1, -1]
    assert state.requests.node[0, 5:].tolist() == [[1, 4], [2, 3]]
    assert state.requests.finish_s[0, 5:].tolist() == [[9.5, 11.625], [9.0, 11.0]]
    assert state.requests.exit_block[0, 5:].tolist() == [4, 3]
    assert state.requests.latency_s[0, 5:].tolist() == [11.875 - 4.5, 11.25 - 5.0]
    assert state.batches.begin_s[0, :, 1].tolist() == [8.5, 8.5, 10.0, 10.125]
    assert state.batches.end_s[0, :, 1].tolist() == [9.5, 9.0, 11.0, 11.625]
    assert state.admissions.request[0].tolist() == [0, 2, 1, 4, 3, 5, 6]
    assert state.admissions.until[0].tolist() == [0, 5, 7, 0]
    found = metrics_of(simulator, result)
    assert found["utilisation"] == pytest.approx((1.0 + 0.5 + (2.0 + 1.0) + (0.25 + 1.5)) / 16.0)
    assert found["node_energy_j"] == pytest.approx(4.0 * 10.0 + 1.0 * 1.0 + 0.5 * 2.0 + 3.0 * 4.0 + 1.75 * 8.0)
    assert (found["served_value"], found["forwarded"], found["exit_3"], found["exit_4"]) == (96.0, 2, 1, 1)
    assert "correct" not in found
    total = dict(zip(names, state.totals[0].tolist(), strict=True))
    assert total["served"] == 3 + 2
    assert (before["pending"], total["pending"]) == (2, 0)
    assert total["utilisation"] == pytest.approx((before["utilisation"] + found["utilisation"]) / 2)
    assert total["arrived"] == total["served"] + total["late"] + total["below_quality"] == 7
    assert simulator.conserves()


def test_tokens_of_forwarded_requests_wait_for_round_trips(simulator):
    # A link takes 2 latency + bits / rate per token: request 1 on A -> C, request 2 on A -> D, request 4 on B -> C.
    network = simulator.parameters.network._replace(round_trip_bits=2.5e5)
    simulator._dynamics.parameters = simulator.parameters._replace(network=network)
    simulator.tape.exits.round_trips[0, :5] = 7.0, 2.0, 3.0, 7.0, 1.0
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    state, latency_s, rate_bps = simulator.state, network.latency_s, network.rate_bps
    waits_s = [
        0.0,
        2.0 * (2 * latency_s[0, 2] + 2.5e5 / rate_bps[0, 2]),
        3.0 * (2 * latency_s[0, 3] + 2.5e5 / rate_bps[0, 3]),
        0.0,
        1.0 * (2 * latency_s[1, 2] + 2.5e5 / rate_bps[1, 2]),
    ]
    assert min(waits_s[1], waits_s[2], waits_s[4]) > 0.2
    np.testing.assert_allclose(state.requests.latency_s[0, :5], np.add([6.5, 9.25, 7.0, 4.5, 7.75], waits_s))
    assert state.node_free_s[0].tolist() == [6.75, 6.25, 10.0, 8.25], "no node computes during the round trips"
    assert state.requests.finish_s[0, 1].tolist() == [6.75, 10.0]


def test_a_deep_node_without_room_for_all_runs_one_batch_after_the_other(simulator):
    # Request 1 stands in an earlier slot than request 4, so it goes first: 1.5 s from 8, then .75 s.
    simulator.parameters.kv_capacity_bytes[2] = 4.0
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    state = simulator.state
    assert state.requests.finish_s[0, [1, 4], 1].tolist() == [9.5, 10.25]
    assert state.requests.outcome[0, [1, 4]].tolist() == [SERVED, SERVED]
    assert state.requests.latency_s[0, [1, 4]].tolist() == [9.75 - 1.0, 10.5 - 2.5]
    assert (state.batches.begin_s[0, 2, 0], state.batches.end_s[0, 2, 0], state.node_free_s[0, 2]) == (
        8.0,
        10.25,
        10.25,
    )
    # At 8.5, when the next uplink slot ends, the caches of both are held, 3 and 2 bytes of 4: nothing is free. D holds
    # 4 bytes until 8.25, so all is free there.
    assert state.batches.kv_bytes[0, 2, 0] == 3.0 + 2.0
    free_kv_bytes = PooledObserver(simulator).observe()["nodes"][0, :, ROUTING_NODE_FEATURES.index("free_kv_bytes")]
    assert free_kv_bytes.tolist() == [1.0, 1.0, 0.0, 1.0]
    assert state.requests.finish_s[0, 2].tolist() == [6.75, 8.25], "another node's batch stays what it was"


def test_room_that_is_just_enough_is_enough(simulator):
    simulator.parameters.kv_capacity_bytes[2] = 5.0
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    assert simulator.state.requests.finish_s[0, [1, 4], 1].tolist() == [10.0, 10.0]


def test_without_weights_on_links_shares_are_equal_and_other_weights_count_for_nothing(simulator):
    # Halves of [0, 1): requests 1 and 4 with .3 and .2 go to C, request 2 with .7 to D.
    act(simulator, [A, A, A, B, B], [[1, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]], THRESHOLD)
    assert simulator.state.requests.node[0, :5].tolist() == [[1, 0], [1, 3], [1, 4], [2, 0], [2, 3]]


def test_radio_and_memory_refuse_as_in_epoch_admission(simulator):
    # 1 MHz at 1 bit/s/Hz: the uplink slot carries 5e5 bits, the downlink slot 2.5e5. The weights are .25, .25 and .5.
    simulator.tape.requests.bits[0, [0, 1], 0] = 1.26e5, 2.5e5
    simulator.tape.requests.bits[0, 2, 1] = 0.63e5
    result = act(simulator, [A, A, A, B, B], bandwidth=[[0.25, 0.25], [0.25, 0.25], [0.5, 0.5], [1, 1], [1, 1], [0, 0]])
    assert result.slot_outcome[0, :3].tolist() == [REFUSED_UPLINK, REFUSED_DOWNLINK, SERVED]
    assert simulator.state.requests.exit_block[0].tolist() == [0, 4, 0, 2, 1, 0, 0]
    assert simulator.state.admissions.request[0, :3].tolist() == [1, 4, 3]
    found = metrics_of(simulator, result)
    assert (found["refused_uplink"], found["refused_downlink"], found["admitted"]) == (1, 1, 3)


def test_an_entry_node_holds_caches_for_all_its_blocks_and_of_unfinished_batches(simulator):
    # A has room for 5 bytes: request 0 leaves after one block and is held like the others, so request 1 is refused.
    simulator.parameters.kv_capacity_bytes[0] = 5.0
    simulator.parameters.cost_coefficients[0, 0, WORK] = 4.5  # A ends at 10, after the next uplink slot
    simulator.parameters.cost_coefficients[:2, 5, KV] = 2.0
    result = act(simulator, [A, A, A], OFFLOAD, THRESHOLD)
    assert result.slot_outcome[0, 2] == REFUSED_MEMORY
    assert simulator.state.node_free_s[0, 0] == 4.5 + 4.5 + 0.5 + 1.0
    assert simulator.admissible()[0, :5, A].tolist() == [False, False, False, False, False]
    assert act(simulator, [0, 0, 0, A], OFFLOAD, THRESHOLD).slot_outcome[0, 3] == REFUSED_MEMORY


def test_only_entry_nodes_keep_a_request_from_expiring(simulator):
    # B is busy until 6.25 and A until 6.75; the next batches begin at 8.5.
    simulator.tape.latest_start_s[0, 5:] = -np.inf
    simulator.tape.latest_start_s[0, 5, 0] = 8.5
    simulator.tape.latest_start_s[0, 6, 1] = 8.4
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    assert simulator.state.requests.outcome[0, 5:].tolist() == [WAITING, EXPIRED]
    assert simulator.state.totals[0, COLUMN["expired_value"]] == 64.0


def test_a_network_of_three_stages_forwards_twice():
    # Whatever a node hosts takes 1 s a request, links take none: from 4.5 on one stage computes after the other.
    confidence = [[0.0] * 4, [0.0, 0.9, 0.0, 0.0], [0.0, 0.0, 0.9, 0.0]]
    simulator = by_hand(staged([1, 1, 1]), [0.0, 1.0, 2.0], confidence=confidence, hosted_work_s=1.0)
    result = act(simulator, [1, 1, 1])
    assert simulator.state.requests.node[0].tolist() == [[1, 2, 3], [1, 2, 0], [1, 2, 3]]
    assert simulator.state.requests.finish_s[0].tolist() == [[7.5, 10.5, 12.5], [7.5, 10.5, 0.0], [7.5, 10.5, 12.5]]
    assert simulator.state.requests.exit_block[0].tolist() == [4, 2, 3]
    assert metrics_of(simulator, result)["forwarded"] == 5


def test_routes_depend_on_the_action_and_the_request_alone():
    rng = np.random.default_rng(0)
    scenario = staged([2, 3], slots=40)
    route, weights = rng.random((40, 2)), rng.random((5, 5))
    many = by_hand(scenario, np.linspace(0.0, 3.0, 40), route=route, confidence=0.0)
    act(many, rng.integers(1, 3, 40), weights)
    for request in range(40):
        alone = by_hand(scenario, [0.5], route=route[request], confidence=0.0)
        act(alone, [many.state.requests.node[..., 0][0, request]], weights)
        assert alone.state.requests.node[0, 0].tolist() == many.state.requests.node[0, request].tolist()
    assert set(many.state.requests.node[0, :, 1]) == {3, 4, 5}


def test_an_episode_begins_without_the_thresholds_of_the_one_before(simulator):
    act(simulator, [A, A, A, B, B], OFFLOAD, THRESHOLD)
    reset_row(simulator.parameters, simulator.tape, simulator.state, 0)
    assert simulator.state.threshold_last.tolist() == [[0.0] * 4]


def test_same_tape_and_actions_same_everything():
    first, second = (Simulator(load_scenario("joint", {"horizon_epochs": 12}), rows=2) for _ in range(2))
    for simulator in (first, second):
        for row in range(2):
            simulator.reset(row, np.random.default_rng(row))
    rng = np.random.default_rng(5)
    while not first.ended().any():
        action = random_action(rng, first)
        for one, other in zip(first.step(*action), second.step(*action), strict=True):
            np.testing.assert_array_equal(one, other)
    for (name, array), (_, other) in zip(leaves(first.state), leaves(second.state), strict=True):
        np.testing.assert_array_equal(array, other, err_msg=name)


@pytest.fixture
def one_exit(tmp_path) -> str:
    """Path of a profile of a model without early exits."""
    rng = np.random.default_rng(0)
    profile = ExitProfile("whole", rng.random((50, 1)), rng.random((50, 1)) < 0.7)
    save_profile(profile, tmp_path / "whole.npz")
    return str(tmp_path / "whole.npz")


SHARED_FIELDS = ("outcome", "node", "length", "next_arrival", "oldest")


@pytest.mark.parametrize("exits", ["one", "closed"])
def test_one_stage_without_early_exits_is_batching_dynamics(exits, one_exit):
    """The same seed draws the same requests; the same batches then lead to the same outcomes, to rounding."""
    settings: dict[str, Any] = {"horizon_epochs": 60}
    if exits == "closed":  # an output head at every exit would cost more, and the surest answers offer more than f
        settings |= {"lm_head": False, "cost": "compute", "requests.accuracy": [0.0, 0.7], "epoch_s": 1.0}
        settings |= {"uplink_slot_s": 0.2, "downlink_slot_s": 0.2}
        settings |= {f"nodes.{node}.usable_flops_fraction": 0.1 for node in range(4)}
    whole = {"profile": one_exit, "blocks": [32]} if exits == "one" else {"profile": "parametric", "blocks": [8] * 4}
    pooled = Simulator(load_scenario("multi-node", settings), rows=3)
    through = Simulator(
        load_scenario("multi-node", settings | {"dynamics": "batching_routing", "exits": whole}), rows=3
    )
    for row in range(3):
        pooled.reset(row, np.random.default_rng(row))
        through.reset(row, np.random.default_rng(row))
    through.tape.exits.confidence[:] = np.minimum(through.tape.exits.confidence, 0.99)
    through.tape.latest_start_s[:] = pooled.tape.latest_start_s  # at the first exit a request would be ready earlier
    for row in range(3):
        reset_row(through.parameters, through.tape, through.state, row)
    rng = np.random.default_rng(1)
    while not pooled.ended().any():
        batch, bandwidth, offload, threshold = random_action(rng, through)
        expected = pooled.step(batch, bandwidth)
        found = through.step(batch, bandwidth, offload, np.ones_like(threshold))
        np.testing.assert_array_equal(found.slot_request, expected.slot_request)
        np.testing.assert_array_equal(found.slot_outcome, expected.slot_outcome)
        np.testing.assert_allclose(found.slot_latency_s, expected.slot_latency_s)
        np.testing.assert_allclose(found.metrics[:, : expected.metrics.shape[1]], expected.metrics, atol=1e-9)
        np.testing.assert_array_equal(through.admissible(), pooled.admissible())
        for name in SHARED_FIELDS:
            np.testing.assert_array_equal(array_of(through.state, name), array_of(pooled.state, name), err_msg=name)
    for outcome in (SERVED, LATE, BELOW_QUALITY, EXPIRED):
        assert (pooled.state.requests.outcome == outcome).sum() > 10 or (outcome, exits) == (BELOW_QUALITY, "closed")
    assert set(through.state.requests.exit_block.ravel()) == {0, len(whole["blocks"])}
