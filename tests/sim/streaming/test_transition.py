"""A pipeline of four requests solved by hand, array by array."""

import numpy as np
import pytest

from edge_llm_gym.models.exits import exit_profile
from edge_llm_gym.scenario.metrics import STREAMING_METRICS
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, EMPTY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.power_by_hand import set_power
from tests.sim.streams import act, by_hand, run, staged

A, B, C = 0, 1, 2
THRESHOLD = [0.5, 0.5, 0.6]
# Both devices send 2e6 bit/s: half of 2 MHz at 2 bit/s/Hz. A -> C takes 0.25 s + bits / 1e6, B -> C 0.5 s + bits / 2e6.
NETWORK = {
    "epoch_s": 4.0,
    "horizon_epochs": 3,
    "devices.count": 2,
    "nodes.0.uplink_hz": 2e6,
    "nodes.0.downlink_hz": 2e6,
    "nodes.1.uplink_hz": 2e6,
    "nodes.1.downlink_hz": 2e6,
    "links.0.rate_bps": 1e6,
    "links.0.latency_s": 0.25,
    "links.1.rate_bps": 2e6,
    "links.1.latency_s": 0.5,
}
OFFLOAD = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]  # device 0 sends to A, device 1 to B, both to C
REQUESTS = {
    "arrival_s": [0.5, 1.0, 3.75, 4.25],
    "deadline_s": [6.0, 4.0, 10.0, 10.0],
    "device": [0, 0, 1, 0],
    "bits": [[1e6, 2.5e5]] * 4,  # 0.5 s up, 0.125 s down
    "forward_bits": [1e6] * 4,
    "quality_demand": [0.5, 0.0, 0.95, 0.5],
    "value": [1.0, 2.0, 4.0, 8.0],
    "service_s": [  # on A, on B, on C through block 1, 2 and 3; 9 s where the request does not come
        [2.0, 9.0, 1.0, 0.5, 9.0],
        [1.0, 9.0, 9.0, 9.0, 9.0],
        [9.0, 1.75, 1.0, 0.5, 0.5],
        [0.25, 9.0, 1.0, 9.0, 9.0],
    ],
    "confidence": [[0.2, 0.4, 0.7, 0.0], [0.9, 0.0, 0.0, 0.0], [0.4, 0.5, 0.1, 0.0], [0.0, 0.6, 0.0, 0.0]],
    "correct": [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 1, 1]],
}  # fmt: skip


@pytest.fixture
def simulator() -> Simulator:
    simulator = by_hand(staged([2, 1], **NETWORK), **REQUESTS)
    simulator.tape.channels.spectral_efficiency[:] = 2.0
    simulator.parameters.quality[:] = 0.8, 0.9, 1.0
    set_power(simulator, 10.0, [1.0, 2.0, 4.0])
    return simulator


def metrics_of(result) -> dict[str, float]:
    names = (*STREAMING_METRICS, "exit_1", "exit_2", "exit_3", "exit_4")
    return {name: value for name, value in zip(names, result.metrics[0], strict=True) if value}


def quality_at(block: int, threshold: float, factor: float) -> float:
    """Recomputed from the profile's table."""
    profile = exit_profile("parametric")
    sure = profile.confidence[:, block] >= np.float32(threshold)
    return min(factor * min(profile.correct[sure, block].sum() / profile.correct[sure, -1].sum(), 1.0), 1.0)


def test_first_epoch(simulator):
    # Request 0 computes on A from 1 to 3, on C from 4.25; its third block is sure enough, at 5.75; answered at 5.875.
    # Request 1 waits for A from 1.5 to 3 and leaves there at 4; answered at 4.125, which is late.
    # Request 2 computes on B from 4.25 to 6, is on C at 7 and is sure nowhere: all blocks until 9; answered at 9.125.
    result = act(simulator, OFFLOAD, THRESHOLD)
    state = simulator.state
    assert state.requests.node[0].tolist() == [[1, 3], [1, 0], [2, 3], [0, 0]]
    assert state.requests.reach_s[0].tolist() == [[1.0, 4.25], [1.5, 0.0], [4.25, 7.0], [0.0, 0.0]]
    assert state.requests.start_s[0].tolist() == [[1.0, 4.25], [3.0, 0.0], [4.25, 7.0], [0.0, 0.0]]
    assert state.requests.finish_s[0].tolist() == [[3.0, 5.75], [4.0, 0.0], [6.0, 9.0], [0.0, 0.0]]
    assert state.requests.exit_block[0].tolist() == [3, 1, 4, 0]
    assert state.requests.delay_s[0].tolist() == [5.375, 3.125, 5.375, 0.0]
    assert state.requests.outcome[0].tolist() == [SERVED, LATE, BELOW_QUALITY, EMPTY]  # 2 wants .95 and gets B's .9
    assert state.servers.busy_last_s[0].tolist() == [3.0, 0.0, 0.0]
    assert state.servers.committed_s[0].tolist() == [0.0, 1.75, 3.5]
    assert state.open_visits[0].tolist() == [0, 1, 2]
    assert state.sent_last[0].tolist() == [2, 1, 2]
    assert state.arrived_last[0].tolist() == [2, 1]
    assert (state.next_arrival[0], state.oldest_open[0]) == (3, 0)
    accuracy = 1.0 + (2.5 - 1.0) / (exit_profile("parametric").full_accuracy * 3)
    assert metrics_of(result) == pytest.approx(
        {
            "arrived": 3,
            "served": 1,
            "late": 1,
            "below_quality": 1,
            "in_flight": 3,  # request 1's answer is still on the air
            "arrived_value": 7.0,
            "served_value": 1.0,
            "late_value": 2.0,
            "below_quality_value": 4.0,
            "delay_s": 5.375,
            "quality": quality_at(2, 0.6, 0.8),
            "utilisation": 3.0 / 4.0 / 3.0,
            "node_energy_j": 4.0 * 10.0 + 3.0 * 1.0,
            "device_energy_j": 3 * 0.5 * 0.25,  # request 2 is on air until 4.25, and counts where it arrives
            "energy_j": 43.375,
            "response_s": 13.875,
            "mean_delay_s": 4.625,
            "correct": 0.8 + 0.8 + 0.9,
            "full_correct": 1.0,
            "accuracy": accuracy,
            "exit_1": 1,
            "exit_3": 1,
            "exit_4": 1,
        }
    )
    assert result.reward[0] == pytest.approx(-4.625 + 2.0 * accuracy)
    assert simulator.conserves()


def test_tokens_of_forwarded_requests_wait_for_round_trips(simulator):
    # Two tokens of request 0 take 2 * .25 + 1e5 / 1e6 = .6 s each between A and C, one of request 2 takes
    # 2 * .5 + 1e5 / 2e6 = 1.05 s between B and C; request 1 exits on A. Nodes do not wait for them.
    network = simulator.parameters.network._replace(round_trip_bits=1e5)
    simulator._dynamics.parameters = simulator.parameters._replace(network=network)
    simulator.tape.exits.round_trips[0, :3] = 2.0, 5.0, 1.0
    act(simulator, OFFLOAD, THRESHOLD)
    log = simulator.state.requests
    np.testing.assert_allclose(log.round_trip_s[0], [1.2, 0.0, 1.05, 0.0])
    np.testing.assert_allclose(log.delay_s[0], [5.375 + 1.2, 3.125, 5.375 + 1.05, 0.0])
    assert log.finish_s[0].tolist() == [[3.0, 5.75], [4.0, 0.0], [6.0, 9.0], [0.0, 0.0]]
    assert log.outcome[0].tolist() == [LATE, LATE, LATE, EMPTY]


def test_a_later_epochs_request_makes_way_and_goes_on(simulator):
    # Request 3 computes on A from 4.75 to 5 and on C from 6.25; request 2, of the epoch before, comes at 7 and leaves
    # at 9; the last quarter second follows, until 9.25.
    act(simulator, OFFLOAD, THRESHOLD)
    before = simulator.state.requests.finish_s[0, :3].tolist()
    result = act(simulator, OFFLOAD, THRESHOLD)
    state = simulator.state
    assert state.requests.finish_s[0, :3].tolist() == before
    assert state.requests.reach_s[0, 3].tolist() == [4.75, 6.25]
    assert state.requests.start_s[0, 3].tolist() == [4.75, 6.25]
    assert state.requests.finish_s[0, 3].tolist() == [5.0, 9.25]
    assert state.requests.exit_block[0, 3] == 2
    assert state.requests.delay_s[0, 3] == 9.375 - 4.25
    assert state.servers.busy_last_s[0].tolist() == [0.25, 1.75, 3.25]
    assert state.servers.committed_s[0].tolist() == [0.0, 0.0, 1.25]
    assert state.open_visits[0].tolist() == [0, 0, 2]
    assert state.oldest_open[0] == 2
    found = metrics_of(result)
    assert (found["arrived"], found["served"], found["in_flight"]) == (1, 1, 2)
    assert found["quality"] == pytest.approx(quality_at(1, 0.6, 0.8))
    assert "correct" not in found
    accuracy = 1.0 - 1.0 / exit_profile("parametric").full_accuracy
    assert found["accuracy"] == pytest.approx(accuracy)
    assert result.reward[0] == pytest.approx(-5.125 + 2.0 * accuracy)


def test_an_epoch_without_arrivals_goes_on_computing(simulator):
    for _ in range(2):
        act(simulator, OFFLOAD, THRESHOLD)
    result = act(simulator, OFFLOAD, THRESHOLD)
    assert simulator.state.servers.busy_last_s[0].tolist() == [0.0, 0.0, 1.25]
    assert metrics_of(result) == pytest.approx(
        {"utilisation": 1.25 / 4.0 / 3.0, "node_energy_j": 4.0 * 10.0 + 1.25 * 4.0, "energy_j": 45.0}
    )
    assert result.reward[0] == 0.0
    assert simulator.conserves()
    with pytest.raises(RuntimeError, match="episode has ended"):
        act(simulator, OFFLOAD, THRESHOLD)


def test_thresholds_choose_the_exit(simulator):
    act(simulator, OFFLOAD, [0.0, 0.0, 0.0])
    assert simulator.state.requests.exit_block[0].tolist() == [1, 1, 1, 0]


def test_a_threshold_that_is_just_reached_suffices(simulator):
    act(simulator, OFFLOAD, [0.9, 0.4, 0.7])
    # .9 and .4 are confidences of requests 1 and 2 to the last bit of float32; so is .7 of request 0 on C
    assert simulator.state.requests.exit_block[0].tolist() == [3, 1, 1, 0]


def test_routes_follow_weights_and_each_requests_own_number():
    """Shares divide [0, 1) in the order of the nodes; what is not a link counts for nothing."""
    uniform = np.array([0.0, 0.19, 0.21, 0.49, 0.51, 0.999999])
    simulator = by_hand(staged([3, 1]), np.linspace(0.1, 0.9, 6), route=uniform[:, None].repeat(2, axis=1))
    act(simulator, [[0.1, 0.15, 0.25, 1.0], *[[0, 0, 0, 1]] * 4], [0.0] * 4)
    assert simulator.state.requests.node[0, :, 0].tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("weights", [[0.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.0], [0.0, 0.0, 0.0, 1.0]])
def test_without_weights_on_links_shares_are_equal(weights):
    simulator = by_hand(staged([3, 1]), np.linspace(0.1, 0.9, 9), route=np.linspace(0.0, 0.99, 9)[:, None].repeat(2, 1))
    act(simulator, [weights, *[[0, 0, 0, 1]] * 4], [0.0] * 4)
    assert simulator.state.requests.node[0, :, 0].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_a_route_depends_on_the_action_and_the_request_alone():
    """Other requests, before or after, do not change it: one and the same number decides."""
    rng = np.random.default_rng(0)
    many = by_hand(staged([3, 2]), np.sort(rng.random(40)), route=rng.random((40, 2)), confidence=0.0)
    weights = rng.random((6, 5))
    act(many, weights, [0.5] * 5)
    for request in range(40):
        alone = by_hand(many.scenario, [0.5], route=many.tape.exits.route[0, request], confidence=0.0)
        act(alone, weights, [0.5] * 5)
        assert alone.state.requests.node[0, 0].tolist() == many.state.requests.node[0, request].tolist()


# One node computes one request after the other, 1 s each at its own speed, in epochs of 2 s.
ALONE = {"epoch_s": 2.0, "horizon_epochs": 5}


def slowed(**slowdown) -> Simulator:
    arrival_s = [0.5, 2.0, 2.5, 5.0, 9.0]
    scenario = staged([1], **ALONE, **{"nodes.0.slowdown": slowdown} if slowdown else {})
    simulator = by_hand(scenario, arrival_s, service_s=np.tile([1.0, 0.0, 0.0, 0.0], (5, 1)))
    run(simulator)
    return simulator


@pytest.mark.parametrize(
    ("slowdown", "start_s", "finish_s"),
    [
        ({}, [0.5, 2.0, 3.0, 5.0, 9.0], [1.5, 3.0, 4.0, 6.0, 10.0]),
        # Threefold in the epochs from 2 and from 4: the third request waits until 5, the fourth until 8.
        ({"from_s": 2.0, "until_s": 6.0, "factor": 3.0}, [0.5, 2.0, 5.0, 8.0, 11.0], [1.5, 5.0, 8.0, 11.0, 12.0]),
        # An epoch that began before the slowdown is at full speed, one that began before its end is slow.
        ({"from_s": 0.1, "until_s": 2.1, "factor": 3.0}, [0.5, 2.0, 5.0, 8.0, 9.0], [1.5, 5.0, 8.0, 9.0, 10.0]),
        ({"from_s": 4.0, "factor": 2.0}, [0.5, 2.0, 3.0, 5.0, 9.0], [1.5, 3.0, 4.0, 7.0, 11.0]),
        ({"from_s": 0.0, "factor": 1.0}, [0.5, 2.0, 3.0, 5.0, 9.0], [1.5, 3.0, 4.0, 6.0, 10.0]),
    ],
)
def test_a_node_that_slows_down_by_hand(slowdown, start_s, finish_s):
    state = slowed(**slowdown).state
    assert state.requests.start_s[0, :, 0].tolist() == start_s
    assert state.requests.finish_s[0, :, 0].tolist() == finish_s
    np.testing.assert_array_equal(
        state.requests.delay_s[0], state.requests.finish_s[0, :, 0] - [0.5, 2.0, 2.5, 5.0, 9.0]
    )
